"""Reads a reward as what it was concluded from."""

from storage.records import Reward


def rule_of(reward: Reward) -> str | None:
    """The rule by which a reward was concluded; None where it was given by somebody."""
    if not reward.reward_id.startswith("evidence:") or reward.reason is None:
        return None
    return reward.reason.partition(":")[0]
