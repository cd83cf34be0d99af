"""Subtree costs in SQLite: kept true for the spans whose branch changed, and for those above them.

In the rows a call, too, carries what the runs below it cost, so that a change is summed up level by level. Only spans
of one session are above and below each other.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from storage.queries import AGENT_RUNS
from storage.records import Span
from storage.subtrees import Node, subtree_costs

# Of these spans those that have costs below them.
_WITH_COSTS_BELOW: Final = """
    select span.span_id from span
    where span.span_id in (select value from json_each(:span_ids)) and exists (
        select 1 from span as below
        where below.session_id = span.session_id and below.parent_span_id = span.span_id
            and below.subtree_cost_usd is not null
    )
    order by span.span_id
"""
# A branch that changed, and whoever lies above it.
_AFFECTED: Final = """
    with recursive affected (span_id) as (
        select span_id from span where span_id in (select value from json_each(:span_ids))
        union
        select above.span_id from affected
            join span on span.span_id = affected.span_id
            join span as above on above.span_id = span.parent_span_id and above.session_id = span.session_id
    )
    select span.span_id, above.span_id as parent_span_id, span.kind, span.cost_usd, span.subtree_cost_usd
    from affected
        join span on span.span_id = affected.span_id
        left join span as above on above.span_id = span.parent_span_id and above.session_id = span.session_id
    order by span.span_id
"""
# What hangs below these spans and did not change.
_BESIDE: Final = """
    select below.parent_span_id, below.subtree_cost_usd from json_each(:span_ids) as affected
        join span on span.span_id = affected.value
        join span as below on below.session_id = span.session_id and below.parent_span_id = span.span_id
    where below.subtree_cost_usd is not null and below.span_id not in (select value from json_each(:span_ids))
    order by affected.key
"""
_SET: Final = "update span set subtree_cost_usd = :subtree_cost_usd where span_id = :span_id"


@dataclass(frozen=True, slots=True)
class Step:
    """What a batch did to one span; `before` is None for a new one."""

    before: Span | None
    after: Span


def own_usd(span: Span) -> float | None:
    """What a span adds to those above it. The cost of a call is part of its agent's own cost."""
    return span.cost_usd if span.kind in AGENT_RUNS else None


def settle(connection: sqlite3.Connection, steps: Sequence[Step], other_children: Iterable[str]) -> None:
    """Make the subtree costs true after these steps, which are written already.

    Args:
        connection: inside a transaction.
        steps: what was done to spans.
        other_children: ids of spans below which a span was taken away or put without a step.
    """
    changed = _changed(connection, steps) | set(other_children)
    if not changed:
        return
    affected = connection.execute(_AFFECTED, {"span_ids": json.dumps(sorted(changed))}).fetchall()
    below: dict[str, list[float]] = defaultdict(list)
    wanted = {"span_ids": json.dumps([row["span_id"] for row in affected])}
    for parent, usd in connection.execute(_BESIDE, wanted):
        below[parent].append(usd)
    sums = subtree_costs(
        Node(
            row["span_id"],
            row["parent_span_id"],
            row["cost_usd"] if row["kind"] in AGENT_RUNS else None,
            below[row["span_id"]],
        )
        for row in affected
    )
    connection.executemany(
        _SET,
        (
            {"span_id": row["span_id"], "subtree_cost_usd": sums[row["span_id"]]}
            for row in affected
            if sums[row["span_id"]] != row["subtree_cost_usd"]
        ),
    )


def _changed(connection: sqlite3.Connection, steps: Sequence[Step]) -> set[str]:
    """Spans whose sum may be another one now, but for those above them."""
    changed: set[str] = set()
    silent: list[str] = []
    for step in steps:
        before, after = step.before, step.after
        if before is None and own_usd(after) is None:
            silent.append(after.span_id)
        elif before is None or _place(before) != _place(after):
            changed.add(after.span_id)
            if before is not None and before.parent_span_id is not None:
                changed.add(before.parent_span_id)
    if silent:
        found = connection.execute(_WITH_COSTS_BELOW, {"span_ids": json.dumps(silent)})
        changed |= {row["span_id"] for row in found}
    return changed


def _place(span: Span) -> tuple[str, str | None, float | None]:
    return span.session_id, span.parent_span_id, own_usd(span)
