"""How do other products that keep traces on one machine compare: Arize Phoenix and MLflow, each with its SQLite file?

Each gets the same spans in requests of the same size through its own door: ours `record_spans` over stdio, the others
the OpenTelemetry protocol over HTTP on loopback. A request holds one trajectory of 20 spans, as it ends, or 500 spans,
as the batch processor of OpenTelemetry collects them, which both peers advise. Durable is a span when another process
finds it in the file. Then each is asked for one trajectory with all texts through its own interface, and for sums by
agent and model: ours by `get_stats`, the others by SQL on their files, which is the fastest that they have.

They are no part of the project; name the folders of their virtual environments:

    python -m venv /some/phoenix && /some/phoenix/bin/pip install arize-phoenix
    python -m venv /some/mlflow && /some/mlflow/bin/pip install mlflow
    python benchmarks/peers.py --phoenix /some/phoenix --mlflow /some/mlflow
"""

import itertools
import json
import random
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import peer_servers
import spans
import wire
from measuring import HERE, Clock, Floor, Report, arguments
from peer_servers import Peer
from spans import SPANS_PER_TRAJECTORY, Row

_SIZES: Final = (1, 25)
"""Trajectories in a request. OpenTelemetry's batch processor sends up to 512 spans, `record_spans` takes up to 500."""
_DURABLE_LIMIT_S: Final = 1800.0
_SUMS_ASKED: Final = 5
_WHOLE: Final = {"detail": "full", "max_chars": 200_000}
_LEAST_CHARS: Final = 4_000
"""Of an output."""
_STATED: Final = (
    "span_id", "session_id", "parent_span_id", "kind", "name", "agent_type", "agent_id", "tool_use_id", "model",
    "task", "output", "status", "duration_ms", "tool_sequence", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_usd", "task_type", "complexity", "project", "error",
)  # fmt: skip


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
        for environment, peer in ((given.phoenix, peer_servers.PHOENIX), (given.mlflow, peer_servers.MLFLOW)):
            if environment is not None:
                report.note(f"{peer.name} {peer_servers.version(peer, environment)}")
                ask_peer(report, Path(folder), peer, environment=environment.resolve(), wanted=wanted, ours=ours)
    report.save()


class Contest:
    """What is timed of one product."""

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.trajectories = count
        self.spans = count * SPANS_PER_TRAJECTORY
        self.durable_per_s: dict[int, float] = {}
        self.cpu_ms: dict[int, float] = {}
        """For one span; both by how many trajectories a request holds."""
        self.trace: Clock
        self.sums: Clock

    def kept(self, report: Report, size: int, seconds: float, cpu_s: float, ours: "Contest | None") -> None:
        """Report what it took to keep all spans, `size` trajectories in a request."""
        self.durable_per_s[size] = self.spans / seconds
        self.cpu_ms[size] = cpu_s * 1e3 / self.spans
        rate, cpu = (Floor("ours", held[size]) for held in (ours.durable_per_s, ours.cpu_ms)) if ours else (None, None)
        report.amount(f"durable spans/s, {self.way(size)}", self.durable_per_s[size], "spans/s", rate)
        report.amount(f"CPU of the server for one span, {self.way(size)}", self.cpu_ms[size], "ms", cpu)

    def way(self, size: int) -> str:
        """How spans are sent, and to whom."""
        return f"{size * SPANS_PER_TRAJECTORY} a request, {self.name}"

    def asked(self, trace_cpu_s: Callable[[], float], sums_cpu_s: Callable[[], float]) -> None:
        """Set the clocks of both questions; CPU time is that of whoever answers."""
        self.trace = Clock(f"one trajectory of 20 spans with all texts, {self.name}", trace_cpu_s)
        self.sums = Clock(f"sums by agent and model, {self.name}", sums_cpu_s)


def ask_ours(report: Report, folder: Path, contest: Contest, wanted: Sequence[str]) -> None:
    """Our own server, over stdio."""
    for size in _SIZES:
        db = folder / contest.name / str(size) / "ours.db"
        db.parent.mkdir(parents=True)
        requests = [{"spans": [_stated(row) for row in rows]} for rows in _requests(contest.trajectories, size)]
        with wire.Server(wire.OURS, db=db) as server:
            server.tools()
            cpu, started = server.cpu_s(), time.perf_counter()
            for request in requests:
                server.call("record_spans", request)
            seconds = time.perf_counter() - started
            assert _count(db, "span") == contest.spans
            contest.kept(report, size, seconds, server.cpu_s() - cpu, None)
            if size == _SIZES[-1]:
                _question_ours(report, contest, server, wanted)
    report.amount(f"disk for one span, {contest.name}", _size(db) / contest.spans, "bytes")


