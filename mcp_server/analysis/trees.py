"""From the spans of a session to its tree. Nothing is dropped: what does not fit is shown and reported."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.records import Span


class Fault(StrEnum):
    """What was wrong with the parent of a span."""

    ORPHAN = "orphan"
    CYCLE = "cycle"


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


@dataclass(frozen=True, slots=True)
class Tree:
    """The spans in depth-first order: parents before children, siblings by start, then id."""

    nodes: Sequence[Node]
    repairs: Sequence[Repair]


_TOP: Final = None


def grow(spans: Iterable[Span]) -> Tree:
    """The tree of some spans, the same for every order in which they are given.

    A span whose parent is not among them stands at the top. Of spans that are each other's ancestors the earliest
    stands at the top. Both are reported. Time and memory are linear, but for the sorting.
    """
    ordered = sorted(spans, key=_place)
    by_id = {span.span_id: span for span in ordered}
    repairs: list[Repair] = []
    parents: dict[str, str | None] = {}
    for span in by_id.values():
        parent = span.parent_span_id
        if parent is not None and parent not in by_id:
            reason = f"its parent {parent} was never recorded; it is shown at the top"
            repairs.append(Repair(span.span_id, Fault.ORPHAN, reason))
            parent = _TOP
        parents[span.span_id] = parent
    _cut_cycles(parents, repairs)
    children: dict[str | None, list[Span]] = {}
    for span in by_id.values():
        children.setdefault(parents[span.span_id], []).append(span)
    nodes: list[Node] = []
    waiting = [Node(span, 0) for span in reversed(children.get(_TOP, ()))]
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        waiting += [Node(span, node.depth + 1) for span in reversed(children.get(node.span.span_id, ()))]
    return Tree(nodes, repairs)


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


def _cut_cycles(parents: dict[str, str | None], repairs: list[Repair]) -> None:
    """Give one span of every cycle no parent: the earliest, which is the first in `parents`."""
    places = {span_id: place for place, span_id in enumerate(parents)}
    settled: set[str] = set()
    for start in parents:
        path: dict[str, None] = {}
        current: str | None = start
        while current is not None and current not in settled and current not in path:
            path[current] = None
            current = parents[current]
        if current is not None and current in path:
            members = list(path)
            members = members[members.index(current) :]
            earliest = min(members, key=places.__getitem__)
            reason = f"it is its own ancestor through {len(members)} spans; it is shown at the top"
            repairs.append(Repair(earliest, Fault.CYCLE, reason))
            parents[earliest] = _TOP
        settled |= path.keys()


def _place(span: Span) -> tuple[object, str]:
    return (span.started_at, span.span_id)
