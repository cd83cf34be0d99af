"""Which groups of an answer stand out: only those of which enough is known to say so."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """The two groups at the ends of a scale."""

    first: Figures
    last: Figures
    clear: bool
    """Whether their intervals lie apart: otherwise the difference may be chance."""


def by_success(groups: Sequence[Figures]) -> Pair | None:
    """Best and worst: the highest lower bound of the success rate, and the lowest upper bound among the others.

    None where fewer than two groups have a rate.
    """
    rated = [group for group in groups if group["success"] is not None]
    if len(rated) < 2:  # noqa: PLR2004 - a pair
        return None
    best = max(rated, key=lambda group: (group["success"]["low"], group["success"]["high"]))
    others = [group for group in rated if group is not best]
    worst = min(others, key=lambda group: (group["success"]["high"], group["success"]["low"]))
    return Pair(best, worst, best["success"]["low"] > worst["success"]["high"])


def by_cost_per_success(groups: Sequence[Figures]) -> Pair | None:
    """Most efficient and most wasteful: the least and the most cost for one success.

    None where fewer than two groups have such a cost, or all have the same.
    """
    told = [group for group in groups if group["cost_per_success_usd"] is not None]
    if not told:
        return None
    cheapest = min(told, key=lambda group: group["cost_per_success_usd"])
    dearest = max(told, key=lambda group: group["cost_per_success_usd"])
    if cheapest["cost_per_success_usd"] == dearest["cost_per_success_usd"]:
        return None
    return Pair(cheapest, dearest, _bounds(cheapest)[1] < _bounds(dearest)[0])


def _bounds(group: Figures) -> tuple[float, float]:
    """The mean cost over the bounds of the success rate; how sure the mean itself is, sums do not tell."""
    success, cost = group["success"], group["mean_cost_usd"]
    return cost / success["high"], cost / success["low"] if success["low"] else math.inf
