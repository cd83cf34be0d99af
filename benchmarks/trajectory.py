"""How long does one trajectory of 20 spans take, in a small database and in a large one?

Trajectories are chosen at random over the whole database, so almost none is in SQLite's cache; the operating system's
cache holds as much of the file as it likes. Asked are the store, the service (the tree with the heads of texts, as
`get_trajectory` answers by default), and the server over stdio. Floors: `sqlite3` alone fetching the same rows, with
texts where the answer has them; over stdio also the echo tool of a bare server of the same SDK.

    python benchmarks/trajectory.py
    python benchmarks/trajectory.py --spans 10000 100000 1000000 --dir /some/folder --keep     # 5 GB
"""

import asyncio
import random
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import databases
import spans
import wire
from measuring import Clock, Report, arguments
from spans import SPANS_PER_TRAJECTORY

from mcp_server.service.reporting import Reporting
from storage.opening import open_store

_ROWS: Final = "select * from span where session_id = ? order by started_us, span_id"
_WITH_TEXTS: Final = """
    select * from span join span_text using (id) where session_id = ? order by started_us, span_id
"""
_WARM_UP: Final = 20
_TURN: Final = 25  # calls between two turns


class Raw:
    """The floor: the same rows by `sqlite3` alone."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma cache_size = -512")

    def rows(self, session_id: str) -> None:
        """The rows of a session."""
        found = self._connection.execute(_ROWS, (session_id,)).fetchall()
        assert len(found) == SPANS_PER_TRAJECTORY

    def rows_with_texts(self, session_id: str) -> None:
        """The rows of a session, texts unpacked."""
        cursor = self._connection.execute(_WITH_TEXTS, (session_id,))
        places = [place for place, (name, *_) in enumerate(cursor.description) if name in ("task", "output")]
        for row in cursor.fetchall():
            for place in places:
                zlib.decompress(row[place]).decode()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


async def in_process(report: Report, path: Path, count: int, wanted: Sequence[str]) -> None:
    """Ask the store and the service."""
    store, raw = open_store(str(path)), Raw(path)
    reporting = Reporting(store)
    of_store = Clock(f"Store.trajectory, {count:,} spans")
    of_service = Clock(f"Reporting.trajectory, {count:,} spans")
    rows, texts = Clock("sqlite3, the rows"), Clock("sqlite3, the rows and their texts")
    try:
        for session_id in wanted[:_WARM_UP]:
            await reporting.trajectory(session_id)
        for start in range(0, len(wanted), _TURN):
            # Each has its own trajectories at a time: pages that one has just read would help the next.
            turns = [wanted[(start + place * len(wanted) // 4) % len(wanted) :][:_TURN] for place in range(4)]
            for session_id in turns[0]:
                with of_store.lap():
                    await store.trajectory(session_id)
            for session_id in turns[1]:
                with of_service.lap():
                    await reporting.trajectory(session_id)
            for session_id in turns[2]:
                with rows.lap():
                    raw.rows(session_id)
            for session_id in turns[3]:
                with texts.lap():
                    raw.rows_with_texts(session_id)
    finally:
        raw.close()
        await store.close()
    report.timing(of_store, rows)
    report.timing(of_service, texts)
    report.timing(rows)
    report.timing(texts)


def over_stdio(report: Report, path: Path, count: int, wanted: Sequence[str]) -> None:
    """Ask the server."""
    ours, echo = Clock(f"get_trajectory over stdio, {count:,} spans"), Clock("echo over stdio, same SDK")
    texts = Clock("sqlite3, the rows and their texts")
    raw = Raw(path)
    with wire.Server(wire.OURS, db=path) as server, wire.Server(wire.BARE) as bare:
        for session_id in wanted[:_WARM_UP]:
            server.call("get_trajectory", {"session_id": session_id})
            bare.call("echo", {"text": session_id})
        before = server.cpu_s(), bare.cpu_s()
        for start in range(0, len(wanted), _TURN):
            for session_id in wanted[start : start + _TURN]:
                server.time_call(ours, "get_trajectory", {"session_id": session_id})
            for session_id in wanted[start : start + _TURN]:
                bare.time_call(echo, "echo", {"text": session_id})
            for session_id in wanted[start : start + _TURN]:
                with texts.lap():
                    raw.rows_with_texts(session_id)
        ours.cpu_s, echo.cpu_s = server.cpu_s() - before[0], bare.cpu_s() - before[1]
    raw.close()
    report.timing(ours, texts)
    report.timing(ours, echo)
    report.timing(echo)


def main() -> None:
    parser = arguments(__doc__)
    databases.add_options(parser)
    parser.add_argument("--calls", type=int, default=500, help="for each door and size (default %(default)s)")
    given = parser.parse_args()
    report = Report(given, "How long does one trajectory of 20 spans take?")
    with databases.folder_of(given) as folder:
        for count in given.spans:
            with databases.database(report, folder, count, keep=given.keep, delegations=given.delegations) as path:
                chance = random.Random(count)
                wanted = [spans.session_id(chance.randrange(count // SPANS_PER_TRAJECTORY)) for _ in range(given.calls)]
                asyncio.run(in_process(report, path, count, wanted))
                over_stdio(report, path, count, wanted)
    report.save()


if __name__ == "__main__":
    main()
