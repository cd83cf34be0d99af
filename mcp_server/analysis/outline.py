"""The part of a large tree that is worth looking at, and what was left out of it, by the place where it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_server.analysis.trees import Node
from storage.records import Span
from storage.vocabulary import Outcome, SpanKind, Status


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The spans that are not shown below one that is."""

    parent_span_id: str | None
    """The nearest span above them that is shown; None at the top."""
    n: int
    failures: int
    cost_usd: float | None
    """Their own costs, as far as known."""


@dataclass(frozen=True, slots=True)
class Outline:
    """A part of a tree: each span in it with all that are above it."""

    nodes: Sequence[Node]
    """In the order of the tree."""
    left_out: Sequence[LeftOut]


def outline(nodes: Sequence[Node], critical_ms: Mapping[str, int], limit: int) -> Outline:
    """The most telling spans of a tree: the main agent, what failed, what all waited for, what cost most.

    Args:
        nodes: a tree in depth-first order.
        critical_ms: of each span on the critical path, for how long the session waited for it.
        limit: at most so many, >= 1.
    """
    parents = _parents(nodes)
    if len(nodes) <= limit:
        return Outline(nodes, [])
    order = sorted(range(len(nodes)), key=lambda place: (*_rank(nodes[place].span, critical_ms), place))
    kept: set[int] = set()
    for place in order:
        needed = [place]
        above = parents[place]
        while above is not None and above not in kept:
            needed.append(above)
            above = parents[above]
        if place not in kept and len(kept) + len(needed) <= limit:
            kept.update(needed)
        if len(kept) == limit:
            break
    return Outline([nodes[place] for place in sorted(kept)], _left_out(nodes, parents, kept))


def _parents(nodes: Sequence[Node]) -> list[int | None]:
    """Of each place in the order of a tree, the place above it."""
    parents: list[int | None] = []
    path: list[int] = []
    for place, node in enumerate(nodes):
        del path[node.depth :]
        parents.append(path[-1] if path else None)
        path.append(place)
    return parents


def _rank(span: Span, critical_ms: Mapping[str, int]) -> tuple[bool, bool, bool, float, int]:
    """What is least comes first."""
    failed = span.outcome is Outcome.FAILURE or span.status in {Status.ERROR, Status.LOST}
    return (
        span.kind is not SpanKind.SESSION,
        not failed,
        not critical_ms.get(span.span_id),
        -(span.subtree_cost_usd or 0.0),
        -(span.duration_ms or 0),
    )


def _left_out(nodes: Sequence[Node], parents: Sequence[int | None], kept: set[int]) -> list[LeftOut]:
    nearest: list[int | None] = []  # the shown place above each one
    sums: dict[int | None, LeftOut] = {}
    for place, node in enumerate(nodes):
        parent = parents[place]
        above = parent if parent is None or parent in kept else nearest[parent]
        nearest.append(above)
        if place in kept:
            continue
        parent_id = None if above is None else nodes[above].span.span_id
        before = sums.get(above, LeftOut(parent_id, 0, 0, None))
        cost = node.span.cost_usd
        sums[above] = LeftOut(
            parent_id,
            before.n + 1,
            before.failures + (node.span.outcome is Outcome.FAILURE),
            before.cost_usd if cost is None else (before.cost_usd or 0.0) + cost,
        )
    return list(sums.values())
