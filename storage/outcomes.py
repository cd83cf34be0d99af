"""Which of several judgements holds, and what it says about a span."""

from collections.abc import Iterable
from typing import Final

from storage.records import Reward
from storage.vocabulary import STRENGTH, VERIFIED, Outcome, RewardSource, Status, Tier

SUCCESS_FROM: Final = 0.75
FAILURE_UP_TO: Final = 0.25
OVERALL: Final = "overall"
SAYS_NOTHING: Final = frozenset({Status.RUNNING, Status.CANCELLED, Status.LOST})
"""Of a run that goes on, was stopped or got lost, the structure tells nothing of its agent."""

TIER_OF: Final = {
    **dict.fromkeys(VERIFIED, Tier.VERIFIED),
    RewardSource.MODEL: Tier.MODEL,
    RewardSource.BEHAVIOUR: Tier.BEHAVIOUR,
    RewardSource.STRUCTURE: Tier.STRUCTURE,
}


def holding(rewards: Iterable[Reward]) -> Reward | None:
    """The reward that holds among those of one target and one name: strongest source, then newest, then id."""
    return max(rewards, key=lambda reward: (STRENGTH[reward.source], reward.given_at, reward.reward_id), default=None)


def outcome(status: Status, reward: float | None, source: RewardSource | None) -> Outcome:
    """Whether the task was done.

    A keyword is shown as a reward and never believed. Without a judgement an error is a failure, and everything else
    is unknown: that an agent stopped talking does not say that it succeeded.
    """
    if reward is not None and source is not RewardSource.KEYWORD:
        if reward >= SUCCESS_FROM:
            return Outcome.SUCCESS
        return Outcome.FAILURE if reward <= FAILURE_UP_TO else Outcome.PARTIAL
    return Outcome.FAILURE if status is Status.ERROR else Outcome.UNKNOWN


def tier(source: RewardSource | None, status: Status) -> Tier | None:
    """How far the reward that holds is believed; None where it counts nothing, or there is none."""
    found = None if source is None else TIER_OF.get(source)
    return None if found is Tier.STRUCTURE and status in SAYS_NOTHING else found
