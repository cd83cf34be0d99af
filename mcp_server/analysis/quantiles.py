"""Quantiles and rates with what is known about their uncertainty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Z_90: Final = 1.6448536269514722
"""Of the standard normal distribution: 90 % lie within plus or minus this."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of successes with its 90 % interval, each in [0, 1]."""

    rate: float
    low: float
    high: float


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The value below which a share of the values lies; None without values.

    Linear between neighbours: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996).

    Args:
        ascending: n >= 0 values.
        share: in [0, 1]; 0.5 asks for the median.
    """
    if not ascending:
        return None
    place = share * (len(ascending) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ascending) - 1)
    return ascending[low] + (place - low) * (ascending[high] - ascending[low])


def wilson(successes: float, n: int, z: float = Z_90) -> Rate | None:
    """A success rate with its score interval; None without trials.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927): with p = successes/n,
    the interval is (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n).
    """
    if n <= 0:
        return None
    p, square = successes / n, z * z
    middle = p + square / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    scale = 1 + square / n
    return Rate(p, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))
