"""What to try when an attempt failed: a chain that ends with the user."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.decisions import Decision, Kind
from mcp_server.analysis.routing.wording import arm_name

ATTEMPTS: Final = 3


class Step(StrEnum):
    """What to try when an attempt failed."""

    CHANGE_STRATEGY = "change_strategy"
    INLINE = "inline"
    ASK_USER = "ask_user"


@dataclass(frozen=True, slots=True)
class Fallback:
    """One link of the chain."""

    step: Step
    arm: Arm | None
    text: str


def fallback(decision: Decision) -> list[Fallback]:
    """Another strategy, then inline, then the user; with the first attempt at most three before the user is asked."""
    ask = Fallback(Step.ASK_USER, None, f"after {ATTEMPTS} attempts, show what was tried and ask the user")
    if decision.kind is Kind.ASK_USER:
        return [ask]
    inline = Fallback(Step.INLINE, None, "do it yourself")
    if decision.kind is Kind.INLINE:
        return [Fallback(Step.CHANGE_STRATEGY, None, "split the task or go about it another way"), ask]
    first = decision.ranking[0].arm if decision.chosen else decision.usual
    others = [one.arm for one in decision.ranking if one.arm != first]
    # The same model is likely to fail in the same way.
    other = next((arm for arm in others if first is None or arm.model != first.model), others[0] if others else None)
    text = "say what failed and split the task or go about it another way"
    changed = f"{text}, with {arm_name(other)}" if other else text
    return [Fallback(Step.CHANGE_STRATEGY, other, changed), inline, ask]
