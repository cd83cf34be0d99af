"""What is read of lessons in SQLite."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.lessons import ArmState, Learned, Lesson, LessonSum, Taught, TierSum
from storage.sqlite import lesson_words, rows
from storage.sqlite.lessons import PLACE, SUM_KEY, SUMS
from storage.sqlite.rollups import MICRO
from storage.vocabulary import Level, RewardSource

_VERSION: Final = "select version from lesson_state"
_SUMS: Final = f"select {', '.join((*SUM_KEY, *SUMS))} from lesson_sum order by id"
_AFTER: Final = "select * from lesson where number > :number order by number limit :limit"
_NUMBERED: Final = "select * from lesson where number in (select value from json_each(:numbers)) order by number"
_THROUGH: Final = "select learned_through from lesson_state"
_ARMS: Final = "select agent_type, model, agent_version, epoch, shortfall, since_alarm from lesson_arm order by id"


def version(connection: sqlite3.Connection) -> int:
    """Grows with every change."""
    return int(connection.execute(_VERSION).fetchone()[0])


def sums(connection: sqlite3.Connection) -> list[LessonSum]:
    """All lessons, summed up."""
    found = connection.execute(_SUMS).fetchall()
    with rows.reading("a sum of lessons"):
        return [_sum(row) for row in found]


def after(connection: sqlite3.Connection, number: int, limit: int) -> list[Lesson]:
    """Lessons with higher numbers, lowest first."""
    return _lessons(connection.execute(_AFTER, {"number": number, "limit": limit}).fetchall())


def learned(connection: sqlite3.Connection) -> Learned:
    """What was learned so far."""
    through = connection.execute(_THROUGH).fetchone()[0]
    arms = tuple(ArmState(**row) for row in map(dict, connection.execute(_ARMS)))
    return Learned(through=through, arms=arms)


def holding(connection: sqlite3.Connection, words: Sequence[str], limit: int) -> list[Taught]:
    """Lessons that hold any of these words, best match first."""
    texts = lesson_words.holding(connection, words, limit)
    found = connection.execute(_NUMBERED, {"numbers": json.dumps(list(texts))}).fetchall()
    lessons = {lesson.number: lesson for lesson in _lessons(found)}
    return [Taught(lessons[number], text) for number, text in texts.items()]


def _sum(row: sqlite3.Row) -> LessonSum:
    # There are tens of thousands of rows: columns are much faster by their places than by their names.
    day, agent_type, model, task_type, complexity, epoch, *sums = row
    return LessonSum(
        day=day,
        agent_type=agent_type,
        model=model,
        task_type=task_type,
        complexity=None if complexity is None else Level(complexity),
        epoch=epoch,
        tiers={
            tier: TierSum(sums[place], sums[place + 1] / MICRO, sums[place + 2])
            for tier, place in PLACE.items()
            if sums[place]
        },
    )


def _lessons(found: Sequence[sqlite3.Row]) -> list[Lesson]:
    with rows.reading("the row of a lesson"):
        return [
            Lesson(
                number=row["number"],
                span_id=row["span_id"],
                agent_type=row["agent_type"],
                model=row["model"],
                agent_version=row["agent_version"],
                task_type=row["task_type"],
                complexity=None if row["complexity"] is None else Level(row["complexity"]),
                day=row["day"],
                reward=row["reward"],
                source=RewardSource(row["source"]),
                epoch=row["epoch"],
                tool_call_count=row["tool_call_count"],
            )
            for row in found
        ]
