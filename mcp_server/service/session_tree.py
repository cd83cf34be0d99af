"""One session as a tree, in JSON: its spans in their places, what was wrong with them, and sums over the whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcp_server.analysis.critical_path import critical_path
from mcp_server.analysis.repair import Move
from mcp_server.analysis.trees import Node, Repair
from mcp_server.service.shapes import Detail, rounded, span_object
from storage.queries import AGENT_RUNS
from storage.records import Span
from storage.vocabulary import Outcome, RewardSource, SpanKind, Status


def critical_ms(runs: Iterable[Span]) -> dict[str, int]:
    """Of each agent run on the critical path, for how long it was what the whole session waited for."""
    waited_s: dict[str, float] = {}
    for step in critical_path(runs):
        if step.span_id is not None:
            waited_s[step.span_id] = waited_s.get(step.span_id, 0.0) + step.duration_s
    return {span_id: round(seconds * 1000) for span_id, seconds in waited_s.items()}


def node_object(node: Node, detail: Detail, critical: Mapping[str, int]) -> dict[str, Any]:
    """A span in its place; what says nothing of it is left out.

    Args:
        node: the span.
        detail: how much of it.
        critical: from `critical_ms`.
    """
    shown = span_object(node.span, detail)
    shown.pop("session_id", None)
    placed = {
        "span_id": shown.pop("span_id"),
        "parent_span_id": shown.pop("parent_span_id"),
        "depth": node.depth,
        **shown,
    }
    source = _outcome_source(node.span)
    if source is not None:
        placed["outcome_source"] = source
    if critical.get(node.span.span_id):
        placed["critical_ms"] = critical[node.span.span_id]
    return placed


def repair_object(found: Repair | Move) -> dict[str, Any]:
    """What was wrong with the place of a span; of a moved one also where it was."""
    if isinstance(found, Repair):
        return {"span_id": found.span_id, "fault": found.fault, "reason": found.reason}
    return {
        "span_id": found.span_id,
        "fault": "misplaced",
        "reason": f"shown below {found.to_parent}: {found.reason}",
        "from_parent": found.from_parent,
        "to_parent": found.to_parent,
    }


def totals(runs: Sequence[Span], counts: Mapping[SpanKind, int], repairs: int) -> dict[str, Any]:
    """Of the whole session, whatever part of it is shown."""
    costs = [span.cost_usd for span in runs if span.cost_usd is not None]
    delegations = [span for span in runs if span.kind is SpanKind.DELEGATION]
    outcomes = {outcome: sum(span.outcome is outcome for span in delegations) for outcome in Outcome}
    statuses = {status: sum(span.status is status for span in delegations) for status in Status}
    tokens = [count for span in runs if (count := span.total_tokens) is not None]
    return {
        "spans": {kind.value: counts.get(kind, 0) for kind in SpanKind},
        "delegations": len(delegations),
        "statuses": {status.value: n for status, n in statuses.items() if n},
        "outcomes": {outcome.value: n for outcome, n in outcomes.items() if n},
        "cost_usd": rounded(sum(costs)) if costs else None,
        "unpriced": sum(span.cost_usd is None for span in runs),
        "total_tokens": sum(tokens) if tokens else None,
        "duration_ms": _duration_ms(runs),
        "repairs": repairs,
    }


def _duration_ms(runs: Sequence[Span]) -> int | None:
    """From the first start to what is last known; None where that is the start itself, and nothing has ended."""
    if not runs:
        return None
    ends = [span.ended_at or span.observed_at or span.started_at for span in runs]
    length_ms = int((max(ends) - min(span.started_at for span in runs)).total_seconds() * 1000)
    return length_ms if length_ms > 0 or any(span.ended_at is not None for span in runs) else None


def _outcome_source(span: Span) -> RewardSource | None:
    """What an agent run's outcome rests on; None where it is unknown."""
    if span.outcome is Outcome.UNKNOWN or span.kind not in AGENT_RUNS:
        return None
    judged = span.reward is not None and span.reward_source is not RewardSource.KEYWORD
    # Without a judgement an outcome comes from how the run ended.
    return span.reward_source if judged else RewardSource.STRUCTURE
