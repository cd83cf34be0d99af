"""How sure a success rate, a difference of two, or a mean reward is: shrunken where little is known, null below that.

All intervals hold 90 %. The evidence is a weight: the number of verified judgements, or a sum of `weights.weight`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Z_90: Final = 1.6448536269514722
"""Of the standard normal distribution: 90 % lie within plus or minus this."""
LEAST_EVIDENCE: Final = 5.0
"""Below it there is not enough data: the interval would cover most of what is possible."""
SHRUNKEN_BELOW: Final = 30.0
"""Below it a rate is drawn to the middle, as its interval already is."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share or a mean in [0, 1] with its 90 % interval, `low <= value <= high`."""

    value: float
    low: float
    high: float
    n: float
    """The evidence: judgements, or the sum of their weights."""
    shrunken: bool
    """Whether `value` is drawn to the middle because little is known; it is then not the plain share."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One share less another, in [-1, 1], with its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rewards:
    """Sums over weighted rewards: of w, w*r and w*r^2; each weight in [0, 1]."""

    weight: float = 0.0
    reward: float = 0.0
    reward_squared: float = 0.0

    def __add__(self, other: "Rewards") -> "Rewards":
        return Rewards(
            self.weight + other.weight,
            self.reward + other.reward,
            self.reward_squared + other.reward_squared,
        )


def success_rate(successes: float, n: float) -> Estimate | None:
    """A success rate with its interval; None where there is not enough data for one.

    The interval is Wilson's. Its middle, (successes + z²/2) / (n + z²), is what the rate is shrunken to below 30: that
    equals z²/2 = 1.35 more successes and as many failures (Agresti and Coull, "Approximate is better than exact",
    1998). Averaged over true rates from .05 to .95 the interval covers 92 % at n = 5, 90.5 % at 20, 90 % at 100.

    Args:
        successes: in [0, n].
        n: the evidence, >= 0.
    """
    return None if n < LEAST_EVIDENCE else _estimate(successes / n, n, n)


def mean_reward(rewards: Rewards) -> Estimate | None:
    """The mean of weighted rewards with its interval; None where there is not enough data for one.

    Wilson's interval, with as much evidence as the spread leaves room for: rewards in the middle say more about their
    mean than ones and zeros, so n_eff = n m(1-m) / s². Both m and s² are taken after z² pseudo-rewards of mean 1/2 and
    variance 1/4, so that five equal rewards do not look certain. The evidence n is the sum of the weights: five rewards
    of weight 0.1 are not five rewards.
    """
    n, square = rewards.weight, Z_90 * Z_90
    if n < LEAST_EVIDENCE:
        return None
    mean = min(1.0, max(0.0, rewards.reward / n))
    around = (rewards.reward + square / 2) / (n + square)
    spread = max((rewards.reward_squared + square / 2) / (n + square) - around * around, 1e-9)
    return _estimate(mean, n, max(n, n * around * (1 - around) / spread))


def difference(successes: float, n: float, other_successes: float, other_n: float) -> Difference | None:
    """How much higher the first rate is than the second; None where there is not enough data for one of the two.

    Source: Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10:
    with rates p and q, Wilson bounds (l, u) and (m, v): p - q - sqrt((p-l)² + (v-q)²), p - q + sqrt((u-p)² + (q-m)²).
    """
    if min(n, other_n) < LEAST_EVIDENCE:
        return None
    return between(wilson(successes / n, n), wilson(other_successes / other_n, other_n))


def between(one: Estimate, other: Estimate) -> Difference:
    """How much higher one estimate is than an independent other one, by the same formula."""
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above))


@dataclass(frozen=True, slots=True)
class Stratum:
    """Successes of two groups among tasks alike, and how much such tasks count; `n` and `other_n` are above 0."""

    weight: float
    successes: float
    n: float
    other_successes: float
    other_n: float


def stratified(strata: Sequence[Stratum], z: float = Z_90) -> Difference:
    """How much higher the first rate is than the second on the same mixture of tasks.

    Source: Yan and Su, "Stratified Wilson and Newcombe confidence intervals for multiple binomial proportions" (2010),
    here with given weights: each stratum's Newcombe half-widths, weighted, added as squares.

    Args:
        strata: at least one; weights above 0, of any sum.
        z: how many standard deviations the interval holds; 90 % without it.
    """
    whole = sum(stratum.weight for stratum in strata)
    value = below = above = 0.0
    for stratum in strata:
        share = stratum.weight / whole
        one = wilson(stratum.successes / stratum.n, stratum.n, z)
        other = wilson(stratum.other_successes / stratum.other_n, stratum.other_n, z)
        value += share * (one.value - other.value)
        below += (share * math.hypot(one.value - one.low, other.high - other.value)) ** 2
        above += (share * math.hypot(one.high - one.value, other.value - other.low)) ** 2
    return Difference(value, max(-1.0, value - math.sqrt(below)), min(1.0, value + math.sqrt(above)))


def _estimate(share: float, n: float, evidence: float) -> Estimate:
    bounds = wilson(share, evidence)
    shrunken = n < SHRUNKEN_BELOW
    value = (share * n + Z_90 * Z_90 / 2) / (n + Z_90 * Z_90) if shrunken else share
    value = min(bounds.high, max(bounds.low, value))
    return Estimate(value, bounds.low, bounds.high, n, shrunken)


def wilson(share: float, n: float, z: float = Z_90) -> Estimate:
    """Wilson's interval around a share that is not shrunken.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927): the interval is
    (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).

    Args:
        share: p, in [0, 1].
        n: the evidence, above 0; it need not be whole.
        z: how many standard deviations the interval holds; 90 % without it.
    """
    square = z * z
    middle = share + square / (2 * n)
    spread = z * math.sqrt(max(0.0, share * (1 - share)) / n + square / (4 * n * n))
    scale = 1 + square / n
    # Rounding may put a bound a hair inside a share of exactly 0 or 1.
    low, high = min(share, max(0.0, (middle - spread) / scale)), max(share, min(1.0, (middle + spread) / scale))
    return Estimate(share, low, high, n, shrunken=False)
