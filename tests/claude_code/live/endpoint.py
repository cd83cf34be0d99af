"""A model's endpoint on loopback that answers by a script, and keeps a log of every request and what it cost."""

import json
import secrets
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

from mcp_server.ingest.usage import Usage
from tests.claude_code.live import messages
from tests.claude_code.live.happenings import Happenings
from tests.claude_code.live.script import Scenario, Step, answered

_WITHOUT_SCRIPT: Final = Step("ok")
_SCRIPT_IS_OVER: Final = Step("There is nothing left to say.")
_RETRIED_FROM: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request for an answer, as the endpoint saw it."""

    number: int
    at: str
    """ISO 8601, UTC."""
    script: str | None
    step: int
    model: str
    status: int
    """Of the HTTP answer; only those with 200 cost anything."""
    agent_id: str | None
    """As the client tells it, from 2.1.139 on; None for the main thread."""
    message_id: str | None
    usage: tuple[int, ...] | None
    """Of an answer: fresh input, output, cache reads, cache writes for five minutes and for an hour."""
    phrases: tuple[str, ...] = ()
    """Those of the scenario's that stood in it."""


def read_log(path: Path) -> list[Request]:
    """The requests of a play, in the order in which they came."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Request(**json.loads(line)) for line in lines]


class Endpoint:
    """Answers while it is entered."""

    def __init__(self, scenario: Scenario, log: Path, happenings: Happenings, folders: Mapping[str, str]) -> None:
        """Prepare to answer on some free port.

        Args:
            scenario: whose scripts are followed.
            log: a file to which every request is added.
            happenings: where answers are noted, and what answers may wait for.
            folders: what the names in braces of the scripts stand for.
        """
        self._scenario = scenario
        self._log = log
        self._happenings = happenings
        self._folders = folders
        self._play = secrets.token_hex(4)  # ids must not come again in another play
        self._lock = threading.Lock()
        self._numbers = len(read_log(log))
        self._tries: Counter[tuple[str | None, int]] = Counter()
        endpoint = self

        class Handler(_Handler):
            def answer(self, body: dict[str, Any]) -> None:
                endpoint._answer(self, body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: "_Handler", body: dict[str, Any]) -> None:
        script, place = messages.place(body)
        step = self._step(script, place)
        with self._lock:
            self._numbers += 1
            number = self._numbers
            self._tries[script, place] += 1
            tries = self._tries[script, place]
        if step.after is not None:
            self._happenings.wait(step.after)
        fault = step.fault
        if fault is not None and (fault.times is None or tries <= fault.times):
            self._note(handler, body, number, status=fault.status, message=None)
            handler.fail(fault.status, fault.kind)
            return
        message = messages.message(step, body, number, self._play, self._folders)
        self._note(handler, body, number, status=200, message=message)
        handler.say(message, streamed=bool(body.get("stream")))
        if script is not None:
            self._happenings.note(answered(script, place))

    def _step(self, script: str | None, place: int) -> Step:
        steps = self._scenario.scripts.get(script or "")
        if steps is None:
            return _WITHOUT_SCRIPT
        if place < len(steps):
            return steps[place]
        return steps[-1] if steps[-1].repeats else _SCRIPT_IS_OVER

    def _note(
        self, handler: "_Handler", body: dict[str, Any], number: int, *, status: int, message: dict[str, Any] | None
    ) -> None:
        script, place = messages.place(body)
        request = Request(
            number=number,
            at=datetime.now(UTC).isoformat(),
            script=script,
            step=place,
            model=body["model"],
            status=status,
            agent_id=handler.headers.get("x-claude-code-agent-id"),
            message_id=None if message is None else message["id"],
            usage=None if message is None else _classes(message["usage"]),
            phrases=tuple(phrase for phrase in self._scenario.phrases if phrase in json.dumps(body)),
        )
        with self._lock, self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(asdict(request)) + "\n")


def _classes(usage: dict[str, Any]) -> Usage:
    written = usage["cache_creation"]
    return Usage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        cache_read_tokens=usage["cache_read_input_tokens"],
        cache_write_5m_tokens=written["ephemeral_5m_input_tokens"],
        cache_write_1h_tokens=written["ephemeral_1h_input_tokens"],
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body: dict[str, Any]) -> None:
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass

    def do_GET(self) -> None:
        self._send(200, {"data": [], "has_more": False})

    def do_HEAD(self) -> None:
        self._send(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/count_tokens"):
            self._send(200, {"input_tokens": 10})
        elif path.endswith("/v1/messages"):
            self.answer(body)
        else:
            self.fail(404, "not_found_error")

    def fail(self, status: int, kind: str) -> None:
        """Answer with an error; where the real endpoint would have it tried again, at once."""
        error = {"type": "error", "error": {"type": kind, "message": f"scripted: {kind}"}}
        retry = {"x-should-retry": "true", "retry-after-ms": "1"} if status >= _RETRIED_FROM else {}
        self._send(status, error, retry)

    def say(self, message: dict[str, Any], *, streamed: bool) -> None:
        """Answer with a message."""
        if not streamed:
            self._send(200, message)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("request-id", f"req_{message['id']}")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for event in messages.events(message):
                self.wfile.write(event)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has been stopped, which some scenarios are about

    def _send(self, status: int, answer: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
