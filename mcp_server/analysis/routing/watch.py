"""Notices when an arm no longer does what it did, so that its past counts less."""

from dataclasses import dataclass
from typing import Final

ALARM: Final = 4.0
_SLACK: Final = 0.05
_LEAST_BETWEEN: Final = 10
_NEW_VERSION: Final = 0.5


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one arm."""

    epoch: float = 0.0
    """Goes up by 1 with each alarm, by 0.5 with each new version of the agent."""
    shortfall: float = 0.0
    """How far rewards have fallen behind their forecasts of late."""
    since_alarm: int = 0
    """Rewards since the last alarm."""


def after_reward(watch: Watch, expected: float, reward: float, weight: float) -> Watch:
    """The watch after one more judged delegation of its arm.

    One-sided CUSUM (Page, "Continuous inspection schemes", 1954): m = max(0, m + w (p - r - 0.05)). When m > 4, and
    more than 10 rewards came since the last alarm, a new epoch begins and m is 0 again.

    Args:
        watch: before.
        expected: the success that was forecast before the reward was known, without neighbours, in [0, 1].
        reward: in [0, 1].
        weight: in [0, 1]; rewards of weight 0 change nothing.
    """
    if weight <= 0:
        return watch
    shortfall = max(0.0, watch.shortfall + weight * (expected - reward - _SLACK))
    seen = watch.since_alarm + 1
    if shortfall > ALARM and seen > _LEAST_BETWEEN:
        return Watch(watch.epoch + 1)
    return Watch(watch.epoch, shortfall, seen)


def after_new_version(watch: Watch) -> Watch:
    """The watch after the agent's definition changed: its past counts as if half an alarm had gone off."""
    return Watch(watch.epoch + _NEW_VERSION)