def _question_ours(report: Report, contest: Contest, server: wire.Server, wanted: Sequence[str]) -> None:
    contest.asked(server.cpu_s, server.cpu_s)
    summary = Clock(f"one trajectory of 20 spans as agents ask for it, {contest.name}", server.cpu_s)
    server.call("get_trajectory", {"session_id": wanted[0], **_WHOLE})  # the first has more to do, everywhere
    server.call("get_stats", {})
    for session_id in wanted:
        with contest.trace.lap():
            found = server.call("get_trajectory", {"session_id": session_id, **_WHOLE})
        assert _holds_all_texts(found)
    for session_id in wanted:
        with summary.lap():
            server.call("get_trajectory", {"session_id": session_id})
    for _ in wanted:
        with contest.sums.lap():
            server.call("get_stats", {"group_by": ["agent_type", "model"]})
    for clock in (contest.trace, summary, contest.sums):
        report.timing(clock)


def ask_peer(
    report: Report, folder: Path, peer: Peer, *, environment: Path, wanted: Sequence[str], ours: Contest
) -> None:
    """Another product, over HTTP and its file."""
    contest = Contest(peer.name, ours.trajectories)
    for size in _SIZES:
        place = folder / peer.name / str(size)
        place.mkdir(parents=True)
        path = place / peer.database
        requests = _protobuf(environment, _requests(contest.trajectories, size))
        with peer_servers.running(peer, environment, place) as server:
            server.settle()
            cpu, started = server.cpu_s(), time.perf_counter()
            for request in requests:
                server.export(request, peer.headers)
            accepted_s = time.perf_counter() - started
            _wait_until_kept(path, contest)
            seconds = time.perf_counter() - started
            report.amount(f"accepted spans/s, {contest.way(size)}", contest.spans / accepted_s, "spans/s")
            contest.kept(report, size, seconds, server.cpu_s() - cpu, ours)
            if size == _SIZES[-1]:
                server.settle()
                _question_peer(contest, peer, server, wanted)
    report.amount(f"disk for one span, {contest.name}", _size(path) / contest.spans, "bytes")
    with closing(sqlite3.connect(path)) as file:
        for _ in wanted[:_SUMS_ASKED]:
            with contest.sums.lap():
                assert len(file.execute(peer.sums).fetchall()) > len(spans.AGENTS)
    report.timing(contest.trace, ours.trace)
    report.timing(contest.sums, ours.sums)


def _question_peer(contest: Contest, peer: Peer, server: peer_servers.Server, wanted: Sequence[str]) -> None:
    contest.asked(server.cpu_s, time.process_time)
    paths = [peer.trace.format(trace_id=session_id.replace("-", "")) for session_id in wanted]
    server.get(paths[0])
    for path in paths:
        with contest.trace.lap():
            found = server.get(path)
        assert found.count(b"agent_type") >= SPANS_PER_TRAJECTORY, found[:500]


def _wait_until_kept(path: Path, contest: Contest) -> None:
    peer_servers.wait(
        lambda: _count(path, "spans") >= contest.spans, _DURABLE_LIMIT_S, f"{contest.name} kept less than it was sent"
    )


def _requests(trajectories: int, size: int) -> Iterator[list[Row]]:
    """All spans, so many trajectories at a time."""
    rest = spans.trajectories(trajectories)
    while some := list(itertools.islice(rest, size)):
        yield [row for rows in some for row in rows]


def _stated(row: Row) -> dict[str, object]:
    given = {name: row[name] for name in _STATED if row[name] is not None}
    return {**given, "started_at": spans.span(row).started_at.isoformat()}


def _protobuf(environment: Path, requests: Iterator[list[Row]]) -> list[bytes]:
    done = subprocess.run(
        [environment / "bin" / "python", HERE / "otlp_requests.py"],
        input="".join(json.dumps(rows) + "\n" for rows in requests).encode(),
        capture_output=True,
        check=True,
    )
    found, raw = [], memoryview(done.stdout)
    while raw:
        size = int.from_bytes(raw[:4], "big")
        found.append(bytes(raw[4 : 4 + size]))
        raw = raw[4 + size :]
    return found


def _holds_all_texts(answer: Mapping[str, Any]) -> bool:
    found = answer["structuredContent"]["spans"]
    return len(found) == SPANS_PER_TRAJECTORY and all(len(span["output"]) >= _LEAST_CHARS for span in found)


def _count(path: Path, table: str) -> int:
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))


if __name__ == "__main__":
    main()
