"""Where on a picture a time stands: where most of a session is waiting, what was not delegated is drawn short."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

IDLE_FROM: Final = 0.5
"""Of the whole time: where more of it went by without delegations, such stretches are drawn short."""
_WORTH_IT: Final = 0.03  # of the whole time: a shorter stretch is left as it is
_SHORT: Final = 0.05  # of the picture's width
_SHORT_TOGETHER: Final = 0.3
_TICKS: Final = 6
_TICKS_APART: Final = 0.12
_SECOND: Final = 1000
_STEPS_MS: Final = (
    1, 2, 5, 10, 20, 50, 100, 200, 500,
    *(seconds * _SECOND for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60 * _SECOND for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3600 * _SECOND for hours in (1, 2, 4, 8, 12, 24, 48, 96, 168)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time and the part of the picture that it takes, as shares of its width."""

    from_ms: int
    to_ms: int
    start: float
    end: float
    short: bool
    """Whether it is drawn shorter than the others."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Stretches side by side, from the beginning to the end."""

    stretches: Sequence[Stretch]

    def at(self, ms: float) -> float:
        """The place of a time in [0, 1]; times outside stand at the edge."""
        for stretch in self.stretches:
            if ms <= stretch.to_ms:
                into = max(0.0, ms - stretch.from_ms) / max(1, stretch.to_ms - stretch.from_ms)
                return stretch.start + into * (stretch.end - stretch.start)
        return 1.0

    def ticks(self) -> list[int]:
        """Round times, in milliseconds, that stand well apart."""
        drawn = [stretch for stretch in self.stretches if not stretch.short]
        whole = sum(stretch.to_ms - stretch.from_ms for stretch in drawn)
        step = next((step for step in _STEPS_MS if whole / step <= _TICKS), max(_STEPS_MS[-1], whole // _TICKS))
        found: list[int] = [0]
        for stretch in drawn:
            for ms in range(-(-stretch.from_ms // step) * step, stretch.to_ms + 1, step):
                if self.at(ms) - self.at(found[-1]) >= _TICKS_APART:
                    found.append(ms)
        return found


def scale(length_ms: int, at_once: Sequence[tuple[int, int]]) -> Scale:
    """The scale of a session.

    Args:
        length_ms: of the whole.
        at_once: how many delegations ran, from when on.
    """
    idle = _idle(length_ms, at_once)
    if sum(end - begin for begin, end in idle) <= IDLE_FROM * length_ms:
        idle = []
    idle = [(begin, end) for begin, end in idle if end - begin > _WORTH_IT * length_ms]
    short = min(_SHORT, _SHORT_TOGETHER / len(idle)) if idle else 0.0
    rest = length_ms - sum(end - begin for begin, end in idle)
    times = sorted({0, length_ms, *(time for stretch in idle for time in stretch)})
    stretches: list[Stretch] = []
    start = 0.0
    for begin, end in pairwise(times):
        is_short = (begin, end) in idle
        width = short if is_short else (1 - short * len(idle)) * (end - begin) / max(1, rest)
        stretches.append(Stretch(begin, end, start, min(1.0, start + width), is_short))
        start += width
    return Scale(stretches)


def _idle(length_ms: int, at_once: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """When no delegation ran. Without any delegation nothing counts as idle."""
    if not at_once:
        return []
    steps = [(0, 0), *at_once, (length_ms, 0)]
    return [(begin, end) for (begin, n), (end, _) in pairwise(steps) if not n and end > begin]
