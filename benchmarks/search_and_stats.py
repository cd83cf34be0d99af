"""How long do a search and statistics take, in a small database and in a large one?

Asked are the store (one page of 20 delegations, with their texts and the number of all that match) and the service
(statistics by agent and model, over everything and over 30 days, the latter with what changed since the 30 days
before). The floor is `sqlite3` alone: the same rows in the same order with their texts and the count, or a part of the
sums by one `group by`, without quantiles and without the window before; once from the spans as they lie, once from an
index that holds all that is asked for.

    python benchmarks/search_and_stats.py
    python benchmarks/search_and_stats.py --spans 10000 100000 1000000 --dir /some/folder --keep     # 5 GB
"""

import argparse
import asyncio
import itertools
import random
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import databases
import spans
from measuring import Clock, Report, arguments
from spans import SPANS_PER_TRAJECTORY

from mcp_server.service.reporting import Reporting
from storage.opening import open_store
from storage.queries import Dimension, PageRequest, SpanFilter
from storage.vocabulary import Outcome

_PAGE: Final = 20
_LONG_S: Final = 10.0  # no question is asked for longer
_LEAST: Final = 5  # but so many times in any case
_TO_ONE: Final = 5  # of ours, where the floor takes ten times as long: a p95 of twenty is but the largest
_FIRSTS: Final = 20
_MONTH: Final = timedelta(days=30)
_MUCH_USD: Final = 0.5  # one delegation in some thousands

_FROM: Final = " from span where kind = 'delegation'"
_NEWEST: Final = f" order by started_us desc, id desc limit {_PAGE}"
_WORDS: Final = " and id in (select rowid from span_words where span_words match :words)"
_SUMS: Final = """
    select agent_type, model, {more} count(*), sum(outcome = 'success'), sum(outcome = 'failure'), avg(reward),
        sum(cost_usd), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), avg(duration_ms)
    from {table} where kind = 'delegation' and started_us >= :since group by agent_type, model {and_more}
"""
_COVERED: Final = """
    kind, agent_type, model, task_type, started_us, outcome, reward, cost_usd, input_tokens, output_tokens,
    cache_read_tokens, duration_ms
"""
_COVER: Final = (
    f"create temp table narrow as select {_COVERED} from span where kind = 'delegation'",
    f"create index narrow_all on narrow ({_COVERED})",
)


@dataclass(frozen=True, slots=True)
class Search:
    """One search, as a question to the store and as a condition in SQL."""

    name: str
    question: SpanFilter
    condition: str
    parameters: dict[str, Any]


def searches(count: int, delegations: int, chance: random.Random) -> Iterator[Search]:
    """What people look for, in a database of so many spans."""
    trajectories = count // SPANS_PER_TRAJECTORY
    word = spans.change(chance.randrange(trajectories), chance.randint(1, delegations))
    week = spans.start_of(trajectories) - timedelta(days=7)
    yield Search("the newest", SpanFilter(), "", {})
    yield Search(
        "one agent's failures",
        SpanFilter(agent_types=frozenset({"Plan"}), outcome=Outcome.FAILURE),
        " and agent_type = 'Plan' and outcome = 'failure'",
        {},
    )
    yield Search(
        "one model in a project, last week",
        SpanFilter(model=spans.MODELS[1], project="/home/user/project-3", since=week),
        " and model = :model and project = '/home/user/project-3' and started_us >= :since",
        {"model": spans.MODELS[1], "since": int(week.timestamp() * 1e6)},
    )
    yield Search(
        "all that cost much", SpanFilter(min_cost_usd=_MUCH_USD), " and cost_usd >= :much", {"much": _MUCH_USD}
    )
    yield Search("a word that occurs once", SpanFilter(words=word), _WORDS, {"words": f'"{word}"'})
    yield Search("a word that is everywhere", SpanFilter(words="rollback"), _WORDS, {"words": '"rollback"'})
    yield Search(
        "two words of one agent",
        SpanFilter(words="rollback latency", agent_types=frozenset({"Plan"})),
        f"{_WORDS} and agent_type = 'Plan'",
        {"words": '"rollback" "latency"'},
    )


async def ask_searches(report: Report, path: Path, count: int, delegations: int, calls: int) -> None:
    """Searches through the store."""
    store, raw = open_store(str(path)), _connected(path)
    for search in searches(count, delegations, random.Random(count)):
        ours = Clock(f"Store.find, {search.name}, {count:,} spans")
        floor = Clock("sqlite3, the same rows and count")
        page = await store.find(search.question, PageRequest(limit=_PAGE))
        found = _find_raw(raw, search)
        assert [span.span_id for span in page.items] == [row["span_id"] for row in found], search.name
        for _ in _while_short(calls):
            with ours.lap():
                await store.find(search.question, PageRequest(limit=_PAGE))
            with floor.lap():
                _find_raw(raw, search)
        report.timing(ours, floor)
        report.timing(floor)
        report.note(f"of {page.total:,} that match")
    raw.close()
    await store.close()


