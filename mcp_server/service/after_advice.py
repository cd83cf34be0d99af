"""What became of the suggestions that a store remembers."""

from datetime import datetime
from typing import Any, Final

from mcp_server.analysis.routing.decisions import Kind
from mcp_server.analysis.routing.followed import Brought, brought, success_difference
from storage.queries import PageRequest
from storage.records import RoutingDecision, Span
from storage.store import Store

_NEWEST: Final = 2000
_PAGE: Final = 500
_DIGITS: Final = 6
_OBSERVATIONAL: Final = "no proof that following helped or harmed: people follow where they see no reason not to"


async def followed(
    store: Store, *, since: datetime | None = None, agent_types: frozenset[str] | None = None
) -> dict[str, Any]:
    """How many suggestions of an arm were followed, and what those and the others brought, as plain JSON.

    Args:
        store: where from; its newest 2,000 suggestions are read.
        since: made at this time or later.
        agent_types: only suggestions of these agents.
    """
    named, total = await _naming_an_arm(store, since)
    named = [one for one in named if agent_types is None or one.agent_type in agent_types]
    spans: dict[str, Span] = {}
    ids = [one.span_id for one in named if one.span_id is not None]
    for start in range(0, len(ids), _PAGE):
        spans |= await store.spans(ids[start : start + _PAGE])
    did, did_not = (
        brought([spans[one.span_id] for one in named if one.span_id in spans and one.followed is as_advised])
        for as_advised in (True, False)
    )
    difference = success_difference(did, did_not)
    return {
        "suggestions": total,
        "older_left_out": total > _NEWEST,
        "named_an_arm": len(named),
        "followed": _object(did),
        "not_followed": _object(did_not),
        "success_difference": {"cannot_say": "fewer than five of either are verified"}
        if difference is None
        else {"value": _round(difference.value), "low": _round(difference.low), "high": _round(difference.high)},
        "note": _OBSERVATIONAL,
    }


async def _naming_an_arm(store: Store, since: datetime | None) -> tuple[list[RoutingDecision], int]:
    """The newest suggestions to delegate, and how many there are of all kinds."""
    found: list[RoutingDecision] = []
    after: str | None = None
    read = 0
    while True:
        page = await store.decisions.page(PageRequest(limit=_PAGE, after=after), since=since)
        found += [one for one in page.items if one.decision == Kind.DELEGATE.value]
        read, after = read + len(page.items), page.next
        if after is None or read >= _NEWEST:
            return found, page.total


def _object(one: Brought) -> dict[str, Any]:
    success = one.success
    return {
        "n": one.n,
        "verified_n": one.verified_n,
        "success": None
        if success is None
        else {"rate": _round(success.value), "low": _round(success.low), "high": _round(success.high)},
        "cost_usd": _round(one.cost_usd),
        "duration_ms": _round(one.duration_ms),
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS) + 0.0
