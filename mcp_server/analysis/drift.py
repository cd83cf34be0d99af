"""Whether an arm became worse, or better, than it was: a Shiryaev-Roberts e-detector on its verified rewards in order.

The first 30 rewards give a careful baseline. Then, for a reward x:

    mu_L = max(0.02, mu - sqrt(mu (1 - mu) / (30 + 1)))     mu = (S + 1) / (30 + 2), S the sum of the first 30
    e = 1 + l (mu_L - x) / max(mu_L, 1 - mu_L)    R_l = e (R_l + 1)    l in 0.2, 0.5, 0.9    M = mean of the three R_l

Above 200 is worth watching, above 1000 an alarm, after which a new baseline is taken. Improvement is the mirror image,
1 - x. As the careful baseline never holds a perfect or a hopeless arm, an alarm is told only where the mean since the
change is at least 0.05 beyond the plain mean of the 30. Source: Shin, Ramdas and Rinaldo, "E-detectors" (2022). Within
200 stationary rewards an alarm is false in about 5 of 100 arms; a success rate that halves is noticed in 84 of 100,
half of them within 62 rewards.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mcp_server.analysis.delegations import Arm, arm_of, by_end, is_verified
from storage.records import Span

BASELINE: Final = 30
WATCH_ABOVE: Final = 200.0
ALARM_ABOVE: Final = 1000.0

_BETS: Final = (0.2, 0.5, 0.9)
_MIDDLE_BET: Final = _BETS[1]
_LEAST_RATE: Final = 0.02
_LEAST_CHANGE: Final = 0.05


class Direction(StrEnum):
    """Which way an arm drifts."""

    WORSE = "worse"
    BETTER = "better"


class Level(StrEnum):
    """What the evidence so far is good for."""

    NONE = "none"
    WATCH = "watch"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Detector:
    """The memory of one arm in one direction; `after` gives the next one."""

    n: int = 0
    """Rewards since the baseline began, its own included."""
    total: float = 0.0
    """Sum of the rewards of the baseline."""
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def baseline(self) -> float | None:
        """The rate that rewards must stay above, in [0.02, 1]; None while it is being found."""
        if self.n < BASELINE:
            return None
        mean = (self.total + 1) / (BASELINE + 2)
        return max(_LEAST_RATE, mean - math.sqrt(mean * (1 - mean) / (BASELINE + 1)))

    @property
    def evidence(self) -> float:
        """M: small while nothing happens."""
        return sum(self.sums) / len(self.sums)

    @property
    def level(self) -> Level:
        """What the evidence amounts to."""
        if self.evidence > ALARM_ABOVE:
            return Level.ALARM
        return Level.WATCH if self.evidence > WATCH_ABOVE else Level.NONE

    def after(self, reward: float) -> "Detector":
        """The memory after one more reward in [0, 1]; after an alarm it begins anew."""
        if self.level is Level.ALARM:
            return Detector().after(reward)
        surprise = self.surprise(reward)
        if surprise is None:
            return replace(self, n=self.n + 1, total=self.total + reward)
        slow, middle, fast = ((1 + bet * surprise) * (one + 1) for bet, one in zip(_BETS, self.sums, strict=True))
        return replace(self, n=self.n + 1, sums=(slow, middle, fast))

    def surprise(self, reward: float) -> float | None:
        """How far a reward lies below the baseline, in [-1, 1]; None while that is being found."""
        rate = self.baseline
        return None if rate is None else (rate - reward) / max(rate, 1 - rate)


@dataclass(frozen=True, slots=True)
class Drift:
    """An arm that is not what it was."""

    arm: Arm
    direction: Direction
    level: Level
    baseline: float
    """Mean reward of the 30 that it is compared with."""
    recent: float
    """Mean reward since the change seems to have begun."""
    n: int
    """Rewards since then."""
    spans: Sequence[Span]
    """The delegations since then, in order; the last one raised the alarm."""


def drifts(spans: Iterable[Span], *, watch: bool = False) -> list[Drift]:
    """The latest alarm of every arm and direction, most frequent arm first.

    Unverified delegations are left out: silence is no failure.

    Args:
        spans: delegations in any order.
        watch: also arms that are only worth watching now. Of ten arms one is, with nothing wrong.
    """
    histories: dict[Arm, list[Span]] = defaultdict(list)
    for span in by_end(spans):
        if is_verified(span):
            histories[arm_of(span)].append(span)
    ranked = sorted(histories.items(), key=lambda pair: (-len(pair[1]), str(pair[0])))
    found = (_latest(arm, history, direction, watch=watch) for arm, history in ranked for direction in Direction)
    return [drift for drift in found if drift is not None]


def _latest(arm: Arm, history: Sequence[Span], direction: Direction, *, watch: bool) -> Drift | None:
    detector, began, since = Detector(), 0, 0
    growth = lowest = 0.0
    latest: Drift | None = None
    for place, span in enumerate(history):
        if detector.level is Level.ALARM:
            detector, began = Detector(), place
        reward = _seen(span, direction)
        surprise = detector.surprise(reward)
        if surprise is None:
            growth, lowest, since = 0.0, 0.0, place + 1
        else:
            growth += math.log1p(_MIDDLE_BET * surprise)
            if growth < lowest:  # up to here nothing speaks for a change
                lowest, since = growth, place + 1
        detector = detector.after(reward)
        is_last = place == len(history) - 1
        if detector.level is Level.ALARM or (watch and is_last and detector.level is Level.WATCH):
            before, after = history[began : began + BASELINE], history[since : place + 1]
            drift = Drift(arm, direction, detector.level, _mean(before), _mean(after), len(after), after)
            latest = drift if _is_noticeable(drift) else latest
    return latest


def _is_noticeable(drift: Drift) -> bool:
    change = drift.recent - drift.baseline
    return (change if drift.direction is Direction.BETTER else -change) >= _LEAST_CHANGE


def _seen(span: Span, direction: Direction) -> float:
    reward = span.reward or 0.0
    return reward if direction is Direction.WORSE else 1 - reward


def _mean(spans: Sequence[Span]) -> float:
    return sum(span.reward or 0.0 for span in spans) / len(spans)
