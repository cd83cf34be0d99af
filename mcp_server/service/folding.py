"""Lessons as a store sums them up, turned into what the router folds; single ones can be added and taken away."""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.rollups import Rollup
from mcp_server.analysis.weights import weight, weight_of
from storage.lessons import Lesson, LessonSum
from storage.outcomes import SUCCESS_FROM
from storage.vocabulary import VERIFIED, RewardSource, Status, Tier

_NOISE: Final = 1e-6
"""Stores may round each reward to a millionth."""


@dataclass(slots=True)
class Sums:
    """Of some lessons; not frozen, since they come one by one."""

    n: int = 0
    verified_n: int = 0
    success_n: int = 0
    weight: float = 0.0
    reward: float = 0.0
    """Of weight x reward."""

    def include(self, row: Rollup) -> None:
        """Take in some lessons."""
        self.n += row.n
        self.verified_n += row.verified_n
        self.success_n += row.success_n
        self.weight += row.weight
        self.reward += row.reward

    def is_as(self, other: "Sums") -> bool:
        """Whether both are of lessons that were judged alike, as far as sums tell."""
        noise = _NOISE * (1 + self.n)
        return (self.n, self.verified_n, self.success_n) == (other.n, other.verified_n, other.success_n) and (
            math.isclose(self.weight, other.weight, abs_tol=noise)
            and math.isclose(self.reward, other.reward, abs_tol=noise)
        )


def source_weight(source: RewardSource) -> float:
    """How far a lesson of this source is trusted, in [0, 1]."""
    # A store holds no lesson of a run whose end says nothing, so its status does not matter any more.
    return weight(source, Status.OK)


def cell_of(lesson: Lesson | LessonSum) -> Cell:
    """What the router cannot tell apart."""
    return Cell(Arm(lesson.agent_type, lesson.model), Profile(lesson.task_type, lesson.complexity))


def rollup_of(lesson: Lesson, epoch: float, sign: int = 1) -> Rollup:
    """One lesson as one of that epoch, or with sign -1 what it is to take it away."""
    trust = sign * source_weight(lesson.source)
    return Rollup(
        day=lesson.day,
        cell=cell_of(lesson),
        epoch=epoch,
        n=sign,
        verified_n=sign * (lesson.source in VERIFIED),
        success_n=sign * (lesson.reward >= SUCCESS_FROM),
        weight=trust,
        reward=trust * lesson.reward,
    )


class Folded:
    """Lessons per cell, epoch and day."""

    def __init__(self) -> None:
        """No lessons yet."""
        self._days: defaultdict[tuple[Cell, float], dict[int, Rollup]] = defaultdict(dict)

    def include(self, sums: LessonSum) -> None:
        """Take in what a store has summed up."""
        cell = cell_of(sums)
        for tier, days in sums.tiers.items():
            trust, is_verified = weight_of(tier), tier is Tier.VERIFIED
            for day, n, reward, success_n in days:
                verified_n = n if is_verified else 0
                self._take(Rollup(day, cell, sums.epoch, n, verified_n, success_n, trust * n, trust * reward))

    def change(self, lesson: Lesson, epoch: float, sign: int) -> None:
        """Take in a lesson as one of that epoch, or with sign -1 take it away."""
        self._take(rollup_of(lesson, epoch, sign))

    def rollups(self) -> list[Rollup]:
        """What the router learns from, in no particular order."""
        return [row for days in self._days.values() for row in days.values() if row.n > 0]

    def total(self) -> Sums:
        """Of all lessons."""
        total = Sums()
        for row in self.rollups():
            total.include(row)
        return total

    def _take(self, row: Rollup) -> None:
        days = self._days[row.cell, row.epoch]
        before = days.get(row.day)
        days[row.day] = before.plus(row) if before else row
