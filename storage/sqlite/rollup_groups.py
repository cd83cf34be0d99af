"""Delegations summed up from roll-ups: the same sums as from the spans, in a time that hardly grows with their number.

Whole days come from the roll-ups, the few hours before the first and after the last of them from the spans.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from storage.fields import well_formed
from storage.queries import Dimension, Group, SpanFilter
from storage.sketch import Sketch, counts_of
from storage.sqlite import groups, rows
from storage.sqlite.rollups import COARSE, COARSE_KEY, DAY_US, FINE, KEY, MICRO, NANO, SUMS, TIERS, TOKENS, is_built
from storage.vocabulary import Outcome, Status

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
    "first": "day >= :first",
    "last": "day <= :last",
}
_TOTALS: Final = ", ".join(f"total({name}) as {name}" for name in SUMS)
# Cell by cell, as the rows lie: otherwise SQLite would sort them with all their columns.
_FROM: Final = "from rollup_cell cross join rollup on rollup.cell_id = rollup_cell.id where level = :level"
_CELLS: Final = "select * from rollup_cell where level = :level"


def group(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
    """As `groups.group`, from roll-ups where they can answer; then with `durations` and without `durations_ms`."""
    if not _can_answer(question) or not is_built(connection):
        return [_counted(found) for found in groups.group(connection, question, by)]
    found: dict[str, Group] = {}
    for part in _parts(connection, question, by):
        key = json.dumps(part.key)
        found[key] = _joined(found[key], part) if key in found else part

    def place(one: Group) -> tuple[int, list[tuple[bool, str]]]:
        # As SQLite orders: null first.
        return -one.n, [(value is not None, value or "") for value in one.key.values()]

    return sorted(found.values(), key=place)


def _can_answer(question: SpanFilter) -> bool:
    delegations = SpanFilter().kinds
    return question.kinds == delegations and all(getattr(question, one.name) is None for one in _UNASKED)


def _parts(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> Iterator[Group]:
    first = None if question.since is None else -(-rows.microseconds(question.since) // DAY_US)
    last = None if question.until is None else rows.microseconds(question.until) // DAY_US - 1
    if first is not None and last is not None and first > last:
        yield from (_counted(one) for one in groups.group(connection, question, by))
        return
    yield from _of_days(connection, question, by, first, last)
    if first is not None:
        before = replace(question, until=rows.time_of(first * DAY_US))
        yield from (_counted(one) for one in groups.group(connection, before, by))
    if last is not None:
        after = replace(question, since=rows.time_of((last + 1) * DAY_US))
        yield from (_counted(one) for one in groups.group(connection, after, by))


def _of_days(
    connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension], first: int | None, last: int | None
) -> Iterator[Group]:
    agents = question.agent_types
    asked: dict[str, Any] = {
        "agent_types": None if agents is None else json.dumps(sorted(map(well_formed, agents))),
        "model": question.model and well_formed(question.model),
        "task_type": question.task_type and well_formed(question.task_type),
        "project": question.project and well_formed(question.project),
        "first": first,
        "last": last,
    }
    parameters = {name: value for name, value in asked.items() if value is not None}
    conditions = "".join(f" and {_CONDITIONS[name]}" for name in parameters)
    is_coarse = question.project is None and all(one in KEY[:COARSE_KEY] or one in _TIMES for one in by)
    parameters["level"] = COARSE if is_coarse else FINE
    timely = [one for one in by if one in _TIMES]
    times = "".join(f", {_TIMES[one]} as {one.value}" for one in timely)
    place = {one: 1 + timely.index(one) for one in timely}
    cells = {row["id"]: row for row in connection.execute(_CELLS, {"level": parameters["level"]})}
    plain = connection.cursor()
    plain.row_factory = None  # tuples: thousands of rows are looked at

    def key_of(row: tuple[Any, ...]) -> tuple[str | None, ...]:
        cell = cells[row[0]]
        return tuple(row[place[one]] if one in place else cell[one.value] for one in by)

    sketches: dict[tuple[str | None, ...], int] = {}
    start = 1 + len(timely)
    cell_and_times = ", ".join(("rollup_cell.id", *(one.value for one in timely)))
    each = f"select rollup_cell.id{times}, durations {_FROM}{conditions}"
    grouped = f"select rollup_cell.id{times}, {_TOTALS} {_FROM}{conditions} group by {cell_and_times}"
    for mark, found in _runs(plain.execute(each, parameters)):
        key = key_of(mark)
        sketches[key] = sketches.get(key, 0) + found
    totals: dict[tuple[str | None, ...], list[float]] = {}
    for row in plain.execute(grouped, parameters):
        key, sums = key_of(row), row[start:]
        totals[key] = [one + other for one, other in zip(totals[key], sums, strict=True)] if key in totals else sums
    for key, sums in totals.items():
        names = dict(zip(SUMS, sums, strict=True))
        yield _group(names, dict(zip((one.value for one in by), key, strict=True)), Sketch(sketches[key]))


def _runs(found: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The sketches of neighbouring rows that begin alike, added up: the mark they share, and their counts."""
    mark: tuple[Any, ...] = ()
    counts = 0
    for row in found:
        if row[:-1] != mark:
            if mark:
                yield mark, counts
            mark, counts = row[:-1], 0
        counts += counts_of(row[-1])
    if mark:
        yield mark, counts


