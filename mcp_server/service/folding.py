"""Lessons as a store sums them up, turned into what the router folds; single ones can be added and taken away."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.rollups import Rollup
from mcp_server.analysis.weights import weight
from storage.lessons import Lesson, LessonSum, TierSum
from storage.outcomes import SUCCESS_FROM
from storage.vocabulary import VERIFIED, RewardSource, Status, Tier

_SOURCE_OF: Final = {
    Tier.VERIFIED: RewardSource.HUMAN,
    Tier.MODEL: RewardSource.MODEL,
    Tier.BEHAVIOUR: RewardSource.BEHAVIOUR,
    Tier.STRUCTURE: RewardSource.STRUCTURE,
}
_NOISE: Final = 1e-6
"""Stores may round each reward to a millionth."""


class _Key(NamedTuple):
    day: int
    cell: Cell
    epoch: float


@dataclass(slots=True)
class Sums:
    """Of some lessons; not frozen, since they come one by one."""

    n: int = 0
    verified_n: int = 0
    success_n: int = 0
    weight: float = 0.0
    reward: float = 0.0
    """Of weight x reward."""

    def change(self, lesson: Lesson, sign: int) -> None:
        """Take in a lesson, or with sign -1 take it away."""
        trust = source_weight(lesson.source)
        self.n += sign
        self.verified_n += sign * (lesson.source in VERIFIED)
        self.success_n += sign * (lesson.reward >= SUCCESS_FROM)
        self.weight += sign * trust
        self.reward += sign * trust * lesson.reward

    def include(self, tier: Tier, one: TierSum) -> None:
        """Take in several lessons of one tier."""
        trust = _TRUST[tier]
        self.n += one.n
        self.verified_n += one.n if tier is Tier.VERIFIED else 0
        self.success_n += one.success_n
        self.weight += trust * one.n
        self.reward += trust * one.reward

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


_TRUST: Final = {tier: source_weight(source) for tier, source in _SOURCE_OF.items()}


def cell_of(lesson: Lesson | LessonSum) -> Cell:
    """What the router cannot tell apart."""
    return Cell(Arm(lesson.agent_type, lesson.model), Profile(lesson.task_type, lesson.complexity))


class Folded:
    """Lessons per day, cell and epoch."""

    def __init__(self, sums: Iterable[LessonSum]) -> None:
        """Take in what a store has summed up."""
        self._rows: dict[_Key, Sums] = {}
        self.total: Final = Sums()
        for one in sums:
            row = self._rows.setdefault(_Key(one.day, cell_of(one), one.epoch), Sums())
            for tier, tier_sum in one.tiers.items():
                row.include(tier, tier_sum)
                self.total.include(tier, tier_sum)

    def change(self, lesson: Lesson, epoch: float, sign: int) -> None:
        """Take in a lesson as one of that epoch, or with sign -1 take it away."""
        self._rows.setdefault(_Key(lesson.day, cell_of(lesson), epoch), Sums()).change(lesson, sign)
        self.total.change(lesson, sign)

    def rollups(self) -> list[Rollup]:
        """What the router learns from, in no particular order."""
        return [
            Rollup(
                day=key.day,
                cell=key.cell,
                epoch=key.epoch,
                n=row.n,
                verified_n=row.verified_n,
                success_n=row.success_n,
                weight=row.weight,
                reward=row.reward,
            )
            for key, row in self._rows.items()
            if row.n > 0
        ]
