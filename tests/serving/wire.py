"""A server process and the raw wire to it: what a client sends, and what really comes back."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SCRIPT = Path(sys.executable).with_name("delegation-telemetry")
LIMIT_S = 30.0
HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tests", "version": "1"},
}


class Stopped(Exception):
    """The server closed its output, or said nothing in time."""


class Server:
    """`delegation-telemetry serve` as a child, over the handshake era of the protocol."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self.process = subprocess.Popen(
            [SCRIPT, "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env={"HOME": str(home), "PATH": os.environ["PATH"], **(environment or {})},
            cwd=home,
            bufsize=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self._buffer = b""
        self._last_id = 0

    def __enter__(self) -> Self:
        self.request("initialize", HANDSHAKE)
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.stdin, self.stdout, self.errors):
            stream.close()

    def write(self, message: Mapping[str, Any] | bytes) -> None:
        data = (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n"
        while data:
            data = data[os.write(self.stdin.fileno(), data) :]

    def send(self, method: str, params: Mapping[str, Any]) -> int:
        self._last_id += 1
        self.write({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})
        return self._last_id

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self.wait_for(self.send(method, params))

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.request("tools/call", {"name": tool, "arguments": arguments})["result"]
        return answer

    def text(self, tool: str, **arguments: Any) -> str:
        content: str = self.call(tool, **arguments)["content"][0]["text"]
        return content

    def wait_for(self, request_id: int | str) -> dict[str, Any]:
        while True:
            message = self.read()
            if message.get("id") == request_id and "method" not in message:
                return message

    def read(self) -> dict[str, Any]:
        while b"\n" not in self._buffer:
            if not select.select([self.stdout], [], [], LIMIT_S)[0]:
                raise Stopped("no answer")
            chunk = os.read(self.stdout.fileno(), 1 << 16)
            if not chunk:
                raise Stopped(self.said())
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return self.process.wait(LIMIT_S)

    def said(self) -> str:
        """What it wrote on stderr so far."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")
