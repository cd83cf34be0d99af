"""How do other products that keep traces on one machine compare: Arize Phoenix and MLflow, each with its SQLite file?

Each gets the same spans, a trajectory of 20 at a time, through its own door: ours `record_spans` over stdio, the others
the OpenTelemetry protocol over HTTP on loopback. Durable is a span when another process finds it in the file. Then each
is asked for one trajectory through its own interface, and for sums by agent and model: ours by `get_stats`, the others
by SQL on their files, which is the fastest that they have.

They are no part of the project; name the folders of their virtual environments:

    python -m venv /some/phoenix && /some/phoenix/bin/pip install arize-phoenix
    python -m venv /some/mlflow && /some/mlflow/bin/pip install mlflow
    python benchmarks/peers.py --phoenix /some/phoenix --mlflow /some/mlflow
"""

import argparse
import http
import json
import os
import random
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import spans
import wire
from measuring import HERE, Clock, Report, arguments
from spans import SPANS_PER_TRAJECTORY, Row

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_START_LIMIT_S: Final = 180.0
_DURABLE_LIMIT_S: Final = 900.0
_STATED: Final = (
    "span_id", "session_id", "parent_span_id", "kind", "name", "agent_type", "agent_id", "tool_use_id", "model",
    "task", "output", "status", "duration_ms", "tool_sequence", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_usd", "task_type", "complexity", "project", "error",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peer:
    """A product that takes the OpenTelemetry protocol over HTTP."""

    name: str
    command: Sequence[str]
    """`{port}` and `{folder}` stand for where it listens and keeps its file."""
    environment: dict[str, str]
    database: str
    headers: dict[str, str]
    trace: str
    """Path of one trace; `{trace_id}` are its 32 digits."""
    sums: str
    """Agent x model over its file."""


def peers(given: argparse.Namespace) -> Iterator[tuple[Path, Peer]]:
    """Those whose environments were named, with the folder."""
    if given.phoenix:
        yield (
            given.phoenix,
            Peer(
                name="Phoenix",
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
            ),
        )
    if given.mlflow:
        value = "json_extract(content, '$.attributes.{name}')"
        names = ("agent_type", "model", "cost_usd", "duration_ms")
        agent, model, cost, duration = (value.format(name=name) for name in names)
        yield (
            given.mlflow,
            Peer(
                name="MLflow",
                command=(
                    "bin/mlflow",
                    "server",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    "{port}",
                    "--workers",
                    "1",
                    "--backend-store-uri",
                    "sqlite:///{folder}/mlflow.db",
                    "--default-artifact-root",
                    "{folder}/files",
                ),
                environment={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
                database="mlflow.db",
                headers={"x-mlflow-experiment-id": "0"},
                trace="/ajax-api/3.0/mlflow/traces/get?trace_id=tr-{trace_id}",
                sums=f"""
                    select {agent}, {model}, count(*), sum({cost}), avg({duration}) from spans group by 1, 2
                """,
            ),
        )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--spans", type=int, default=10_000, help="default %(default)s")
    parser.add_argument("--calls", type=int, default=100, help="questions of each kind (default %(default)s)")
    parser.add_argument("--phoenix", type=Path, metavar="FOLDER", help="virtual environment with arize-phoenix")
    parser.add_argument("--mlflow", type=Path, metavar="FOLDER", help="virtual environment with mlflow")
    given = parser.parse_args()
    report = Report(given, "How do other products that keep traces on one machine compare?")
    count = given.spans // SPANS_PER_TRAJECTORY
    chance = random.Random(3)
    wanted = [spans.session_id(chance.randrange(count)) for _ in range(given.calls)]
    with tempfile.TemporaryDirectory(prefix="peers-", dir=given.dir) as folder:
        ours = Contest("ours", count)
        ask_ours(report, Path(folder), ours, wanted)
        for environment, peer in peers(given):
            place = Path(folder) / peer.name
            ask_peer(report, place, peer, environment=environment.resolve(), wanted=wanted, ours=ours)
    report.save()


class Contest:
    """What is timed of one product."""

    def __init__(self, name: str, count: int) -> None:
        self.trajectories = count
        self.trace = Clock(f"one trajectory of 20 spans, {name}")
        self.sums = Clock(f"sums by agent and model, {name}")
        self.name = name
        self.durable_per_s = 0.0

    def took(self, report: Report, seconds: float, cpu_s: float, size_bytes: int, floor: "Contest | None") -> None:
        """Report what it took to keep all spans."""
        total = self.trajectories * SPANS_PER_TRAJECTORY
        self.durable_per_s = total / seconds
        report.amount(f"durable spans/s, {self.name}", self.durable_per_s, "spans/s")
        if floor is not None:
            report.amount(
                f"ours keeps so many times as many as {self.name}", floor.durable_per_s / self.durable_per_s, ""
            )
        report.amount(f"CPU of the server for one span, {self.name}", cpu_s * 1e3 / total, "ms")
        report.amount(f"disk for one span, {self.name}", size_bytes / total, "bytes")


def ask_ours(report: Report, folder: Path, contest: Contest, wanted: Sequence[str]) -> None:
    """Our own server, over stdio."""
    db = folder / "ours.db"
    with wire.Server(wire.OURS, db=db) as server:
        batches = [[_stated(row) for row in rows] for rows in spans.trajectories(contest.trajectories)]
        cpu, started = server.cpu_s(), time.perf_counter()
        for batch in batches:
            server.call("record_spans", {"spans": batch})
        seconds = time.perf_counter() - started
        assert _count(db, "select count(*) from span") == contest.trajectories * SPANS_PER_TRAJECTORY
        contest.took(report, seconds, server.cpu_s() - cpu, _size(db), None)
        for session_id in wanted:
            with contest.trace.lap():
                server.call("get_trajectory", {"session_id": session_id})
        for _ in wanted:
            with contest.sums.lap():
                server.call("get_stats", {"group_by": ["agent_type", "model"]})
    report.timing(contest.trace)
    report.timing(contest.sums)


def ask_peer(
    report: Report, folder: Path, peer: Peer, *, environment: Path, wanted: Sequence[str], ours: Contest
) -> None:
    """Another product, over HTTP and its file."""
    contest = Contest(peer.name, ours.trajectories)
    folder.mkdir()
    requests = _requests(environment, contest.trajectories)
    with _running(peer, environment, folder) as (url, process):
        path = folder / peer.database
        cpu, started = _cpu_s(process.pid), time.perf_counter()
        for raw in requests:
            _post(f"{url}/v1/traces", raw, peer.headers)
        accepted = time.perf_counter() - started
        total = contest.trajectories * SPANS_PER_TRAJECTORY
        _wait(lambda: _count(path, "select count(*) from spans") >= total, _DURABLE_LIMIT_S, f"{peer.name} kept less")
        report.amount(f"accepted spans/s, {peer.name}", total / accepted, "spans/s")
        contest.took(report, time.perf_counter() - started, _cpu_s(process.pid) - cpu, _size(path), ours)
        for session_id in wanted:
            address = url + peer.trace.format(trace_id=session_id.replace("-", ""))
            with contest.trace.lap():
                found = _get(address)
            assert found.count(b"agent_type") >= SPANS_PER_TRAJECTORY, found[:500]
        with sqlite3.connect(path) as connection:
            for _ in range(min(5, len(wanted))):
                with contest.sums.lap():
                    assert len(connection.execute(peer.sums).fetchall()) > len(spans.AGENTS)
    report.timing(contest.trace, ours.trace)
    report.timing(contest.sums, ours.sums)


def _stated(row: Row) -> dict[str, object]:
    given = {name: row[name] for name in _STATED if row[name] is not None}
    return {**given, "started_at": spans.span(row).started_at.isoformat()}


def _requests(environment: Path, count: int) -> list[bytes]:
    lines = "".join(json.dumps(rows) + "\n" for rows in spans.trajectories(count))
    done = subprocess.run(
        [environment / "bin" / "python", HERE / "otlp_requests.py"],
        input=lines.encode(),
        capture_output=True,
        check=True,
    )
    found, raw = [], memoryview(done.stdout)
    while raw:
        size = int.from_bytes(raw[:4], "big")
        found.append(bytes(raw[4 : 4 + size]))
        raw = raw[4 + size :]
    return found


@contextmanager
def _running(peer: Peer, environment: Path, folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    names = {"port": str(_free_port()), "other_port": str(_free_port()), "folder": str(folder)}
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
        url = f"http://127.0.0.1:{names['port']}"
        try:
            _wait(lambda: _answers(url), _START_LIMIT_S, f"{peer.name} does not answer: see {folder / 'log'}")
            yield url, process
        finally:
            os.killpg(process.pid, 15)
            process.wait()


def _wait(done: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    end = time.perf_counter() + limit_s
    while not done():
        if time.perf_counter() > end:
            raise SystemExit(otherwise)
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        _get(url)
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=60) as answer:
        found: bytes = answer.read()
    return found


def _post(address: str, raw: bytes, headers: dict[str, str]) -> None:
    given = {"content-type": "application/x-protobuf", **headers}
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, raw, given), timeout=120):
                return
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            time.sleep(0.5)  # its queue is full


def _count(path: Path, statement: str) -> int:
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return int(connection.execute(statement).fetchone()[0])


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _cpu_s(group: int) -> float:
    """CPU seconds of all processes of a group that still run."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parts = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(parts[2]) == group:
            total += sum(int(part) for part in parts[11:15])
    return total / _TICKS_PER_S


if __name__ == "__main__":
    main()
