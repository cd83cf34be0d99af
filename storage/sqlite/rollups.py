"""Roll-ups in SQLite: what delegations of one day that are alike add up to, so that nobody adds up a million of them.

Each delegation is in two cells: one of its agent type, model and task type, and one of all that it can be grouped by.
The former is summed up by days and by weeks; cells of the latter are so many that a week of one rarely holds more than
a day. Whoever changes a span tells what it was and what it is; the old contribution is taken away and the new one
added, in the same transaction. All sums are of whole numbers, and sketches lose exactly what they gained: nothing
drifts.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from storage.outcomes import SUCCESS_FROM, tier
from storage.records import Span
from storage.sketch import Sketch, bucket_weight
from storage.sqlite import rows
from storage.vocabulary import Outcome, SpanKind, Status, Tier

COARSE: Final = 0
FINE: Final = 1
KEY: Final = ("agent_type", "model", "task_type", "project", "complexity", "agent_version")
COARSE_KEY: Final = 3
"""So many names of `KEY` make a cell of the coarse level."""
TOKENS: Final = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
SUMS: Final = (
    "n",
    *(f"status_{status}" for status in Status),
    *(f"outcome_{outcome}" for outcome in Outcome),
    "verified_success_n",
    *(f"{tier}_{what}" for tier in Tier for what in ("n", "reward", "reward_squared")),
    "cost_n", "cost_nano_usd",
    *(f"{tokens}_{what}" for tokens in TOKENS for what in ("n", "tokens")),
    "tool_calls_n", "tool_calls", "tool_errors_n", "tool_errors", "guessed_n",
)  # fmt: skip
MICRO: Final = 1_000_000
NANO: Final = 1_000_000_000

_PLACES: Final = {name: place for place, name in enumerate(SUMS)}
_STATUS: Final = {status: _PLACES[f"status_{status}"] for status in Status}
_OUTCOME: Final = {outcome: _PLACES[f"outcome_{outcome}"] for outcome in Outcome}
_TIER: Final = {tier: _PLACES[f"{tier}_n"] for tier in Tier}
_VERIFIED_SUCCESS: Final = _PLACES["verified_success_n"]
_COST: Final = _PLACES["cost_n"]
_COUNTS: Final = [
    *((f"{tokens}_tokens", _PLACES[f"{tokens}_n"]) for tokens in TOKENS),
    ("tool_call_count", _PLACES["tool_calls_n"]),
    ("tool_error_count", _PLACES["tool_errors_n"]),
]
"""Fields of a span that may be unknown; where it counts that one is known, just before what it adds up to."""
_GUESSED: Final = _PLACES["guessed_n"]
_REAL: Final = frozenset(
    place for name, place in _PLACES.items() if name.endswith(("_usd", "_tokens", "tool_calls", "tool_errors"))
)
_ALL_WHOLE: Final = 2.0**52
"""From here on, numbers have no fraction."""
DAY_US: Final = 86_400_000_000
DAY: Final = 1
WEEK: Final = 7
A_MONDAY: Final = 4
"""A day since 1970 that was one."""

_IS_BUILT: Final = "select built from rollup_state"
_CELL: Final = f"select id from rollup_cell where level = ? and {' and '.join(f'{name} is ?' for name in KEY)}"
_NEW_CELL: Final = f"insert into rollup_cell (level, {', '.join(KEY)}) values (?{', ?' * len(KEY)})"
_HELD: Final = "select n, durations from rollup_period where cell_id = ? and days = ? and day = ?"
_INSERT: Final = f"""
    insert into rollup_period ({", ".join(SUMS)}, durations, cell_id, days, day) values (?{", ?" * (len(SUMS) + 3)})
"""
_ADD: Final = f"""
    update rollup_period set {", ".join(f"{name} = {name} + ?" for name in SUMS)}, durations = ?
    where cell_id = ? and days = ? and day = ?
