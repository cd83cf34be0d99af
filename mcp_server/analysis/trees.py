"""From the spans of a session to its tree. Nothing is dropped: what does not fit is shown and reported."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mcp_server.analysis.plurals import counted
from storage.records import Span
from storage.vocabulary import Status


class Fault(StrEnum):
    """What was wrong with the place of a span."""

    ORPHAN = "orphan"
    CYCLE = "cycle"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Repair:
    """One place where the tree is not as the spans say."""

    span_id: str
    fault: Fault
    reason: str


@dataclass(frozen=True, slots=True)
class Node:
    """A span in its place."""

    span: Span
    depth: int
    """0 for a span at the top."""
    synthetic: bool = False
    """Whether it only stands in for a parent that was never recorded."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The spans in depth-first order: parents before children, siblings by start, then id."""

    nodes: Sequence[Node]
    repairs: Sequence[Repair]


@dataclass(frozen=True, slots=True)
class Placed:
    """Spans of which each has one id and one place, and no one is above itself."""

    spans: Mapping[str, Span]
    """By id, in order of start, then id."""
    parents: Mapping[str, str | None]
    """Of each span, the one above it: one of the spans, or None at the top."""
    repairs: Sequence[Repair]
    rings: frozenset[str]
    """Spans that are their own ancestors, as far as they say."""


STAND_IN: Final = "synthetic"
"""The attribute that marks a span as made up."""
NOBODY: Final = "unknown"
"""The agent type of a span of which nothing but its id is known."""
_TOP: Final = None


def grow(spans: Iterable[Span], *, stand_ins: bool = False) -> Tree:
    """The tree of some spans, the same for every order in which they are given.

    Of spans that are each other's ancestors the earliest stands at the top; of spans with one id the latest sighting
    is shown. A span whose parent is not among them stands at the top, or below a synthetic span that is marked as one.
    All of it is reported. Time and memory are linear, but for the sorting, whatever the depth.

    Args:
        spans: of one session.
        stand_ins: whether orphans get a synthetic parent with the id of the absent one, from the earliest start of its
            children to their latest end.
    """
    placed = place(spans)
    parents = dict(placed.parents)
    synthetic: dict[str, Span] = {}
    if stand_ins:
        orphans = [placed.spans[repair.span_id] for repair in placed.repairs if repair.fault is Fault.ORPHAN]
        synthetic = _stand_ins(orphans)
        parents |= {span.span_id: span.parent_span_id for span in orphans} | dict.fromkeys(synthetic, _TOP)
    shown = sorted([*placed.spans.values(), *synthetic.values()], key=by_start) if synthetic else placed.spans.values()
    children: dict[str | None, list[Span]] = {}
    for span in shown:
        children.setdefault(parents[span.span_id], []).append(span)
    nodes: list[Node] = []
    waiting = [(span, 0) for span in reversed(children.get(_TOP, ()))]
    while waiting:
        span, depth = waiting.pop()
        nodes.append(Node(span, depth, span.span_id in synthetic))
        waiting += [(child, depth + 1) for child in reversed(children.get(span.span_id, ()))]
    return Tree(nodes, placed.repairs)


def place(spans: Iterable[Span]) -> Placed:
    """Give every span one place; the same for every order in which they are given."""
    repairs: list[Repair] = []
    by_id = _distinct(spans, repairs)
    parents: dict[str, str | None] = {}
    for span in by_id.values():
        parent = span.parent_span_id
        if parent is not None and parent not in by_id:
            reason = f"its parent {parent} was never recorded"
            repairs.append(Repair(span.span_id, Fault.ORPHAN, reason))
            parent = _TOP
        parents[span.span_id] = parent
    rings = cycles(parents)
    for cycle in rings:
        reason = f"it is its own ancestor through {counted(len(cycle), 'span')}; it is shown at the top"
        earliest = min((by_id[span_id] for span_id in cycle), key=by_start).span_id
        repairs.append(Repair(earliest, Fault.CYCLE, reason))
        parents[earliest] = _TOP
    return Placed(by_id, parents, repairs, frozenset(span_id for ring in rings for span_id in ring))


def bridged(spans: Iterable[Span], between: Mapping[str, Span]) -> list[Span]:
    """Spans whose parents are left out, hung on their nearest ancestor that is not.

    Args:
        spans: those that are kept.
        between: those that are left out, by id.
    """
    kept = list(spans)
    ids = {span.span_id for span in kept}
    bridged_spans: list[Span] = []
    for span in kept:
        parent, passed = span.parent_span_id, set[str]()
        while parent is not None and parent not in ids and parent in between and parent not in passed:
            passed.add(parent)
            parent = between[parent].parent_span_id
        bridged_spans.append(span if not passed else span.model_copy(update={"parent_span_id": parent}))
    return bridged_spans


def cycles(parents: Mapping[str, str | None]) -> list[list[str]]:
    """The rings of spans that are each other's ancestors, in the order in which they are met."""
    found: list[list[str]] = []
    settled: set[str] = set()
    for start in parents:
        path: dict[str, None] = {}
        current: str | None = start
        while current is not None and current not in settled and current not in path:
            path[current] = None
            current = parents[current]
        if current is not None and current in path:
            ring = list(path)
            found.append(ring[ring.index(current) :])
        settled.update(path)
    return found


def downwards(parents: Mapping[str, str | None]) -> list[str]:
    """The spans with parents before their children, siblings in the order given, each with all that is below it.

    Args:
        parents: of each span, the one above it; without cycles.
    """
    children: dict[str | None, list[str]] = {}
    for span_id, parent in parents.items():
        children.setdefault(parent, []).append(span_id)
    order: list[str] = []
    waiting = children.get(_TOP, [])[::-1]
    while waiting:
        span_id = waiting.pop()
        order.append(span_id)
        waiting += children.get(span_id, [])[::-1]
    return order


def by_start(span: Span) -> tuple[datetime, str]:
    """What spans are sorted by wherever they are siblings."""
    return (span.started_at, span.span_id)


def _distinct(spans: Iterable[Span], repairs: list[Repair]) -> dict[str, Span]:
    """One span for each id, by start; of several the one with the newest evidence."""
    by_id: dict[str, Span] = {}
    copies: dict[str, list[Span]] = {}
    for span in spans:
        if span.span_id in by_id:
            copies.setdefault(span.span_id, [by_id[span.span_id]]).append(span)
        by_id[span.span_id] = span
    for span_id, sightings in copies.items():
        by_id[span_id] = max(sightings, key=_evidence)
    for span_id in sorted(copies):
        reason = f"{len(copies[span_id])} spans have this id; the one seen last is shown"
        repairs.append(Repair(span_id, Fault.DUPLICATE, reason))
    return {span.span_id: span for span in sorted(by_id.values(), key=by_start)}


def _evidence(span: Span) -> tuple[datetime, str]:
    # Equally late ones must not be chosen by the order in which they came.
    return (span.observed_at or span.ended_at or span.started_at, repr(span))


def _stand_ins(orphans: Iterable[Span]) -> dict[str, Span]:
    """A synthetic parent for each id that is named and absent."""
    families: dict[str, list[Span]] = {}
    for orphan in orphans:
        families.setdefault(str(orphan.parent_span_id), []).append(orphan)
    return {
        parent_id: Span(
            span_id=parent_id,
            session_id=family[0].session_id,
            agent_type=NOBODY,
            status=Status.LOST,
            started_at=min(child.started_at for child in family),
            ended_at=max(child.ended_at or child.started_at for child in family),
            attributes={STAND_IN: True},
        )
        for parent_id, family in families.items()
    }
