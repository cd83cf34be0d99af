"""Which of many spans of time holds a shorter one: answered without looking at each of them."""

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.records import Span

SEVERAL: Final = ""
"""The answer where more than one window holds what was asked about; no span has this id."""


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when something ran, in seconds since 1970; without an end it is infinite."""

    start: float
    end: float

    @property
    def duration_s(self) -> float:
        """Infinite for what has not ended."""
        return self.end - self.start


def window(span: Span, now: datetime | None = None) -> Window:
    """When a span ran. One without an end lasts until `now`, and for ever where that is not known."""
    start = span.started_at.timestamp()
    if span.ended_at is not None:
        return Window(start, span.ended_at.timestamp())
    return Window(start, math.inf if now is None else max(start, now.timestamp()))


class Windows:
    """Named windows that can be asked which one of them holds another."""

    def __init__(self, named: Iterable[tuple[str, Window]]) -> None:
        ordered = sorted(named, key=lambda pair: (pair[1].start, pair[0]))
        self._starts = [found.start for _, found in ordered]
        # Up to each place, the two that end last: a window is held by one alone where only the first of them lasts.
        self._longest: list[tuple[float, str, float]] = []
        first, name, second = -math.inf, "", -math.inf
        for own, found in ordered:
            if found.end > first:
                first, name, second = found.end, own, first
            else:
                second = max(second, found.end)
            self._longest.append((first, name, second))

    def holding(self, inner: Window, skew_s: float = 0.0) -> str | None:
        """The name of the only one that holds `inner`, SEVERAL, or None; logarithmic time.

        Args:
            inner: of one without an end only the start is looked at.
            skew_s: by how much `inner` may stick out at either end where no window holds it exactly.
        """
        exactly = self._holding(inner, 0.0)
        return self._holding(inner, skew_s) if exactly is None else exactly

    def _holding(self, inner: Window, skew_s: float) -> str | None:
        place = bisect_right(self._starts, inner.start + skew_s) - 1
        if place < 0:
            return None
        first, name, second = self._longest[place]
        end = (inner.start if math.isinf(inner.end) else inner.end) - skew_s
        if first < end:
            return None
        return SEVERAL if second >= end else name