"""
_DELETE: Final = "delete from rollup_period where cell_id = ? and days = ? and day = ?"

Key = tuple[str | None, ...]
_Cell = tuple[int, Key]
"""Level and key."""
_Period = tuple[int, int]
"""How many days, and the first of them."""


@dataclass(slots=True)
class _Sum:
    """What changes in one cell in one period."""

    sums: list[int] = field(default_factory=lambda: [0] * len(SUMS))
    durations: int = 0
    """Counts of a sketch; below zero where more is taken away than added."""


class Deltas:
    """What becomes of the roll-ups through some changes of spans, before it is written."""

    def __init__(self) -> None:
        self._found: dict[_Cell, dict[_Period, _Sum]] = {}
        self.judged: set[str] = set()
        """Ids of the spans that had or have a reward."""

    def change(self, before: Span | None, after: Span | None) -> None:
        """One span is no longer what it was; None where it was not there, or is gone."""
        for span, sign in ((before, -1), (after, 1)):
            if span is None:
                continue
            if span.kind is SpanKind.DELEGATION:
                self._count(span, sign)
            if span.reward is not None:
                self.judged.add(span.span_id)

    def write(self, connection: sqlite3.Connection) -> None:
        """Make the roll-ups true after these changes; inside the transaction that makes them."""
        if not self._found or not is_built(connection):
            return
        for cell, periods in self._found.items():
            changed = {period: found for period, found in periods.items() if found.durations or any(found.sums)}
            if changed:
                cell_id = _cell_id(connection, cell)
                for period, found in changed.items():
                    _write(connection, (cell_id, *period), found)

    def _count(self, span: Span, sign: int) -> None:
        fine: Key = (
            span.agent_type, span.model, span.type_of_task, span.project, span.complexity, span.agent_version
        )  # fmt: skip
        coarse = (*fine[:COARSE_KEY], *(None,) * (len(KEY) - COARSE_KEY))
        day = day_of(span.started_at)
        a_day, a_week = (DAY, day), (WEEK, week_of(day))
        facts = _facts(span)
        weight = 0 if span.duration_ms is None else sign * bucket_weight(span.duration_ms)
        for cell, period in (((COARSE, coarse), a_day), ((COARSE, coarse), a_week), ((FINE, fine), a_day)):
            periods = self._found.setdefault(cell, {})
            found = periods.get(period)
            if found is None:
                found = periods[period] = _Sum()
            sums = found.sums
            for where, value in facts:
                sums[where] += sign * value
            found.durations += weight


def is_built(connection: sqlite3.Connection) -> bool:
    """Whether the roll-ups are true; otherwise they wait for `rollup_building`."""
    return bool(connection.execute(_IS_BUILT).fetchone()[0])


def day_of(time: datetime) -> int:
    """Days since 1970, UTC."""
    return rows.microseconds(time) // DAY_US


def week_of(day: int) -> int:
    """The Monday of the week of a day, both in days since 1970."""
    return day - (day - A_MONDAY) % WEEK


def _facts(span: Span) -> list[tuple[int, int]]:
    """Where a delegation counts, and how much."""
    facts = [(0, 1), (_STATUS[span.status], 1), (_OUTCOME[span.outcome], 1)]
    believed = tier(span.reward_source, span.status)
    if believed is not None and span.reward is not None:
        place = _TIER[believed]
        facts += (
            (place, 1), (place + 1, _whole(span.reward * MICRO)), (place + 2, _whole(span.reward * span.reward * MICRO))
        )  # fmt: skip
        if believed is Tier.VERIFIED and span.reward >= SUCCESS_FROM:
            facts.append((_VERIFIED_SUCCESS, 1))
    if span.cost_usd is not None:
        facts += ((_COST, 1), (_COST + 1, _whole(span.cost_usd * NANO)))
    for name, place in _COUNTS:
        count = getattr(span, name)
        if count is not None:
            facts += ((place, 1), (place + 1, count))
    if span.task_type is None and span.guessed_type is not None:
        facts.append((_GUESSED, 1))
    return facts


def _whole(value: float) -> int:
    """The nearest whole number of one that is not below 0, halves up: as SQLite rounds."""
    return int(value + 0.5) if value < _ALL_WHOLE else int(value)


def _cell_id(connection: sqlite3.Connection, cell: _Cell) -> int:
    level, key = cell
    found = connection.execute(_CELL, (level, *key)).fetchone()
    if found is not None:
        return int(found[0])
    return int(connection.execute(_NEW_CELL, (level, *key)).lastrowid or 0)


def _write(connection: sqlite3.Connection, place: tuple[int, int, int], found: _Sum) -> None:
    sums = [float(value) if where in _REAL else value for where, value in enumerate(found.sums)]
    held = connection.execute(_HELD, place).fetchone()
    if held is None:
        connection.execute(_INSERT, (*sums, Sketch(found.durations).to_bytes(), *place))
    elif held["n"] + found.sums[0] == 0:
        connection.execute(_DELETE, place)
    else:
        durations = Sketch.from_bytes(held["durations"]).counts + found.durations
        connection.execute(_ADD, (*sums, Sketch(durations).to_bytes(), *place))
