"""How fast are spans stored for good, and how much of the disk do they take?

The floor is `sqlite3` alone, with the same schema and settings, storing the same rows in the same batches: narrow rows,
compressed texts, full-text index and sessions, in four `executemany` and one commit. It checks nothing, joins nothing
and computes nothing. It runs twice: compressing and arranging the rows inside the timed part (the floor of the promise,
since somebody must compress), and with all that done before.

What is stored is compared at the end: the floor is one only if the rows are the same.

    python benchmarks/ingest.py
    python benchmarks/ingest.py --spans 1000000 --batches 20     # needs 15 GB
"""

import asyncio
import itertools
import json
import os
import shutil
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import spans
from measuring import Clock, Floor, Report, arguments
from spans import SPANS_PER_TRAJECTORY, Row

from mcp_server.ingest.texts import TextKeeper
from storage.opening import open_store
from storage.queries import Batch
from storage.sqlite.migrate import migrations, statements
from storage.store import Store

_BYTES_PER_SPAN: Final = 3 * 5_000  # three databases are written
_CHUNK: Final = 2_000  # spans between two turns
_FEWER_ALONE: Final = 5  # spans one by one take their time
_REDACTED_SPANS: Final = 2_000
_ROUNDS: Final = 5

_SETTINGS: Final = """
    pragma page_size = 8192;
    pragma journal_mode = wal;
    pragma synchronous = normal;
    pragma foreign_keys = on;
    pragma cache_size = -512;
    pragma temp_store = memory;
    pragma journal_size_limit = 67108864;
"""
_TEXTS: Final = ("task", "output", "error", "tool_sequence")
_COLUMNS: Final = tuple(name for name in spans.trajectory(0)[0] if name not in _TEXTS)
_INSERT_SPAN: Final = f"insert into span (id, {', '.join(_COLUMNS)}) values (?{', ?' * len(_COLUMNS)})"
_INSERT_TEXT: Final = f"insert into span_text (id, {', '.join(_TEXTS)}) values (?, ?, ?, ?, ?)"
_INSERT_WORDS: Final = "insert into span_words (rowid, task, output) values (?, ?, ?)"
_TOUCH_SESSION: Final = """
    insert into session (session_id, started_us, last_activity_us) values (?, ?, ?)
    on conflict (session_id) do update set
        started_us = min(started_us, excluded.started_us),
        last_activity_us = max(last_activity_us, excluded.last_activity_us)
"""
_DIFFERENT: Final = (
    # Costs are added up in different orders.
    f"select id, {', '.join(f'round({name}, 9)' if name.endswith('_usd') else name for name in _COLUMNS)} from %s.span",
    f"select id, {', '.join(_TEXTS)} from %s.span_text",
    "select session_id, started_us, last_activity_us from %s.session",
    "select count(*), sum(length(block)) > 0 from %s.span_words_data",
)

Prepared = tuple[list[tuple[Any, ...]], ...]
"""Rows of `span`, of `span_text`, of `span_words` and of `session`."""


