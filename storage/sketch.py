"""Quantiles of many whole numbers from counts in logarithmic buckets: sketches can be added, and taken away again.

Bucket k + 1 holds the values v with G^(k-1) < v <= G^k, G = (1 + a) / (1 - a), and answers 2 G^k / (G + 1), which is
within a of each of them (Masson, Rim and Lee, "DDSketch", 2019). Zero has bucket 0 to itself.
"""

import math
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Self

ACCURACY: Final = 0.019
"""Largest relative error of a quantile; a hair under 2 %, so that rounding does not exceed that."""

_LOG_BASE: Final = math.log((1 + ACCURACY) / (1 - ACCURACY))
_MIDDLE: Final = 1 - ACCURACY  # 2 / (G + 1)
_LANE_BITS: Final = 32
_LANE_BYTES: Final = _LANE_BITS // 8
_OFFSET_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many values lie in each bucket. Buckets hold less than 2^32 values each.

    The counts are the 32-bit digits of one number, lowest bucket first. Adding a sketch is then one addition, which
    takes a microsecond however many buckets there are: thousands of sketches are merged within a few milliseconds.
    """

    counts: int = 0

    @classmethod
    def of(cls, values: Iterable[int]) -> Self:
        """Of some whole numbers >= 0, such as milliseconds."""
        found = Counter(map(_bucket, values))
        return cls(sum(count << _LANE_BITS * bucket for bucket, count in found.items()))

    def __add__(self, other: "Sketch") -> "Sketch":
        """Of the values of both."""
        return Sketch(self.counts + other.counts)

    def __sub__(self, other: "Sketch") -> "Sketch":
        """Of the values that remain when those of `other`, all of which are in this one, are taken away.

        Raises:
            ValueError: they cannot all be in this one.
        """
        if other.counts > self.counts:
            raise ValueError("a sketch can only lose values that it holds")
        return Sketch(self.counts - other.counts)

    @property
    def n(self) -> int:
        """How many values."""
        return sum(count for _, count in self.buckets())

    def buckets(self) -> Iterator[tuple[int, int]]:
        """Bucket and count, ascending, without empty ones."""
        return ((place, count) for place, count in enumerate(_unpacked(self.counts)) if count)

    def quantile(self, share: float) -> float | None:
        """The value below which a share of the values lies, within 2 %; None without values.

        Linear between neighbours, as the exact quantile is: both are within 2 %, and so is what lies between.

        Args:
            share: in [0, 1]; 0.5 asks for the median.
        """
        (found,) = self.quantiles((share,)) or (None,)
        return found

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Several of them; none without values."""
        if not self.counts:
            return []
        lowest = _lowest(self.counts)
        upto = list(accumulate(_unpacked(self.counts >> lowest * _LANE_BITS)))

        def at(rank: int) -> float:
            return _representative(lowest + bisect_right(upto, rank))

        quantiles: list[float] = []
        for share in shares:
            place = share * (upto[-1] - 1)
            low, high = at(math.floor(place)), at(min(math.floor(place) + 1, upto[-1] - 1))
            quantiles.append(low + (place - math.floor(place)) * (high - low))
        return quantiles

    def to_bytes(self) -> bytes:
        """A compact form: the lowest bucket in two bytes, then four bytes for each bucket up to the highest."""
        if not self.counts:
            return b""
        lowest = _lowest(self.counts)
        return lowest.to_bytes(_OFFSET_BYTES, "little") + _digits(self.counts >> lowest * _LANE_BITS)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` gave."""
        return cls.of_all((data,))

    @classmethod
    def of_all(cls, sketches: Iterable[bytes]) -> Self:
        """The sum of sketches, thousands of them if need be, each as `to_bytes` gave it."""
        known = [(data[0] | data[1] << 8, data) for data in sketches if data]
        # Lifted only above the lowest of all: what is added is shorter then.
        base = min([lowest for lowest, _ in known], default=0)
        digits = [
            int.from_bytes(data[_OFFSET_BYTES:], "little") << (lowest - base) * _LANE_BITS for lowest, data in known
        ]
        return cls(sum(digits) << base * _LANE_BITS)


def bucket_weight(value: int) -> int:
    """What one whole number >= 0 adds to `Sketch.counts`."""
    return 1 << _LANE_BITS * _bucket(value)


def _bucket(value: int) -> int:
    return 0 if value == 0 else 1 + math.ceil(math.log(value) / _LOG_BASE)


def _representative(place: int) -> float:
    return 0.0 if place == 0 else _MIDDLE * math.exp((place - 1) * _LOG_BASE)


def _lowest(counts: int) -> int:
    """The lowest bucket that holds a value; there is one."""
    return ((counts & -counts).bit_length() - 1) // _LANE_BITS


def _unpacked(counts: int) -> tuple[int, ...]:
    digits = _digits(counts)
    return struct.unpack(f"<{len(digits) // _LANE_BYTES}I", digits)


def _digits(number: int) -> bytes:
    lanes = -(-number.bit_length() // _LANE_BITS)
    return number.to_bytes(lanes * _LANE_BYTES, "little")
