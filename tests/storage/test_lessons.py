"""Lessons in SQLite: true after everything that changes a span, and the same when they are made anew."""

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.lessons import ArmState, DaySum, Learned
from storage.queries import Batch
from storage.records import Span
from storage.sqlite import common_words, lesson_reading, lesson_words, lessons, migrate, rows, upkeep, writing
from storage.sqlite.common_words import CommonWords
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status, Tier
from storage.words import task_words
from tests.factories import a_reward, a_span, at
from tests.storage.living import FIRST, HOURS
from tests.storage.test_rollups import a_database
from tests.strategies import maybe

TASKS = ("find the parser", "mend the roof", "", "Die Tür öffnen", '\0 %% "quoted" or near(x)')
IDS = ("stated", "captured", "other")


@st.composite
def sightings(draw: st.DrawFn) -> Span:
    """One of three delegations, two of which may turn out to be one."""
    span_id = draw(st.sampled_from(IDS))
    started_at = FIRST + timedelta(hours=draw(HOURS))
    return Span(
        span_id=span_id,
        session_id=draw(st.sampled_from(["session-1", "session-1", "session-2"])),
        kind=draw(st.sampled_from([SpanKind.DELEGATION] * 9 + [SpanKind.SESSION])),
        agent_type=draw(st.sampled_from(["Explore", "Plan"])),
        model=draw(maybe(st.just("large"))),
        agent_version=draw(maybe(st.just("v1"))),
        task=draw(maybe(st.sampled_from(TASKS))),
        task_type=draw(maybe(st.just("search"))),
        complexity=draw(maybe(st.sampled_from(Level))),
        tool_use_id=None if span_id == "other" else draw(maybe(st.just("use"))),
        status=draw(st.sampled_from([Status.OK, Status.OK, Status.ERROR, Status.RUNNING, Status.LOST])),
        started_at=started_at,
        ended_at=draw(maybe(st.just(started_at + timedelta(hours=draw(st.integers(0, 30)))))),
        tool_call_count=draw(maybe(st.integers(0, 3))),
        source=Source.CAPTURED if span_id == "captured" else Source.STATED,
        observed_at=draw(maybe(st.just(started_at + timedelta(hours=draw(st.integers(0, 90)))))),
    )


judgements = st.builds(
    a_reward,
    reward_id=st.sampled_from(["r:1", "r:2", "r:3", "r:4"]),
    span_id=st.sampled_from(IDS),
    value=st.sampled_from([0.0, 0.123456789, 0.75, 1.0]),
    source=st.sampled_from(RewardSource),
    given_at=HOURS.map(lambda hours: FIRST + timedelta(hours=hours)),
)
learnings = st.dictionaries(st.integers(1, 6), st.sampled_from([0.0, 0.5, 1.0]), max_size=3)
batches = st.builds(
    Batch,
    spans=st.lists(sightings(), max_size=2),
    rewards=st.lists(judgements, max_size=2),
    reconsidered=st.lists(st.just("r:"), max_size=1),
)
histories = st.lists(batches | batches | batches | HOURS | learnings, min_size=1, max_size=14)


def live_through(connection: sqlite3.Connection, history: Sequence[Any]) -> None:
    """Batches of spans and of rewards, prunings, and learnings that set the epochs of lessons and of an arm."""
    for step in history:
        if isinstance(step, int):
            upkeep.remove_some(connection, FIRST + timedelta(hours=step), math.inf)
        elif isinstance(step, dict):
            arm = ArmState(agent_type="Explore", model=None, epoch=max(step.values(), default=0.0))
            assert lessons.learn(connection, 0, Learned(arms=[arm]), step)
        else:
            writing.add(connection, step)


