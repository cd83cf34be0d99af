"""Delegations summed up from roll-ups: the same sums as from the spans, in a time that hardly grows with their number.

Whole weeks and days come from the roll-ups. Where a window begins or ends within a day, the smaller part of that day
comes from the spans: it is added to the whole days, or taken away from them.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.fields import well_formed
from storage.queries import Dimension, Essence, Group, SpanFilter
from storage.sketch import Sketch
from storage.sqlite import groups, rows
from storage.sqlite.functions import SUM_OF_SKETCHES
from storage.sqlite.rollups import A_MONDAY, COARSE, COARSE_KEY, DAY, DAY_US, FINE, KEY, SUMS, WEEK, is_built, week_of
from storage.sqlite.totals import FEW, Totals

_ONE_DAY: Final = timedelta(days=1)
_LAST_DAY: Final = datetime.max.replace(tzinfo=UTC).date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_ASKED: Final = frozenset({"kinds", "agent_types", "model", "task_type", "project", "since", "until"})
_UNASKED: Final = [one for one in fields(SpanFilter) if one.name not in _ASKED]
_DAY: Final = "day * 86400, 'unixepoch'"
_TIMES: Final = {
    Dimension.DAY: f"strftime('%Y-%m-%d', {_DAY})",
    Dimension.WEEK: f"strftime('%Y-%m-%d', {_DAY}, '-6 days', 'weekday 1')",
}
_CONDITIONS: Final = {
    "agent_types": "agent_type in (select value from json_each(:agent_types))",
    "model": "model = :model",
    "task_type": "task_type = :task_type",
    "project": "project = :project",
}
_ALL: Final = f"{', '.join(f'total({name})' for name in SUMS)}, {SUM_OF_SKETCHES}(durations)"
_ESSENCE: Final = f"{', '.join(f'total({name})' if name in FEW else '0.0' for name in SUMS)}, x''"
# Cell by cell, as the rows lie: otherwise SQLite would sort them with all their columns.
_FROM: Final = """
    from rollup_cell cross join part cross join rollup_period
        on cell_id = rollup_cell.id and rollup_period.days = part.days and day >= first and day < end
    where level = :level