class RawStore:
    """The least that stores the same rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(_SETTINGS)
        for _, script in migrations():
            for statement in statements(script):
                self._connection.execute(statement)
        self._next_id = itertools.count(1)

    def prepare(self, rows: Sequence[Row]) -> Prepared:
        """Rows as the tables hold them, texts compressed."""
        numbered = [(next(self._next_id), row) for row in rows]
        times: dict[str, tuple[int, int]] = {}
        for row in rows:
            first, last = times.get(row["session_id"], (row["started_us"], row["ended_us"]))
            times[row["session_id"]] = (min(first, row["started_us"]), max(last, row["ended_us"]))
        return (
            [(number, *(row[name] for name in _COLUMNS)) for number, row in numbered],
            [
                (
                    number,
                    zlib.compress(row["task"].encode(), 1),
                    zlib.compress(row["output"].encode(), 1),
                    row["error"],
                    json.dumps(row["tool_sequence"]),
                )
                for number, row in numbered
            ],
            [(number, row["task"], row["output"]) for number, row in numbered if row["kind"] == "delegation"],
            [(session_id, *time) for session_id, time in times.items()],
        )

    def add(self, prepared: Prepared) -> None:
        """Store a batch in one transaction."""
        connection = self._connection
        connection.execute("begin immediate")
        for statement, rows in zip((_INSERT_SPAN, _INSERT_TEXT, _INSERT_WORDS, _TOUCH_SESSION), prepared, strict=True):
            connection.executemany(statement, rows)
        connection.execute("commit")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


async def rates(report: Report, folder: Path, count: int, batch_size: int) -> Path:
    """Report how fast batches of one size are stored; returns the database of the product."""
    what = f"{batch_size} span{'s' if batch_size > 1 else ''}"
    ours = Clock(f"Store.add, batches of {what}")
    whole = Clock("sqlite3, rows prepared inside")
    bare = Clock("sqlite3, rows prepared before")
    records = Clock(f"making records of {what} (pydantic), not part of the above")
    folder = folder / f"batches-{batch_size}"
    folder.mkdir()
    store, raw, prepared_raw = (
        open_store(str(folder / "ours.db")),
        RawStore(folder / "raw.db"),
        RawStore(folder / "p.db"),
    )
    try:
        await store.add(Batch())  # opens the file
        for chunk in _chunks(count, batch_size):
            await _turn(chunk, (store, raw, prepared_raw), (ours, whole, bare, records))
    finally:
        await store.close()
        raw.close()
        prepared_raw.close()
    _compare(folder / "ours.db", folder / "raw.db")
    report.timing(ours, whole, items=batch_size)
    report.timing(ours, bare, items=batch_size)
    report.timing(whole, items=batch_size)
    report.timing(bare, items=batch_size)
    report.timing(records, items=batch_size)
    prepared_raw.path.unlink()
    return folder / "ours.db"


async def _turn(
    chunk: list[list[Row]], stores: tuple[Store, RawStore, RawStore], clocks: tuple[Clock, Clock, Clock, Clock]
) -> None:
    """One chunk of batches into each store."""
    store, raw, prepared_raw = stores
    ours, whole, bare, records = clocks
    batches: list[Batch] = []
    for rows in chunk:
        with records.lap():
            batches.append(Batch(spans=[spans.span(row) for row in rows]))
    for batch in batches:
        with ours.lap():
            await store.add(batch)
    for rows in chunk:
        with whole.lap():
            raw.add(raw.prepare(rows))
    for prepared in [prepared_raw.prepare(rows) for rows in chunk]:
        with bare.lap():
            prepared_raw.add(prepared)


def _chunks(count: int, batch_size: int) -> Iterator[list[list[Row]]]:
    """Batches of rows, those of about `_CHUNK` spans at a time."""
    rows = itertools.islice(itertools.chain.from_iterable(spans.trajectories(-(-count // SPANS_PER_TRAJECTORY))), count)
    while chunk := list(itertools.islice(rows, max(_CHUNK, batch_size))):
        yield [chunk[start : start + batch_size] for start in range(0, len(chunk), batch_size)]


def _compare(ours: Path, raw: Path) -> None:
    """Refuse a floor that stores anything else."""
    connection = sqlite3.connect(ours)
    connection.execute("attach ? as raw", (str(raw),))
    for statement in _DIFFERENT:
        both = [f"select * from ({statement % name})" for name in ("main", "raw")]
        difference = connection.execute(f"{both[0]} except {both[1]} limit 1").fetchone()
        if difference is not None:
            raise SystemExit(f"the floor does not store the same: {difference!r:.400} is missing there")
    connection.close()


def disk(report: Report, path: Path) -> None:
    """Report how many bytes a span takes, and in which tables."""
    connection = sqlite3.connect(path)
    connection.execute("pragma wal_checkpoint(truncate)")
    count = connection.execute("select count(*) from span").fetchone()[0]
    plain = Floor("the same as JSON lines", sum(len(json.dumps(row)) + 1 for row in spans.trajectory(0)) / 20)
    report.amount("disk, after a checkpoint", path.stat().st_size / count, "bytes/span", plain)
    try:
        sizes = _sizes_by_dbstat(connection)
    except sqlite3.OperationalError:
        sizes = _sizes_by_difference(connection, path)
    connection.close()
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        report.amount(f"disk, {name}", size / count, "bytes/span")


def _sizes_by_dbstat(connection: sqlite3.Connection) -> dict[str, int]:
    found = connection.execute("""
        select case when tbl_name like 'span_words%' then 'span_words (full text)'
            when type = 'index' then tbl_name || ', its indexes' else coalesce(tbl_name, 'schema') end, sum(pgsize)
        from dbstat left join sqlite_schema using (name) group by 1
    """)
    return dict(found.fetchall())


def _sizes_by_difference(connection: sqlite3.Connection, path: Path) -> dict[str, int]:
    """What a copy shrinks by when a table is dropped: for builds of SQLite without `dbstat`."""
    names = connection.execute("""
        select name from sqlite_schema
        where type = 'table' and name not like 'span_words_%' and name not like 'sqlite_%'
    """)
    sizes: dict[str, int] = {}
    for (name,) in names.fetchall():
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            copy = sqlite3.connect(Path(folder) / "copy.db", isolation_level=None)
            connection.backup(copy)
            copy.execute("vacuum")
            before = (Path(folder) / "copy.db").stat().st_size
            copy.execute(f"drop table {name}")
            copy.execute("vacuum")
            copy.close()
            sizes[f"{name} with its indexes"] = before - (Path(folder) / "copy.db").stat().st_size
    return sizes


def redaction(report: Report) -> None:
    """Report what taking secrets out costs."""
    from mcp_server.ingest.redaction import Redactor  # noqa: PLC0415 - it compiles its patterns when it is imported

    keepers = (TextKeeper(Redactor(os.environ)), TextKeeper(lambda text: text))
    rows = [row for rows in spans.trajectories(_REDACTED_SPANS // SPANS_PER_TRAJECTORY) for row in rows]
    secret = "export SERVICE_TOKEN=9f8e7d6c5b4a39281706f5e4d3c2b1a0 "
    for kind, head in (("without a secret", ""), ("with a secret each", secret)):
        with_it = Clock(f"redaction of task and output, {kind}")
        without = Clock("keeping texts without redaction")
        texts = [(head + row["task"][len(head) :], row["output"]) for row in rows]
        for _ in range(_ROUNDS):
            for keeper, clock in zip(keepers, (with_it, without), strict=True):
                for pair in texts:
                    with clock.lap():
                        _keep(keeper, pair)
        report.timing(with_it, without)


def _keep(keeper: TextKeeper, texts: Iterable[str]) -> None:
    for text in texts:
        keeper.text(text)


async def measure(report: Report, folder: Path, count: int, batch_sizes: Sequence[int]) -> None:
    """All questions of this file."""
    for batch_size in batch_sizes:
        path = await rates(report, folder, count if batch_size > 1 else count // _FEWER_ALONE, batch_size)
        if batch_size == SPANS_PER_TRAJECTORY:
            disk(report, path)
        shutil.rmtree(path.parent)
    redaction(report)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--spans",
        type=int,
        default=10_000,
        help="for each size of batch, a fifth of it one by one (default %(default)s)",
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[20, 1, 500], help="sizes (default %(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir, prefix="ingest-") as folder:
        need, free = given.spans * _BYTES_PER_SPAN, shutil.disk_usage(folder).free
        if free < need:
            parser.error(f"needs {need / 1e9:.0f} GB, {free / 1e9:.0f} are free; choose another --dir or fewer --spans")
        report = Report(given, "How fast are spans stored for good, and how much of the disk do they take?")
        started = time.perf_counter()
        asyncio.run(measure(report, Path(folder), given.spans, given.batches))
        report.note(f"took {time.perf_counter() - started:.0f} s")
    report.save()


if __name__ == "__main__":
    main()