def content(connection: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All that is kept of lessons, but for the version and for row numbers that mean nothing."""
    sums = ", ".join((*lessons.SUM_KEY, *lessons.SUMS))
    statements = {
        "lessons": "select * from lesson",
        "sums": f"select {sums} from lesson_sum",
        "texts": "select number, length, words from lesson_text",
        "totals": "select text_n, text_length, learned_through from lesson_state",
        "frequencies": "select term, doc from lesson_vocabulary",
    }
    return {
        name: sorted((tuple(row) for row in connection.execute(statement)), key=repr)
        for name, statement in statements.items()
    }


def expected_words(connection: sqlite3.Connection) -> dict[str, int]:
    """How many lessons hold each word, from the spans."""
    found: dict[str, int] = {}
    held = connection.execute("select span_id from lesson").fetchall()
    wanted = {"span_ids": json.dumps([row["span_id"] for row in held])}
    for row in connection.execute(lessons._SPANS, wanted):
        for word in set(task_words(rows.unpack(row["task"]) or "")):
            found[word] = found.get(word, 0) + 1
    return found


@given(histories)
@example(
    [
        Batch(
            spans=[a_span(span_id="stated", task="find it", tool_use_id="use")], rewards=[a_reward(span_id="stated")]
        ),
        Batch(spans=[a_span(span_id="captured", task="find that", tool_use_id="use", source=Source.CAPTURED)]),
    ]
)
def test_kept_true_step_by_step_they_are_as_if_made_anew(history: Sequence[Any]) -> None:
    with a_database() as connection:
        live_through(connection, history)
        kept = content(connection)
        assert dict(kept["frequencies"]) == expected_words(connection)
        lessons.rebuild(connection)
        assert content(connection) == kept
        connection.execute("insert into lesson_words (lesson_words) values ('integrity-check')")


@settings(max_examples=40)
@given(histories)
def test_numbers_and_epochs_of_lessons_that_stay_are_the_same_for_ever(history: Sequence[Any]) -> None:
    with a_database() as connection:
        known: dict[str, tuple[int, str, str | None, float]] = {}
        highest = 0
        for step in history:
            live_through(connection, [step])
            now = {one.span_id: one for one in lesson_reading.after(connection, 0, 1000)}
            for span_id, lesson in now.items():
                number, agent_type, model, epoch = known.get(span_id, (0, "", None, 0.0))
                assert lesson.number == number or lesson.number > highest or span_id.startswith("captured")
                if lesson.number == number and (lesson.agent_type, lesson.model) == (agent_type, model):
                    assert lesson.epoch == epoch or isinstance(step, dict)
            known = {one.span_id: (one.number, one.agent_type, one.model, one.epoch) for one in now.values()}
            highest = max([highest, *(one.number for one in now.values())])


@settings(max_examples=40)
@given(histories)
def test_the_version_grows_exactly_when_something_changed(history: Sequence[Any]) -> None:
    with a_database() as connection:
        for step in history:
            before, version = content(connection), lesson_reading.version(connection)
            live_through(connection, [step])
            changed = content(connection) != before or isinstance(step, dict)
            assert (lesson_reading.version(connection) > version) == changed


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(lesson_words, "KEPT", 3)
    return 3


def test_words_of_older_lessons_fall_out(few: int) -> None:
    with a_database() as connection:
        for number in range(5):
            spans = [a_span(span_id=f"s{number}", task=f"word{number} all")]
            writing.add(connection, Batch(spans=spans, rewards=[a_reward(span_id=f"s{number}")]))
        found = lesson_words.vocabulary(connection, ["all", "word0", "word2", "word4"], CommonWords("lesson"))
        assert (found.total, found.mean_length) == (few, 2.0)
        assert found.frequencies == {"all": 3, "word2": 1, "word4": 1}
        kept = content(connection)
        lessons.rebuild(connection)
        assert content(connection) == kept
        # A lesson that is too old stays without words when it changes.
        writing.add(connection, Batch(rewards=[a_reward(span_id="s0", value=0.1, given_at=at(5))]))
        assert content(connection)["texts"] == kept["texts"]


def test_what_was_judged_before_there_were_lessons_is_looked_through_once() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        for number, script in migrate.migrations():
            if number == 5:
                old = [("late", 9, "ok"), ("early", 5, "ok"), ("running", 1, "running")]
                for span_id, started_us, status in old:
                    connection.execute(
                        "insert into span (span_id, session_id, kind, agent_type, status, outcome, reward,"
                        " reward_source, started_us, source, observed_us)"
                        " values (?, 's', 'delegation', 'Plan', ?, 'unknown', 1.0, 'structure', ?, 'stated', 5)",
                        (span_id, status, started_us),
                    )
                    connection.execute("insert into span_text (id) select max(id) from span")
            for statement in migrate.statements(script):
                connection.execute(statement)
        assert not lessons.is_built(connection)
        writing.add(connection, Batch(spans=[a_span(span_id="new")], rewards=[a_reward(span_id="new")]))
        lessons.build(connection)
        assert lessons.is_built(connection)
        found = lesson_reading.after(connection, 0, 10)
        assert [(one.number, one.span_id) for one in found] == [(1, "new"), (2, "early"), (3, "late")]
        version = lesson_reading.version(connection)
        lessons.build(connection)
        assert lesson_reading.version(connection) == version


def test_a_new_database_has_nothing_to_look_through() -> None:
    with a_database() as connection:
        assert lessons.is_built(connection)


def test_two_lessons_of_one_delegation_become_one() -> None:
    with a_database() as connection:
        stated = a_span(span_id="stated", task="find it")
        captured = a_span(span_id="captured", tool_use_id="use", source=Source.CAPTURED, task="find that")
        rewards = [a_reward(span_id="captured", value=0.5), a_reward(span_id="stated", value=1.0, given_at=at(1))]
        writing.add(connection, Batch(spans=[stated, captured], rewards=rewards))
        assert len(lesson_reading.after(connection, 0, 10)) == 2
        writing.add(connection, Batch(spans=[stated.model_copy(update={"tool_use_id": "use"})]))
        (lesson,) = lesson_reading.after(connection, 0, 10)
        assert (lesson.span_id, lesson.reward) == ("captured", 1.0)
        (found,) = lesson_reading.sums(connection)
        assert found.tiers == {Tier.VERIFIED: [DaySum(lesson.day, 1, 1.0, 1)]}
        assert lesson_words.vocabulary(connection, ["it", "that"], CommonWords("lesson")).frequencies == {"that": 1}


def test_what_was_concluded_from_the_end_of_a_span_goes_when_there_was_no_such_end() -> None:
    with a_database() as connection:
        span = a_span(span_id="s", kind=SpanKind.DELEGATION, status=Status.OK)
        writing.add(connection, Batch(spans=[span], rewards=[a_reward(span_id="s", source=RewardSource.STRUCTURE)]))
        assert len(lesson_reading.sums(connection)) == 1
        later = span.model_copy(update={"status": Status.CANCELLED, "observed_at": at(9)})
        writing.add(connection, Batch(spans=[later]))
        assert (lesson_reading.sums(connection), lesson_reading.after(connection, 0, 9)) == ([], [])


def test_frequencies_of_common_words_are_counted_again_when_one_lesson_in_fifty_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(common_words, "_FEW", 50)
    with a_database() as connection:
        common = CommonWords("lesson")

        def frequencies() -> dict[str, int]:
            return dict(lesson_words.vocabulary(connection, ["all", "rare"], common).frequencies)

        def more(count: int, task: str) -> None:
            spans = [a_span(task=task) for _ in range(count)]
            writing.add(connection, Batch(spans=spans, rewards=[a_reward(span_id=span.span_id) for span in spans]))

        more(100, "all")
        assert frequencies() == {"all": 100}
        more(2, "all rare")
        assert frequencies() == {"all": 100, "rare": 2}  # of what is rare nothing is remembered
        more(1, "all")
        assert frequencies() == {"all": 103, "rare": 2}
