"""Delegations summed up by what they have in common."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from storage.outcomes import SUCCESS_FROM
from storage.queries import Dimension, Group, SpanFilter
from storage.sqlite import conditions
from storage.vocabulary import VERIFIED, Outcome, Status

TOKEN_CLASSES: Final = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
)  # fmt: skip
# Rounded down, also before 1970.
_SECONDS: Final = "(started_us - 999999 * (started_us < 0)) / 1000000"
EXPRESSIONS: Final = {
    Dimension.AGENT_TYPE: "agent_type",
    Dimension.MODEL: "model",
    Dimension.TASK_TYPE: conditions.TYPE_OF_TASK,
    Dimension.PROJECT: "project",
    Dimension.AGENT_VERSION: "agent_version",
    Dimension.DAY: f"strftime('%Y-%m-%d', {_SECONDS}, 'unixepoch')",
    # The Monday of the week. SQLite before 3.46 knows no ISO week.
    Dimension.WEEK: f"strftime('%Y-%m-%d', {_SECONDS}, 'unixepoch', '-6 days', 'weekday 1')",
}
_VERIFIED: Final = ", ".join(f"'{source}'" for source in sorted(VERIFIED))
# As `sum`, which gives up where a stranger's numbers exceed 64 bits; exact up to 2^53.
_TOTAL: Final = "cast(total({}) as integer)"
_SUMS: Final = f"""
    count(*) as n,
    {", ".join(f"count(*) filter (where status = '{status}') as status_{status}" for status in Status)},
    {", ".join(f"count(*) filter (where outcome = '{outcome}') as outcome_{outcome}" for outcome in Outcome)},
    count(*) filter (where reward_source in ({_VERIFIED})) as verified_n,
    count(*) filter (where reward_source in ({_VERIFIED}) and reward >= {SUCCESS_FROM}) as verified_success_n,
    count(*) filter (where reward_source <> 'keyword') as rewards_n,
    total(reward) filter (where reward_source <> 'keyword') as reward_sum,
    count(cost_usd) as cost_n,
    sum(cost_usd) as cost_usd,
    {", ".join(f"case when count({name}) then {_TOTAL.format(name)} end as {name}" for name in TOKEN_CLASSES)},
    {_TOTAL.format("tool_call_count")} as tool_calls,
    {_TOTAL.format("tool_error_count")} as tool_errors,
    count(*) filter (where task_type is null and guessed_type is not null) as guessed_n
    from span where
"""


def group(connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
    """Delegations that match, summed up by the dimensions, most frequent group first."""
    condition, parameters = conditions.where(question)
    names = [f"key_{place}" for place in range(len(by))]
    keys = "".join(f"{EXPRESSIONS[one]} as {name}, " for one, name in zip(by, names, strict=True))
    places = ", ".join(names) or "null"
    sums = connection.execute(
        f"select {keys}{_SUMS}{condition} group by {places} order by n desc, {places}",
        parameters,
    ).fetchall()
    durations: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in connection.execute(
        f"select {keys}duration_ms from span where {condition} and duration_ms is not null order by duration_ms, id",
        parameters,
    ):
        durations[tuple(row)[: len(by)]].append(row["duration_ms"])
    return [_group(row, by, durations[tuple(row)[: len(by)]]) for row in sums if row["n"]]


def _group(row: sqlite3.Row, by: Sequence[Dimension], durations_ms: Sequence[int]) -> Group:
    return Group(
        key={dimension.value: row[place] for place, dimension in enumerate(by)},
        n=row["n"],
        statuses={status: row[f"status_{status}"] for status in Status},
        outcomes={outcome: row[f"outcome_{outcome}"] for outcome in Outcome},
        verified_n=row["verified_n"],
        verified_success_n=row["verified_success_n"],
        rewards_n=row["rewards_n"],
        reward_sum=row["reward_sum"],
        cost_n=row["cost_n"],
        cost_usd=row["cost_usd"],
        tokens={name: row[name] for name in TOKEN_CLASSES},
        tool_calls=row["tool_calls"],
        tool_errors=row["tool_errors"],
        guessed_n=row["guessed_n"],
        durations_ms=durations_ms,
    )
