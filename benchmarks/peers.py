"""How do other products that keep traces on one machine compare: Arize Phoenix and MLflow, each with its SQLite file?

Each gets the same spans in requests of the same size through its own door: ours `record_spans` over stdio, the others
the OpenTelemetry protocol over HTTP on loopback. A request holds one trajectory of 20 spans, as it ends, or 500 spans,
as the batch processor of OpenTelemetry collects them, which both peers advise. Durable is a span when another process
finds it in the file. Then each is asked for one trajectory with all texts through its own interface, and for sums by
agent and model: ours by `get_stats`, the others by SQL on their files, which is the fastest that they have. Ours and
one of them work in turns, from empty files, so that other load meets both alike.

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import peer_servers
import spans
import wire
from measuring import HERE, Clock, Report, arguments
from peer_servers import Peer
from spans import SPANS_PER_TRAJECTORY, Row

_SIZES: Final = (1, 25)
"""Trajectories in a request. OpenTelemetry's batch processor sends up to 512 spans, `record_spans` takes up to 500."""
_DURABLE_LIMIT_S: Final = 1800.0
_TURNS: Final = 5
_SUMS_ASKED: Final = 10
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
        for environment, peer in ((given.phoenix, peer_servers.PHOENIX), (given.mlflow, peer_servers.MLFLOW)):
            if environment is not None:
                report.note(f"{peer.name} {peer_servers.version(peer, environment)}")
                for size in _SIZES:
                    place = Path(folder) / peer.name / str(size)
                    place.mkdir(parents=True)
                    questions = wanted if size == _SIZES[-1] else []
                    compare(report, place, peer, environment.resolve(), count=count, size=size, wanted=questions)
    report.save()


def compare(
    report: Report, folder: Path, peer: Peer, environment: Path, *, count: int, size: int, wanted: Sequence[str]
) -> None:
    """Ours and a peer in turns, both from an empty file.

    Args:
        report: where findings go.
        folder: for both files.
        peer: the other one.
        environment: its virtual environment.
        count: trajectories that are kept.
        size: trajectories in a request.
        wanted: ids of the sessions that are asked for afterwards; none asks nothing.
    """
    stated = [{"spans": [_stated(row) for row in rows]} for rows in _requests(count, size)]
    encoded = _protobuf(environment, _requests(count, size))
    path, our_path = folder / peer.database, folder / "ours.db"
    with peer_servers.running(peer, environment, folder) as theirs, wire.Server(wire.OURS, db=our_path) as ours:
        ours.tools()
        theirs.settle()
        way = f"keeping spans, {size * SPANS_PER_TRAJECTORY} a request"
        our_clock, their_clock = Clock(f"{way}, ours beside {peer.name}", ours.cpu_s), _clock(way, peer, theirs)
        accepting = _clock(f"accepting spans, {size * SPANS_PER_TRAJECTORY} a request", peer, theirs)
        turn = max(1, len(stated) // _TURNS)
        for first in range(0, len(stated), turn):
            with our_clock.lap():
                for request in stated[first : first + turn]:
                    ours.call("record_spans", request)
            assert _count(our_path, "span") == min(count, (first + turn) * size) * SPANS_PER_TRAJECTORY
            with their_clock.lap():
                with accepting.lap():
                    for raw in encoded[first : first + turn]:
                        theirs.export(raw, peer.headers)
                _wait_until_kept(path, min(count, (first + turn) * size) * SPANS_PER_TRAJECTORY, peer)
        kept = count * SPANS_PER_TRAJECTORY // len(our_clock.seconds)
        for clock, floor in ((our_clock, None), (their_clock, our_clock), (accepting, our_clock)):
            report.timing(clock, floor, items=kept)
        if wanted:
            theirs.settle()
            question(report, peer, theirs, ours, path=path, wanted=wanted)
    if wanted:
        for name, file in ((f"ours beside {peer.name}", our_path), (peer.name, path)):
            report.amount(f"disk for one span, {name}", _size(file) / (count * SPANS_PER_TRAJECTORY), "bytes")


def question(
    report: Report, peer: Peer, theirs: peer_servers.Server, ours: wire.Server, *, path: Path, wanted: Sequence[str]
) -> None:
    """One trajectory, and sums, of ours and of a peer in turns."""
    trace, sums = "one trajectory of 20 spans with all texts", "sums by agent and model"
    our_trace, our_sums = (Clock(f"{what}, ours beside {peer.name}", ours.cpu_s) for what in (trace, sums))
    their_trace, their_sums = _clock(trace, peer, theirs), Clock(f"{sums}, {peer.name}")
    ours.call("get_trajectory", {"session_id": wanted[0], **_WHOLE})  # the first has more to do, everywhere
    theirs.get(_trace(peer, wanted[0]))
    for session_id in wanted:
        with our_trace.lap():
            answer = ours.call("get_trajectory", {"session_id": session_id, **_WHOLE})
        with their_trace.lap():
            raw = theirs.get(_trace(peer, session_id))
        assert _holds_all_texts(answer)
        assert raw.count(b"agent_type") >= SPANS_PER_TRAJECTORY, raw[:500]
    with closing(sqlite3.connect(path)) as file:
        for _ in wanted[:_SUMS_ASKED]:
            with our_sums.lap():
                ours.call("get_stats", {"group_by": ["agent_type", "model"]})
            with their_sums.lap():
                assert len(file.execute(peer.sums).fetchall()) > len(spans.AGENTS)
    for clock, floor in ((our_trace, None), (their_trace, our_trace), (our_sums, None), (their_sums, our_sums)):
        report.timing(clock, floor)


def _clock(what: str, peer: Peer, server: peer_servers.Server) -> Clock:
    return Clock(f"{what}, {peer.name}", server.cpu_s)


def _trace(peer: Peer, session_id: str) -> str:
    return peer.trace.format(trace_id=session_id.replace("-", ""))


def _wait_until_kept(path: Path, count: int, peer: Peer) -> None:
    peer_servers.wait(
        lambda: _count(path, "spans") >= count, _DURABLE_LIMIT_S, f"{peer.name} kept less than it was sent"
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
