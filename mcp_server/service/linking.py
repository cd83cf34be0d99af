"""Which delegation followed which routing decision. Found where delegations come in, before they are stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from mcp_server.service import set_models
from storage.queries import Added, Batch, PageRequest
from storage.records import RoutingDecision, Span
from storage.store import Store
from storage.vocabulary import SpanKind

ATTRIBUTE: Final = "decision_id"
"""Of a span: the decision that its caller followed, where it says so."""
_WITHIN: Final = timedelta(minutes=10)
_FIRST: Final = datetime.min.replace(tzinfo=UTC) + _WITHIN
"""Before it the calendar would end."""
"""A delegation follows a decision if it starts no later than this after it."""


@dataclass(frozen=True, slots=True)
class _Link:
    decision: RoutingDecision
    span: Span


async def add(store: Store, batch: Batch) -> Added:
    """Add a batch, as the store does; delegations that follow a decision are linked to it.

    A linked delegation that is new and says nothing of its type or complexity gets what was judged before it: never
    later than with its first version, and nothing is overwritten. Doing it twice changes nothing.
    """
    delegations = sorted(
        (span for span in batch.spans if span.kind is SpanKind.DELEGATION),
        key=lambda span: (span.started_at, span.span_id),
    )
    if not delegations or not await _was_anything_asked(store, delegations[0].started_at):
        return await store.add(batch)
    from mcp_server.service import following  # noqa: PLC0415 - most processes never hear of a decision

    known = await store.spans([span.span_id for span in delegations])
    links = await _links(store, delegations, known.keys())
    judged = {
        one.span.span_id: following.with_judgement(one.span, one.decision)
        for one in links
        if one.span.span_id not in known
    }
    added = await store.add(replace(batch, spans=[judged.get(span.span_id, span) for span in batch.spans]))
    for one in links:
        followed = following.is_followed(one.decision, one.span)
        await store.decisions.link(one.decision.decision_id, one.span.span_id, followed=followed)
    return added


async def _was_anything_asked(store: Store, start: datetime) -> bool:
    """Whether there is a decision that delegations from then on may follow."""
    return bool((await store.decisions.page(PageRequest(limit=1), since=_earliest(start))).items)


def _earliest(start: datetime) -> datetime:
    """When a decision was made at the earliest that a delegation followed which started then."""
    return max(start, _FIRST) - _WITHIN


async def _links(store: Store, delegations: Sequence[Span], known: Iterable[str]) -> list[_Link]:
    from mcp_server.service.following import may_follow  # noqa: PLC0415 - as above

    waiting: dict[str, list[RoutingDecision]] = {}
    taken: dict[str, _Link] = {}
    held = frozenset(known)
    for span in delegations:
        if span.session_id not in waiting:
            since = _earliest(span.started_at)  # its earliest: they come by their starts
            waiting[span.session_id] = await store.decisions.waiting(span.session_id, since)
        named = await _named(store, span)
        found = [named] if named is not None else []
        if not found and span.span_id not in held:
            # One that is known already has had its chance: it must not take a second decision.
            found = [one for one in waiting[span.session_id] if _is_in_time(one, span) and may_follow(one, span)]
        decision = next((one for one in found if one.decision_id not in taken), None)
        if decision is not None:
            taken[decision.decision_id] = _Link(decision, span)
    return list(taken.values())


def _is_in_time(decision: RoutingDecision, span: Span) -> bool:
    return decision.at <= span.started_at <= decision.at + _WITHIN


async def _named(store: Store, span: Span) -> RoutingDecision | None:
    """The decision that a span names, or that changed the call which launched it, if nothing followed it yet."""
    named = span.attributes.get(ATTRIBUTE)
    given = [named] if isinstance(named, str) and named else []
    if span.tool_use_id is not None:
        given.append(set_models.decision_id(span.tool_use_id))
    for decision_id in given:
        found = await store.decisions.get(decision_id)
        if found is not None and found.span_id is None:
            return found
    return None