def _group(row: Mapping[str, float], key: dict[str, str | None], durations: Sketch) -> Group:
    cost_n = int(row["cost_n"])
    return Group(
        key=key,
        n=int(row["n"]),
        statuses={status: int(row[f"status_{status}"]) for status in Status},
        outcomes={outcome: int(row[f"outcome_{outcome}"]) for outcome in Outcome},
        verified_n=int(row["verified_n"]),
        verified_success_n=int(row["verified_success_n"]),
        rewards_n=sum(int(row[f"{tier}_n"]) for tier in TIERS),
        reward_sum=sum(row[f"{tier}_reward"] for tier in TIERS) / MICRO,
        cost_n=cost_n,
        cost_usd=row["cost_nano_usd"] / NANO if cost_n else None,
        tokens={f"{name}_tokens": int(row[f"{name}_tokens"]) if row[f"{name}_n"] else None for name in TOKENS},
        tool_calls=int(row["tool_calls"]),
        tool_errors=int(row["tool_errors"]),
        guessed_n=int(row["guessed_n"]),
        durations_ms=(),
        durations=durations,
    )


def _counted(found: Group) -> Group:
    return replace(found, durations_ms=(), durations=Sketch.of(found.durations_ms))


def _joined(one: Group, other: Group) -> Group:
    return Group(
        key=one.key,
        n=one.n + other.n,
        statuses={status: one.statuses[status] + other.statuses[status] for status in Status},
        outcomes={outcome: one.outcomes[outcome] + other.outcomes[outcome] for outcome in Outcome},
        verified_n=one.verified_n + other.verified_n,
        verified_success_n=one.verified_success_n + other.verified_success_n,
        rewards_n=one.rewards_n + other.rewards_n,
        reward_sum=one.reward_sum + other.reward_sum,
        cost_n=one.cost_n + other.cost_n,
        cost_usd=_sum(one.cost_usd, other.cost_usd),
        tokens={name: _sum(count, other.tokens[name]) for name, count in one.tokens.items()},
        tool_calls=one.tool_calls + other.tool_calls,
        tool_errors=one.tool_errors + other.tool_errors,
        guessed_n=one.guessed_n + other.guessed_n,
        durations_ms=(),
        durations=one.durations + other.durations,
    )


def _sum(one: Any, other: Any) -> Any:
    """Of what is known; None where neither is."""
    if one is None or other is None:
        return other if one is None else one
    return one + other
