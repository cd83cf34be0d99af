"""Roll-ups: true after everything that changes a span, and the same answers as from the spans."""

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.opening import open_store
from storage.queries import Batch, Dimension, Group, SpanFilter
from storage.records import Reward, Span
from storage.sqlite import functions, groups, migrate, rollup_building, rollup_groups, rollups, upkeep, writing
from storage.store import Store
from storage.vocabulary import Status
from tests.factories import a_reward, a_span, at
from tests.storage.living import FIRST, HOURS, History, histories
from tests.strategies import maybe


@contextmanager
def a_database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("pragma foreign_keys = on")
        functions.teach(connection)
        migrate.migrate(connection, ":memory:")
        yield connection


def content(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """All roll-ups by what they are of."""
    key, sums = ", ".join(rollups.KEY), ", ".join(rollups.SUMS)
    table = "rollup_period join rollup_cell on rollup_cell.id = cell_id"
    found = connection.execute(f"select level, {key}, days, day, {sums}, durations from {table}")
    return sorted((tuple(row) for row in found), key=repr)


def live_through(connection: sqlite3.Connection, history: History) -> None:
    for step in history:
        if isinstance(step, int):
            upkeep.remove_some(connection, FIRST + timedelta(hours=step), math.inf)
        else:
            spans = [one for one in step if isinstance(one, Span)]
            rewards = [one for one in step if isinstance(one, Reward)]
            writing.add(connection, Batch(spans=spans, rewards=rewards))


def from_rollups(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
    return rollup_groups.group(connection, question, by)


def from_spans(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
    return groups.totals(connection, question, by).groups(by)


@given(histories)
def test_kept_true_step_by_step_they_are_as_if_made_anew(history: History) -> None:
    with a_database() as connection:
        live_through(connection, history)
        kept = content(connection)
        rollup_building.rebuild(connection)
        assert kept == content(connection)


@given(
    histories,
    st.lists(st.sampled_from(Dimension), unique=True, max_size=4),
    st.builds(
        SpanFilter,
        agent_types=maybe(st.sets(st.sampled_from(["Explore", "Plan"])).map(frozenset)),
        model=maybe(st.just("small")),
        task_type=maybe(st.just("docs")),
        project=maybe(st.just("/a")),
        since=maybe(HOURS.map(lambda hours: FIRST + timedelta(hours=hours))),
        until=maybe(HOURS.map(lambda hours: FIRST + timedelta(hours=hours, microseconds=1))),
    ),
)
def test_they_answer_as_the_spans_do(history: History, by: list[Dimension], question: SpanFilter) -> None:
    with a_database() as connection:
        live_through(connection, history)
        assert from_rollups(connection, question, by) == from_spans(connection, question, by)


def test_a_guessed_type_counts_where_a_stated_one_would_until_one_is_stated() -> None:
    guess = {"guessed_type": "docs", "guessed_by": "words/1"}
    with a_database() as connection:
        spans = [a_span(span_id="guessed", **guess), a_span(task_type="docs"), a_span(task_type="search", **guess)]
        writing.add(connection, Batch(spans=[*spans, a_span()]))
        by = [Dimension.TASK_TYPE]

        def answered(question: SpanFilter) -> list[tuple[str | None, int, int]]:
            found = from_rollups(connection, question, by)
            assert found == from_spans(connection, question, by)
            return [(one.key["task_type"], one.n, one.guessed_n) for one in found]

        assert answered(SpanFilter()) == [("docs", 2, 1), (None, 1, 0), ("search", 1, 0)]
        assert answered(SpanFilter(task_type="docs")) == [("docs", 2, 1)]
        writing.add(connection, Batch(spans=[spans[0].model_copy(update={"task_type": "search"})]))
        assert answered(SpanFilter()) == [("search", 2, 0), (None, 1, 0), ("docs", 1, 0)]


def test_what_they_cannot_answer_comes_from_the_spans() -> None:
    with a_database() as connection:
        writing.add(connection, Batch(spans=[a_span(status=Status.ERROR), a_span()]))
        (found,) = from_rollups(connection, SpanFilter(status=Status.ERROR), ())
        assert (found.n, found.durations.n) == (1, 1)


def test_what_was_not_summed_up_is_answered_from_the_spans() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        functions.teach(connection)
        for number, script in migrate.migrations():
            if number == 3:
                connection.execute(
                    "insert into span (span_id, session_id, kind, agent_type, status, outcome, started_us, source,"
                    " observed_us) values ('old', 's', 'delegation', 'Plan', 'ok', 'unknown', 5, 'stated', 5)"
                )
            for statement in migrate.statements(script):
                connection.execute(statement)
        assert not rollups.is_built(connection)
        writing.add(connection, Batch(spans=[a_span()]))
        assert content(connection) == []
        assert sum(one.n for one in from_rollups(connection, SpanFilter(), [Dimension.AGENT_TYPE])) == 2
        rollup_building.rebuild(connection)
        assert rollups.is_built(connection)
        assert sum(one.n for one in from_rollups(connection, SpanFilter(), [Dimension.AGENT_TYPE])) == 2


def test_a_reward_that_arrives_late_counts_on_the_day_of_its_span() -> None:
    with a_database() as connection:
        writing.add(connection, Batch(spans=[a_span(span_id="s")]))
        writing.add(connection, Batch(rewards=[a_reward(span_id="s", value=0.9, given_at=at(86_400 * 40))]))
        sums = connection.execute("select distinct days, day, verified_success_n, verified_reward from rollup_period")
        day = rollups.day_of(at(0))
        assert {tuple(row) for row in sums} == {(1, day, 1, 900_000), (7, rollups.week_of(day), 1, 900_000)}


@given(st.dates(date(1, 1, 8)))
def test_a_week_begins_on_its_monday(some_day: date) -> None:
    first = date(1970, 1, 1)
    monday = first + timedelta(days=rollups.week_of((some_day - first).days))
    assert monday == some_day - timedelta(days=some_day.weekday())


def test_what_is_pruned_leaves_nothing_behind() -> None:
    with a_database() as connection:
        writing.add(connection, Batch(spans=[a_span(), a_span(duration_ms=None, ended_at=None)]))
        assert content(connection)
        upkeep.remove_some(connection, at(10**9), math.inf)
        assert content(connection) == []


def test_numbers_of_strangers_break_nothing() -> None:
    with a_database() as connection:
        huge = [a_span(input_tokens=2**53 - 1, tool_call_count=2**53 - 1, cost_usd=1e9) for _ in range(1100)]
        writing.add(connection, Batch(spans=huge))
        (found,) = from_rollups(connection, SpanFilter(), ())
        assert found.tokens["input_tokens"] == pytest.approx(1100 * 2**53)


@pytest.mark.anyio
async def test_a_store_makes_them_anew_when_asked(store: Store) -> None:
    await store.add(Batch(spans=[a_span()]))
    with closing(sqlite3.connect((await store.health()).location)) as connection:
        before = content(connection)
        connection.execute("update rollup_period set n = 7")
        connection.commit()
        await store.rebuild()
        assert content(connection) == before


OLD_SPAN: Final = """
    insert into span (span_id, session_id, kind, agent_type, status, outcome, started_us, source, observed_us)
    values ('old', 's', 'delegation', 'Plan', 'ok', 'unknown', 5, 'stated', 5)
"""


SUMS_AS_NOW: Final = 8
"""The schema since which sums are kept as they are now."""


@pytest.fixture(params=range(1, SUMS_AS_NOW), ids=lambda number: f"schema {number}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database of an earlier version, whose sums were true; it holds one delegation."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        functions.teach(connection)
        for number, script in migrate.migrations()[: request.param]:
            for statement in migrate.statements(script):
                connection.execute(statement)
            connection.execute(f"pragma user_version = {number}")
        connection.execute(OLD_SPAN)
        connection.executescript("pragma journal_mode = wal")
    return path


@pytest.mark.anyio
async def test_a_database_of_an_earlier_version_is_summed_up_when_sums_are_first_asked_for(old: Path) -> None:
    store = open_store(str(old))
    for count in (1, 2):
        assert [one.n for one in await store.group(SpanFilter(), ())] == [count]
        assert (await store.health()).summed_up
        await store.add(Batch(spans=[a_span()]))
    await store.close()


@pytest.mark.anyio
async def test_what_cannot_be_summed_up_now_is_counted_from_the_spans_until_it_can(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    store = open_store(str(path))
    await store.add(Batch(spans=[a_span()]))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        for statement in ("delete from rollup_period", "update rollup_state set built = 0"):
            other.execute(statement)
        other.execute("commit")
        other.execute("begin immediate")
        assert [one.n for one in await store.group(SpanFilter(), ())] == [1]
        assert not (await store.health()).summed_up
        other.execute("rollback")
    assert [one.n for one in await store.group(SpanFilter(), ())] == [1]
    assert (await store.health()).summed_up
    await store.close()


@pytest.mark.parametrize("since", [None, 0, 7, 12, 36, 50], ids=lambda hours: f"since {hours}")
@pytest.mark.parametrize("until", [None, 9, 12, 36, 61, 84, 90], ids=lambda hours: f"until {hours}")
def test_a_window_need_not_begin_or_end_with_a_day(since: int | None, until: int | None) -> None:
    with a_database() as connection:
        hourly = [FIRST + timedelta(hours=hours) for hours in range(90)]
        writing.add(connection, Batch(spans=[a_span(started_at=time, ended_at=time) for time in hourly]))
        question = SpanFilter(
            since=None if since is None else FIRST + timedelta(hours=since),
            until=None if until is None else FIRST + timedelta(hours=until),
        )
        for by in ([], [Dimension.DAY], [Dimension.PROJECT]):
            expected = from_spans(connection, question, by)
            assert from_rollups(connection, question, by) == expected
            assert sum(one.n for one in expected) == max(0, (until or 90) - (since or 0))