"""
_WEEKS: Final = 10**8
_NEVER_YET: Final = A_MONDAY - _WEEKS * WEEK
_NEVER_MORE: Final = A_MONDAY + _WEEKS * WEEK
"""Mondays, in days since 1970, which no window reaches: one without a beginning or an end is of whole weeks there."""


def group(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
    """Delegations that match, summed up by the dimensions, most frequent group first."""
    with rows.reading("the sums of delegations"):
        return _Asked(connection, by).totals(question).groups(by)


def compare(
    connection: sqlite3.Connection, question: SpanFilter, other: SpanFilter, by: Sequence[Dimension]
) -> tuple[list[Group], list[Essence]]:
    """The same, and beside it what another question is answered in short."""
    with rows.reading("the sums of delegations"):
        asked = _Asked(connection, by)
        found = asked.totals(question).groups(by)
        return found, replace(asked, brief=True).totals(other).essences(by)


def verified_n(connection: sqlite3.Connection) -> int:
    """Delegations with a verified reward."""
    with rows.reading("the sums of delegations"):
        found = _Asked(connection, (), brief=True).totals(SpanFilter()).essences(())
    return sum(essence.verified_n for essence in found)


def _can_answer(question: SpanFilter) -> bool:
    delegations = SpanFilter().kinds
    return question.kinds == delegations and all(getattr(question, one.name) is None for one in _UNASKED)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a window begins or ends: by whole days, and what is between them and the window itself."""

    day: int
    """The first of the whole days that follow, or the first that follows on them."""
    apart: SpanFilter | None = None
    """The delegations between."""
    sign: int = field(default=0)
    """Whether they are to be added to the whole days, or to be taken away from them."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question after the other, of the same groups. What two of them need from the spans is counted once."""

    connection: sqlite3.Connection
    by: Sequence[Dimension]
    brief: bool = False
    """Whether what makes an `Essence` is enough."""
    parts: dict[SpanFilter, Totals] = field(default_factory=dict)

    def totals(self, question: SpanFilter) -> Totals:
        """From roll-ups, as far as they reach."""
        if not (_can_answer(question) and is_built(self.connection)):
            return self._of_spans(question)
        start = None if question.since is None else _cut(question, question.since, is_start=True)
        end = None if question.until is None else _cut(question, question.until, is_start=False)
        if question.since is not None and question.until is not None and question.until - question.since <= _ONE_DAY:
            return self._of_spans(question)
        found = self._of_days(
            question, _NEVER_YET if start is None else start.day, _NEVER_MORE if end is None else end.day
        )
        for cut in (start, end):
            if cut is not None and cut.apart is not None:
                found.join(self._apart(cut.apart), cut.sign)
        return found

    def _of_spans(self, question: SpanFilter) -> Totals:
        return groups.totals(self.connection, question, self.by, brief=self.brief)

    def _apart(self, question: SpanFilter) -> Totals:
        held = self.parts.get(question)
        if held is None:
            held = self.parts[question] = self._of_spans(question)
        return held

    def _of_days(self, question: SpanFilter, first: int, end: int) -> Totals:
        agents = question.agent_types
        asked: dict[str, Any] = {
            "agent_types": None if agents is None else json.dumps(sorted(map(well_formed, agents))),
            "model": question.model and well_formed(question.model),
            "task_type": question.task_type and well_formed(question.task_type),
            "project": question.project and well_formed(question.project),
        }
        parameters = {name: value for name, value in asked.items() if value is not None}
        conditions = "".join(f" and {_CONDITIONS[name]}" for name in parameters)
        is_coarse = question.project is None and all(one in KEY[:COARSE_KEY] or one in _TIMES for one in self.by)
        parameters["level"] = COARSE if is_coarse else FINE
        has_weeks = is_coarse and Dimension.DAY not in self.by
        parts = _with_weeks(first, end) if has_weeks else [(DAY, first, end)]
        values = ", ".join(f"({days:d}, {since:d}, {until:d})" for days, since, until in parts)
        plain = self.connection.cursor()
        plain.row_factory = None
        cells = ", ".join(("rollup_cell.id", *(_TIMES[one] for one in self.by if one in _TIMES)))
        keys = "".join(f"{_TIMES.get(one) or one.value}, " for one in self.by)
        sums, key = _ESSENCE if self.brief else _ALL, len(self.by)
        select = f"select {keys}{sums} {_FROM}{conditions} group by {cells}"
        found = Totals()
        for row in plain.execute(f"with part (days, first, end) as (values {values}) {select}", parameters):
            found.add(row[:key], row[key:-1], Sketch.from_bytes(row[-1]).counts)
        return found


def _with_weeks(first: int, end: int) -> list[tuple[int, int, int]]:
    """Some days in a row as whole weeks and the days before and after them: of how many days, the first, the end."""
    monday, last_monday = week_of(first + WEEK - 1), week_of(end)
    if monday >= last_monday:
        return [(DAY, first, end)]
    parts = [(DAY, first, monday), (WEEK, monday, last_monday), (DAY, last_monday, end)]
    return [part for part in parts if part[1] < part[2]]


def _cut(question: SpanFilter, time: datetime, *, is_start: bool) -> _Cut:
    day, rest_us = divmod(rows.microseconds(time), DAY_US)
    if not rest_us:
        return _Cut(day)
    if 2 * rest_us < DAY_US or day == _LAST_DAY:  # what lies in the day before that time is the smaller part
        before = replace(question, since=rows.time_of(day * DAY_US), until=time)
        return _Cut(day, before, -1 if is_start else 1)
    after = replace(question, since=time, until=rows.time_of((day + 1) * DAY_US))
    return _Cut(day + 1, after, 1 if is_start else -1)
