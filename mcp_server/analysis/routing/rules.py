"""What of the best arms is written down for good, as rules that models read as instructions and nobody watches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.best_arms import BestArm, BestModel, best_arms
from mcp_server.analysis.routing.decisions import LEAST_VERIFIED_OF_TYPE, Known
from mcp_server.analysis.routing.utility import Preference

LEAST_P_BEST: Final = 0.5
"""Advice may follow the likeliest of many arms; what stands for good should be likelier the best than not."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that was learned."""

    types: Sequence[BestArm]
    """Most judged delegations of the type first."""
    models: Sequence[BestModel]
    """By agent."""
    nameless_n: int
    """Rules that are left out because a name in them is not plainly a name."""


def learned_rules(known: Known, offered: Iterable[Arm], prefer: Preference = Preference.BALANCED) -> Rules:
    """The rules that a history supports; none where there is not enough data, or nothing to choose between.

    Args:
        known: the past; neighbours and inline work belong to single tasks and are not looked at.
        offered: arms to choose from.
        prefer: what the user asks for.
    """
    found = best_arms(known, offered, prefer)
    strong = [
        one
        for one in found.types
        if one.best.p_best >= LEAST_P_BEST and one.judged.verified_n >= LEAST_VERIFIED_OF_TYPE
    ]
    types = [one for one in strong if one.is_plain]
    models = [one for one in found.models if one.is_plain]
    left_out = len(strong) - len(types) + len(found.models) - len(models)
    return Rules(types=types, models=models, nameless_n=left_out)
