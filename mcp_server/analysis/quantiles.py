"""Quantiles of a few values; those of many are told by `storage.sketch`."""

import math
from collections.abc import Sequence


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
