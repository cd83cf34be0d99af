"""Which delegation followed which routing decision. Found where delegations come in, before they are stored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mcp_server.analysis.similarity import GATE, Holding, Words, similarity, words_of
from mcp_server.analysis.tasks import Origin
from mcp_server.analysis.words import STOP_WORDS
from storage.queries import Added, Batch, PageRequest
from storage.records import RoutingDecision, Span
from storage.store import Store
from storage.vocabulary import SpanKind

WITHIN: Final = timedelta(minutes=10)
"""A delegation follows a decision if it starts no later than this after it."""
ATTRIBUTE: Final = "decision_id"
"""Of a span: the decision that its caller followed, where it says so."""
_JUDGED_BEFORE: Final = frozenset({Origin.CALLER, Origin.OPENING, Origin.USER_RULE})
"""What rules on words guess is no judgement of anybody."""


@dataclass(frozen=True, slots=True)
class _Link:
    decision: RoutingDecision
    span: Span


async def add(store: Store, batch: Batch) -> Added:
    """Add a batch, as the store does; delegations that follow a decision are linked to it.

    A linked delegation that is new and says nothing of its type or complexity gets what was judged before it: never
    later than with its first version, and nothing is overwritten. Doing it twice changes nothing.
    """
    links = await _links(store, batch.spans)
    if links:
        batch = replace(batch, spans=await _described(store, batch.spans, links))
    added = await store.add(batch)
    for one in links:
        await store.decisions.link(one.decision.decision_id, one.span.span_id, followed=_is_followed(one))
    return added


async def _links(store: Store, spans: Iterable[Span]) -> list[_Link]:
    delegations = sorted(
        (span for span in spans if span.kind is SpanKind.DELEGATION), key=lambda span: (span.started_at, span.span_id)
    )
    if not delegations:
        return []
    since = delegations[0].started_at - WITHIN
    if not (await store.decisions.page(PageRequest(limit=1), since=since)).items:
        return []
    linked: dict[str, _Link] = {}
    for span, decisions in await _with_decisions(store, delegations):
        decision = next((one for one in decisions if one.decision_id not in linked), None)
        if decision is not None:
            linked[decision.decision_id] = _Link(decision, span)
    return list(linked.values())


async def _with_decisions(store: Store, delegations: Sequence[Span]) -> list[tuple[Span, list[RoutingDecision]]]:
    """Delegations with the decisions that each may follow: the one that it names, or those that were waiting for it."""
    waiting = {
        session_id: await store.decisions.waiting(session_id, min(starts) - WITHIN)
        for session_id, starts in _starts(delegations).items()
    }
    # A delegation that is known already has had its chance: it must not take a second decision.
    known = await store.spans([span.span_id for span in delegations if waiting[span.session_id]])
    found: list[tuple[Span, list[RoutingDecision]]] = []
    for span in delegations:
        named = await _named(store, span)
        if named is not None:
            found.append((span, [named]))
        elif span.span_id not in known:
            found.append((span, [one for one in waiting[span.session_id] if _precedes(one, span)]))
    return found


def _starts(delegations: Iterable[Span]) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for span in delegations:
        found.setdefault(span.session_id, []).append(span.started_at)
    return found


async def _named(store: Store, span: Span) -> RoutingDecision | None:
    """The decision that a span names, if nothing followed it yet."""
    given = span.attributes.get(ATTRIBUTE)
    found = await store.decisions.get(given) if isinstance(given, str) and given else None
    return found if found is not None and found.span_id is None else None


def _precedes(decision: RoutingDecision, span: Span) -> bool:
    """Whether a delegation of the same session may be what a decision was asked for."""
    if not decision.at <= span.started_at <= decision.at + WITHIN:
        return False
    told = "\n".join(text for text in (span.name, span.task) if text)
    if decision.task is None or not told:
        return True  # where no texts are kept, time decides
    asked, held = _content(decision.task), _content(told)
    # Two texts are no collection: every word weighs the same.
    return similarity(asked, held, Holding(0, (asked.length + held.length) / 2, {})) > GATE


def _content(text: str) -> Words:
    found = words_of(text)
    counts = {word: count for word, count in found.counts.items() if word not in STOP_WORDS}
    return Words(counts, sum(counts.values()))


async def _described(store: Store, spans: Sequence[Span], links: Sequence[_Link]) -> list[Span]:
    """The spans of a batch; to those that are new and follow a decision, what was judged before them is added."""
    known = await store.spans([one.span.span_id for one in links])
    judged = {one.span.span_id: one.decision for one in links if one.span.span_id not in known}
    return [_with_judgement(span, judged[span.span_id]) if span.span_id in judged else span for span in spans]


def _with_judgement(span: Span, decision: RoutingDecision) -> Span:
    given = {
        "task_type": decision.task_type if decision.task_type_origin in _JUDGED_BEFORE else None,
        "complexity": decision.complexity if decision.complexity_origin in _JUDGED_BEFORE else None,
        "criticality": decision.criticality,
        "uncertainty": decision.uncertainty,
    }
    return span.model_copy(
        update={name: value for name, value in given.items() if value is not None and getattr(span, name) is None}
    )


def _is_followed(link: _Link) -> bool:
    decision, span = link.decision, link.span
    if decision.agent_type != span.agent_type:
        return False
    return decision.model is None or span.model is None or decision.model == span.model
