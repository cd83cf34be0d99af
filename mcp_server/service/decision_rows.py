"""Routing decisions as spans, for tools that read spans."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from mcp_server.ingest.exported import DECISION
from mcp_server.service.shapes import rounded, time_text
from storage.queries import PageRequest
from storage.records import Offer, RoutingDecision, Span
from storage.store import Decisions
from storage.vocabulary import SpanKind, Status

TOOL: Final = "suggest_routing"
_PAGE: Final = 500
_CALLER: Final = "main"


async def decision_rows(
    decisions: Decisions, since: datetime | None, until: datetime | None, session_id: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Decisions as rows of an export, newest first."""
    cursor: str | None = None
    while True:
        page = await decisions.page(PageRequest(limit=_PAGE, after=cursor), since=since)
        for one in page.items:
            if (until is None or one.at < until) and session_id in {None, one.session_id}:
                yield _row(one)
        cursor = page.next
        if cursor is None:
            return


def _row(one: RoutingDecision) -> dict[str, Any]:
    """One decision with the fields of a span: the call of a tool that took no time."""
    at = time_text(one.at)
    told: dict[str, Any] = {
        "span_id": one.decision_id,
        "session_id": one.session_id,
        "kind": SpanKind.TOOL_CALL.value,
        "name": TOOL,
        "agent_type": _CALLER,
        "project": one.project,
        "task": one.task,
        "task_type": one.task_type,
        "complexity": one.complexity,
        "criticality": one.criticality,
        "uncertainty": one.uncertainty,
        "output": one.reason,
        "status": Status.OK.value,
        "started_at": at,
        "ended_at": at,
        "tool_sequence": [],
        "attributes": {f"{DECISION}{name}": value for name, value in _attributes(one).items() if value is not None},
    }
    return {name: told.get(name) for name in Span.model_fields}


def _attributes(one: RoutingDecision) -> dict[str, Any]:
    return {
        "decision_id": one.decision_id,
        "mode": one.mode,
        "decision": one.decision,
        "ground": one.ground,
        "prefer": one.prefer,
        "task_type.origin": one.task_type_origin,
        "complexity.origin": one.complexity_origin,
        "selected.agent_type": one.agent_type,
        "selected.model": one.model,
        "selected.explore": one.explore,
        "selected.propensity": next((offer.propensity for offer in one.offers if _is_selected(offer, one)), None),
        "candidates": [
            {name: rounded(value) if isinstance(value, float) else value for name, value in offer.model_dump().items()}
            for offer in one.offers
        ],
        "judged_n": one.lessons_n,
        "followed_by.span_id": one.span_id,
        "followed": one.followed,
    }


def _is_selected(offer: Offer, one: RoutingDecision) -> bool:
    return (offer.agent_type, offer.model) == (one.agent_type, one.model)