async def ask_similar(report: Report, path: Path, count: int, delegations: int, calls: int) -> None:
    """Tasks that resemble one that is known, through the service.

    Asked again and again; as the first question of a store, as a process has it; and as the first after nobody has
    counted in how many tasks each word is.
    """
    chance = random.Random(count + 1)
    asked = (
        spans.trajectory(chance.randrange(count // SPANS_PER_TRAJECTORY), delegations)[1] for _ in itertools.count()
    )
    ours, first, very_first = (
        Clock(f"Reporting.search, similar tasks, {when}{count:,} spans")
        for when in ("", "first of a process, ", "first of a database, ")
    )
    store = open_store(str(path))
    reporting = Reporting(store)
    for row in itertools.islice(asked, _LEAST):
        await reporting.search(similar_to=row["task"])
    for _ in _while_short(calls):
        await _ask_for(next(asked), reporting, ours)
    await store.close()
    for clock in (first, very_first):
        for _ in range(_FIRSTS):
            if clock is very_first:
                _forget_common_words(path)
            store = open_store(str(path))
            await store.session("")  # opens the file
            await _ask_for(next(asked), Reporting(store), clock)
            await store.close()
    for clock in (ours, first, very_first):
        report.timing(clock)


async def _ask_for(row: spans.Row, reporting: Reporting, clock: Clock) -> None:
    with clock.lap():
        answer = await reporting.search(similar_to=row["task"])
    assert answer["delegations"][0]["span_id"] == row["span_id"]


def _forget_common_words(path: Path) -> None:
    with closing(_connected(path)) as raw:
        raw.execute("delete from common_word")


async def ask_statistics(report: Report, path: Path, count: int, calls: int) -> None:
    """Statistics through the service."""
    store, raw = open_store(str(path)), _connected(path)
    reporting = Reporting(store)
    for statement in _COVER:
        raw.execute(statement)
    month = spans.start_of(count // SPANS_PER_TRAJECTORY) - _MONTH
    both = (Dimension.AGENT_TYPE, Dimension.MODEL)
    for name, by, since in (
        ("agent x model", both, None),
        ("agent x model x task type, 30 days", (*both, Dimension.TASK_TYPE), month),
    ):
        more = ("task_type,", ", task_type") if len(by) > len(both) else ("", "")
        plain, covered = (
            _SUMS.format(more=more[0], and_more=more[1], table=table)
            for table in ("span", "narrow indexed by narrow_all")
        )
        parameters = {"since": 0 if since is None else int(since.timestamp() * 1e6)}
        ours = Clock(f"Reporting.stats, {name}, {count:,} spans")
        floor = Clock("sqlite3, one group by")
        covering = Clock("sqlite3, one group by over an index that covers it")
        await reporting.stats(by, since=since.isoformat() if since else None)
        for _ in _while_short(calls):
            for _ in range(_TO_ONE):
                with ours.lap():
                    await reporting.stats(by, since=since.isoformat() if since else None)
            with floor.lap():
                raw.execute(plain, parameters).fetchall()
            with covering.lap():
                raw.execute(covered, parameters).fetchall()
        report.timing(ours, floor)
        report.timing(floor)
        report.timing(covering)
    raw.close()
    await store.close()


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma cache_size = -512")
    return connection


def _find_raw(connection: sqlite3.Connection, search: Search) -> list[sqlite3.Row]:
    where = _FROM + search.condition
    connection.execute(f"select count(*) {where}", search.parameters).fetchone()
    ids = [row["id"] for row in connection.execute(f"select id {where}{_NEWEST}", search.parameters)]
    statement = f"select * from span join span_text using (id) where id in ({', '.join('?' * len(ids))})"
    rows = connection.execute(f"{statement} order by started_us desc, id desc", ids).fetchall()
    for row in rows:
        zlib.decompress(row["task"]).decode()
        zlib.decompress(row["output"]).decode()
    return rows


def _while_short(calls: int) -> Iterator[int]:
    """So many numbers, fewer where using them takes long."""
    end = time.perf_counter() + _LONG_S
    for number in range(calls):
        if number >= _LEAST and time.perf_counter() > end:
            return
        yield number


async def measure(report: Report, path: Path, count: int, given: argparse.Namespace) -> None:
    """All questions of this file to one database."""
    calls = given.calls
    if given.only != "statistics":
        await ask_searches(report, path, count, given.delegations, calls)
        await ask_similar(report, path, count, given.delegations, calls)
    if given.only != "searches":
        await ask_statistics(report, path, count, calls)


def main() -> None:
    parser = arguments(__doc__)
    databases.add_options(parser)
    parser.add_argument("--calls", type=int, default=100, help="at most, for each question (default %(default)s)")
    parser.add_argument("--only", choices=("searches", "statistics"), help="a part of the questions")
    given = parser.parse_args()
    report = Report(given, "How long do a search and statistics take?")
    with databases.folder_of(given) as folder:
        for count in given.spans:
            with databases.database(report, folder, count, keep=given.keep, delegations=given.delegations) as path:
                asyncio.run(measure(report, path, count, given))
    report.save()


if __name__ == "__main__":
    main()
