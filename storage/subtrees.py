"""What a span and everything below it cost."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """A span as far as its cost is concerned. The cost of a call is part of its agent's own cost: pass None there."""

    span_id: str
    parent_span_id: str | None
    cost_usd: float | None
    below_usd: Sequence[float] = ()
    """Subtree costs of its children that are not among the nodes."""


def subtree_costs(nodes: Iterable[Node]) -> Mapping[str, float | None]:
    """Cost of each node plus that of all nodes below it, as far as known; None where nothing is known.

    The same for every order of the nodes, to the last bit: each node rounds once what it and its children cost.
    A node on a cycle of parents counts only its own cost and what hangs below it outside the cycle.
    """
    by_id = {node.span_id: node for node in nodes}
    waiting = dict.fromkeys(by_id, 0)  # children not yet summed
    parts: dict[str, list[float]] = {}
    for node in by_id.values():
        parts[node.span_id] = [*node.below_usd] if node.cost_usd is None else [node.cost_usd, *node.below_usd]
        if node.parent_span_id in waiting:
            waiting[node.parent_span_id] += 1
    ready = [span_id for span_id, children in waiting.items() if not children]
    while ready:
        span_id = ready.pop()
        parent = by_id[span_id].parent_span_id
        if parent is None or parent not in by_id:
            continue
        if parts[span_id]:
            parts[parent].append(math.fsum(parts[span_id]))
        waiting[parent] -= 1
        if not waiting[parent]:
            ready.append(parent)
    return {span_id: math.fsum(known) if known else None for span_id, known in parts.items()}
