"""A raw client of one MCP server on stdio: pipes and JSON, about 10 us a call, so that the times are the server's.

The SDK's own client costs more than the server. Linux only: CPU time and memory of the server come from `/proc`.
"""

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from measuring import HERE, Clock

Era = Literal["2025-11-25", "2026-07-28"]
HANDSHAKE: Final[Era] = "2025-11-25"
MODERN: Final[Era] = "2026-07-28"

_CLIENT: Final = {"name": "benchmark", "version": "1"}
_EVERY_REQUEST: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_EXIT_LIMIT_S: Final = 10.0
_PIPE_BUFFER: Final = 1 << 16

OURS: Final = (str(Path(sysconfig.get_path("scripts")) / "delegation-telemetry"), "serve")
BARE: Final = (sys.executable, str(HERE / "bare_server.py"))
"""The floor: a server of the same SDK and interpreter with one tool that returns what it is given."""


class Server:
    """One server process, and the wire to it."""

    def __init__(self, command: Sequence[str], *, db: Path | None = None, era: Era = HANDSHAKE) -> None:
        """Start a process; nothing is said yet."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CLAUDE")}
        if db is not None:
            environment["DELEGATION_TELEMETRY_DB"] = str(db)
            environment["DELEGATION_TELEMETRY_SPOOL"] = str(db.parent / "spool")
            environment["DELEGATION_TELEMETRY_ROUTING"] = "off"
        self._era = era
        self._last_id = 0
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin
        self._out = os.fdopen(os.dup(self._process.stdout.fileno()), "rb", buffering=_PIPE_BUFFER)

    def __enter__(self) -> Self:
        """Shake hands."""
        self.greet()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self.close()

    def greet(self) -> None:
        """What a client says first, answered."""
        if self._era == MODERN:
            self.request("server/discover", {})
            return
        self.request("initialize", {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT})
        self._write({"method": "notifications/initialized"})

    def tools(self) -> list[dict[str, Any]]:
        """What the server can do."""
        found: list[dict[str, Any]] = self.request("tools/list", {})["tools"]
        return found

    def request(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and wait for the answer."""
        return self.receive(self.send(method, parameters))

    def call(self, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool."""
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise SystemExit(f"{tool} failed: {result['content']}")
        return result

    def time_call(self, clock: Clock, tool: str, arguments: Mapping[str, Any]) -> None:
        """Call a tool, and note how long the answer took. The clock's CPU time is not touched: see `cpu_s`."""
        started = time.perf_counter()
        self.call(tool, arguments)
        clock.seconds.append(time.perf_counter() - started)

    def send(self, method: str, parameters: Mapping[str, Any]) -> int:
        """Ask, without waiting; returns the number of the request."""
        self._last_id += 1
        said = dict(parameters) | ({"_meta": _EVERY_REQUEST} if self._era == MODERN else {})
        self._write({"id": self._last_id, "method": method, "params": said})
        return self._last_id

    def receive(self, number: int) -> dict[str, Any]:
        """The answer to a request, passing over all else."""
        while line := self._out.readline():
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                if "error" in message:
                    raise SystemExit(f"the server refused: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
        raise SystemExit(f"the server went away with exit status {self._process.wait()}: start it by hand to see why")

    def cpu_s(self) -> float:
        """CPU seconds used so far, to a hundredth of a second."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at its highest, in units of 1,000,000 bytes."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines()
        kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return kib["VmRSS"] * 1024 / 1e6, kib["VmHWM"] * 1024 / 1e6

    def close(self) -> float:
        """End its input; seconds until the process has ended."""
        started = time.perf_counter()
        self._in.close()
        try:
            self._process.wait(_EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()
        return time.perf_counter() - started

    def _write(self, message: Mapping[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode() + b"\n"
        while data:
            data = data[os.write(self._in.fileno(), data) :]
