"""Arize Phoenix and MLflow as running servers: how each is started, told spans and asked.

Each is started as its documentation says for one machine, with its SQLite file and its own defaults; its telemetry is
off. Only loopback is used. Linux only: CPU time comes from `/proc`.
"""

import http
import http.client
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_START_LIMIT_S: Final = 180.0
_ANSWER_LIMIT_S: Final = 300.0
_STOP_LIMIT_S: Final = 30.0
_QUIET_SHARE: Final = 0.05
_FULL_WAIT_S: Final = 0.5
_IDLE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A product that takes the OpenTelemetry protocol over HTTP."""

    name: str
    distribution: str
    """As pip knows it."""
    command: Sequence[str]
    """`{port}` and `{folder}` stand for where it listens and keeps its file."""
    environment: Mapping[str, str]
    database: str
    headers: Mapping[str, str]
    trace: str
    """Path of one trace; `{trace_id}` are its 32 digits."""
    sums: str
    """Agent x model over its file."""


PHOENIX: Final = Peer(
    name="Phoenix",
    distribution="arize-phoenix",
    command=("bin/phoenix", "serve"),
    environment={
        "PHOENIX_WORKING_DIR": "{folder}",
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": "{port}",
        "PHOENIX_GRPC_PORT": "{other_port}",
        "PHOENIX_TELEMETRY_ENABLED": "false",
    },
    database="phoenix.db",
    headers={},
    trace="/v1/projects/default/spans?limit=100&trace_id={trace_id}",
    sums="""
        select attributes ->> '$.agent_type', attributes ->> '$.model', count(*),
            sum(attributes ->> '$.cost_usd'), avg(attributes ->> '$.duration_ms')
        from spans group by 1, 2
    """,
)
MLFLOW: Final = Peer(
    name="MLflow",
    distribution="mlflow",
    command=(
        "bin/mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "--backend-store-uri",
        "sqlite:///{folder}/mlflow.db",
        "--default-artifact-root",
        "{folder}/files",
    ),
    environment={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
    database="mlflow.db",
    headers={"x-mlflow-experiment-id": "0"},
    trace="/ajax-api/3.0/mlflow/traces/get?trace_id=tr-{trace_id}",
    sums="""
        select json_extract(content, '$.attributes.agent_type'), json_extract(content, '$.attributes.model'), count(*),
            sum(json_extract(content, '$.attributes.cost_usd')), avg(json_extract(content, '$.attributes.duration_ms'))
        from spans group by 1, 2
    """,
)


class Server:
    """A server that answers, on one connection that stays open, as exporters and clients keep theirs."""

    def __init__(self, group: int, port: int) -> None:
        self._group = group
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_LIMIT_S)
        self._used_at = time.monotonic()

    def cpu_s(self) -> float:
        """CPU seconds used so far by those of its processes that still run, to a hundredth of a second."""
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parts = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(parts[2]) == self._group:
                total += sum(int(part) for part in parts[11:15])
        return total / _TICKS_PER_S

    def settle(self) -> None:
        """Wait until it has nothing to do: after it first answers it goes on to prepare itself."""
        before = self.cpu_s()

        def is_quiet() -> bool:
            nonlocal before
            time.sleep(1)
            used, before = self.cpu_s() - before, self.cpu_s()
            return used < _QUIET_SHARE

        wait(is_quiet, _START_LIMIT_S, "the server does not come to rest")

    def get(self, path: str) -> bytes:
        """The answer."""
        status, found = self._ask("GET", path, None, {})
        if status != http.HTTPStatus.OK:
            raise SystemExit(f"{path} answers {status}: {found[:500]!r}")
        return found

    def export(self, request: bytes, headers: Mapping[str, str]) -> None:
        """Send spans; where its queue is full, again as long as it takes."""
        given = {"content-type": "application/x-protobuf", **headers}
        while (answer := self._ask("POST", "/v1/traces", request, given))[0] != http.HTTPStatus.OK:
            if answer[0] != http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise SystemExit(f"spans are refused with {answer[0]}: {answer[1][:500]!r}")
            time.sleep(_FULL_WAIT_S)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if time.monotonic() - self._used_at > _IDLE_S:
            self.close()  # before the server does so; asking opens it again
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        found = answer.read()
        self._used_at = time.monotonic()
        return answer.status, found


@contextmanager
def running(peer: Peer, environment: Path, folder: Path) -> Iterator[Server]:
    """A server with an empty file in `folder`; afterwards it has ended, and its file is whole."""
    port = _free_port()
    names = {"port": str(port), "other_port": str(_free_port()), "folder": str(folder)}
    program, *rest = (part.format(**names) for part in peer.command)
    given = {name: value.format(**names) for name, value in peer.environment.items()}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [environment / program, *rest],
            env={"HOME": str(folder), "PATH": f"{environment / 'bin'}:/usr/bin:/bin", **given},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait(lambda: _answers(url), _START_LIMIT_S, f"{peer.name} does not answer: see {folder / 'log'}")
            with closing(Server(process.pid, port)) as server:
                yield server
        finally:
            _end(process)


def version(peer: Peer, environment: Path) -> str:
    """Which one of a product is installed."""
    program = f"from importlib.metadata import version; print(version({peer.distribution!r}))"
    command = [str(environment / "bin" / "python"), "-c", program]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()


def wait(done: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    """Ask ten times a second whether it is done."""
    end = time.perf_counter() + limit_s
    while not done():
        if time.perf_counter() > end:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, 15)
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
