"""The probability of being best, for each of several Beta distributions, by integration: no dice are thrown."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

_OWN_BINS: Final = 64
_BINS: Final = 128
_REACH_SD: Final = 6.0
_LEAST_SHAPE: Final = 0.05


class Contender(NamedTuple):
    """Something whose success is Beta(p n, (1 - p) n), and what is taken off it."""

    p: float
    n_eff: float
    penalty: float


class _Distribution(NamedTuple):
    """A cumulative distribution, straight within each of its bins."""

    low: float
    width: float
    """Of a bin."""
    below: Sequence[float]
    """At the edges of the bins: one more than there are bins, from 0 to 1."""

    @property
    def high(self) -> float:
        return self.low + self.width * _OWN_BINS

    def at(self, places: Sequence[float]) -> list[float]:
        found: list[float] = []
        for place in places:
            bins = (place - self.low) / self.width
            if bins <= 0:
                found.append(0.0)
            elif bins >= _OWN_BINS:
                found.append(1.0)
            else:
                number = int(bins)
                before = self.below[number]
                found.append(before + (self.below[number + 1] - before) * (bins - number))
        return found


def of_being_best(contenders: Sequence[Contender]) -> list[float]:
    """For each, the probability that success minus penalty is the largest of all.

    The limit of drawing from all of them ever more often. With F the cumulative distributions, it is the integral of
    the product of the others' F over dF; on 128 bins, to about one hundredth.

    Returns:
        As many probabilities, summing to 1.
    """
    if not contenders:
        return []
    distributions = [_distribution(one) for one in contenders]
    # Below the highest of the lower ends somebody is always better.
    low, high = max(one.low for one in distributions), max(one.high for one in distributions)
    edges = [low + (high - low) * number / _BINS for number in range(_BINS + 1)]
    below = [one.at(edges) for one in distributions]
    found = [0.0] * len(contenders)
    for number in range(_BINS):
        middles = [(row[number] + row[number + 1]) / 2 for row in below]
        for place, product in enumerate(_products_of_the_others(middles)):
            found[place] += (below[place][number + 1] - below[place][number]) * product
    total = sum(found)
    return [one / total for one in found]


def _products_of_the_others(values: Sequence[float]) -> list[float]:
    result = [1.0] * len(values)
    product = 1.0
    for place, value in enumerate(values):
        result[place] = product
        product *= value
    product = 1.0
    for place in range(len(values) - 1, -1, -1):
        result[place] *= product
        product *= values[place]
    return result


def _distribution(one: Contender) -> _Distribution:
    """Of success minus penalty, on 64 bins around the mean."""
    a, b = max(one.p * one.n_eff, _LEAST_SHAPE), max((1 - one.p) * one.n_eff, _LEAST_SHAPE)
    mean = a / (a + b)
    reach = _REACH_SD * math.sqrt(mean * (1 - mean) / (a + b + 1))
    low, high = max(0.0, mean - reach), min(1.0, mean + reach)
    width = (high - low) / _OWN_BINS
    # Scaled by the density at the mean: a density of large shapes underflows.
    top = (a - 1) * math.log(mean) + (b - 1) * math.log1p(-mean)
    masses = [_mass(low + width * number, width, a, b, top) for number in range(_OWN_BINS)]
    total = sum(masses)
    below = [0.0]
    for mass in masses:
        below.append(below[-1] + mass / total)
    return _Distribution(low - one.penalty, width, below)


def _mass(left: float, width: float, a: float, b: float, top: float) -> float:
    """Of one bin, up to a factor; exact powers at the ends, where a density may be infinite."""
    middle, right = left + width / 2, left + width
    if left <= 0:
        return math.exp(a * math.log(width) + (b - 1) * math.log1p(-middle) - top) / a
    if right >= 1:
        return math.exp(b * math.log(width) + (a - 1) * math.log(middle) - top) / b
    return width * math.exp((a - 1) * math.log(middle) + (b - 1) * math.log1p(-middle) - top)
