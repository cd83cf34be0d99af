"""What is read of lessons in SQLite."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from storage.lessons import ArmState, DaySum, Learned, Lesson, LessonSum, Taught
from storage.sqlite import lesson_words, rows
from storage.sqlite.lessons import PLACE, SUM_KEY, SUMS
from storage.sqlite.rollups import MICRO
from storage.vocabulary import Level, RewardSource, Tier

_ALIKE: Final = tuple(name for name in SUM_KEY if name != "day")
_DAY: Final = len(_ALIKE)
_PLACES: Final = tuple((tier, _DAY + 1 + place) for tier, place in PLACE.items())

_VERSION: Final = "select version from lesson_state"
_SUMS: Final = f"select {', '.join((*_ALIKE, 'day', *SUMS))} from lesson_sum order by id"
_AFTER: Final = "select * from lesson where number > :number order by number limit :limit"
_NUMBERED: Final = "select * from lesson where number in (select value from json_each(:numbers)) order by number"
_THROUGH: Final = "select learned_through from lesson_state"
_ARMS: Final = "select agent_type, model, agent_version, epoch, shortfall, since_alarm from lesson_arm order by id"


def version(connection: sqlite3.Connection) -> int:
    """Grows with every change."""
    return int(connection.execute(_VERSION).fetchone()[0])


def sums(connection: sqlite3.Connection) -> list[LessonSum]:
    """All lessons, summed up."""
    found: defaultdict[tuple[Any, ...], dict[Tier, list[DaySum]]] = defaultdict(dict)
    with rows.reading("a sum of lessons"):
        # There are tens of thousands of rows: none is kept, and columns are much faster by places than by names.
        for row in connection.execute(_SUMS):
            tiers = found[row[:_DAY]]
            for tier, place in _PLACES:
                if row[place]:
                    day = DaySum(row[_DAY], row[place], row[place + 1] / MICRO, row[place + 2])
                    tiers.setdefault(tier, []).append(day)
        return [_sum(alike, tiers) for alike, tiers in found.items()]


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


def _sum(alike: tuple[Any, ...], tiers: Mapping[Tier, Sequence[DaySum]]) -> LessonSum:
    named = dict(zip(_ALIKE, alike, strict=True))
    level = named.pop("complexity")
    return LessonSum(**named, complexity=None if level is None else Level(level), tiers=tiers)


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
