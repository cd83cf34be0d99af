"""Where a cheaper model does the same job: shown not to be worse by more than a margin, within one type of task.

For each type and arm, every cheaper model under the same agent is tested on the same mixture of complexities, as easy
tasks are sent to cheap models. Two things must hold, each with a nominal 2 % chance of being claimed falsely, divided
among the models tried:

    success of the cheap arm less that of the dear one: lower bound > -margin      (non-inferiority)
    cost of the dear arm less that of the cheap one: lower bound > 0

Types are never pooled, and nobody randomised: what is compared is what the user sent where. 2 and not 5 %, because
the intervals are approximate: computed exactly over all rates, margins from 0.05 to 0.2 and sizes from 10 to 80, a
model that is worse by the margin passes the first test in at most 4.5 % of cases.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from mcp_server.analysis.alike import ByComplexity, Cases, by_type_and_arm
from mcp_server.analysis.delegations import Arm
from mcp_server.analysis.intervals import Z_90, Difference, Stratum, stratified
from storage.records import Span

MARGIN: Final = 0.1
"""By how much a success rate may be lower and still count as not worse."""
LEAST_VERIFIED: Final = 10
"""Verified delegations of each of the two arms among comparable tasks."""

FALSE_CLAIMS: Final = 0.02
"""Nominal, of each of the two tests, for all models tried in the place of one."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Work that a cheaper arm does no worse."""

    task_type: str
    dear: Arm
    cheap: Arm
    success: Difference
    """Success of the cheap arm less that of the dear one, with a 90 % interval."""
    verified: tuple[int, int]
    """Verified delegations behind it: of the dear arm, of the cheap one."""
    cost_usd: tuple[float, float]
    """Mean cost of one delegation: of the dear arm, of the cheap one on the same mixture of complexities."""
    delegations: int
    """Of the dear arm: those that could have gone to the cheap one."""
    usd: Difference
    """What that would have saved in all, with a 90 % interval; in USD, not a share."""
    spans: Sequence[Span]
    """The verified delegations of both."""


def savings(spans: Iterable[Span], *, margin: float = MARGIN) -> list[Saving]:
    """The largest saving for each type and arm that has one, largest first.

    Args:
        spans: delegations in any order. Only verified ones count for success; unknown costs are left out, never 0.
        margin: in (0, 1).
    """
    tables = by_type_and_arm(spans)
    found: list[Saving] = []
    for (task_type, dear), cells in tables.items():
        rivals = [
            (arm, other)
            for (other_type, arm), other in tables.items()
            if other_type == task_type and arm.agent_type == dear.agent_type and arm != dear
        ]
        tested = [test for arm, other in rivals if (test := _Test.of(task_type, dear, cells, arm, other)) is not None]
        cheaper = [test for test in tested if test.saved_usd > 0]
        z = NormalDist().inv_cdf(1 - FALSE_CLAIMS / max(1, len(cheaper)))
        proven = [test.saving() for test in cheaper if test.is_proven(z, margin)]
        found += sorted(proven, key=lambda saving: (-saving.usd.value, str(saving.cheap)))[:1]
    return sorted(found, key=lambda saving: (-saving.usd.value, saving.task_type, str(saving.dear)))


@dataclass(frozen=True, slots=True)
class _Test:
    """Two arms on one type of task, compared where both are known."""

    task_type: str
    dear: Arm
    cheap: Arm
    pairs: Sequence[tuple[Cases, Cases]]
    """Of the dear and the cheap arm, for each complexity."""

    @classmethod
    def of(cls, task_type: str, dear: Arm, cells: ByComplexity, cheap: Arm, others: ByComplexity) -> "_Test | None":
        shared = [
            level for level in cells if level in others and cells[level].is_enough() and others[level].is_enough()
        ]
        test = cls(task_type, dear, cheap, [(cells[level], others[level]) for level in shared])
        return test if min(test.verified) >= LEAST_VERIFIED else None

    @property
    def verified(self) -> tuple[int, int]:
        return sum(len(one.judged) for one, _ in self.pairs), sum(len(other.judged) for _, other in self.pairs)

    @property
    def delegations(self) -> int:
        return sum(one.n for one, _ in self.pairs)

    @property
    def saved_usd(self) -> float:
        return math.fsum(one.n * (one.mean_usd - other.mean_usd) for one, other in self.pairs)

    @property
    def error_usd(self) -> float:
        return math.sqrt(math.fsum(one.n**2 * (one.error_squared + other.error_squared) for one, other in self.pairs))

    def success(self, z: float = Z_90) -> Difference:
        strata = [
            Stratum(one.n, other.successes, len(other.judged), one.successes, len(one.judged))
            for one, other in self.pairs
        ]
        return stratified(strata, z)

    def is_proven(self, z: float, margin: float) -> bool:
        return self.saved_usd > z * self.error_usd and self.success(z).low > -margin

    def saving(self) -> Saving:
        spread, whole = Z_90 * self.error_usd, self.delegations
        dear_usd = math.fsum(one.n * one.mean_usd for one, _ in self.pairs) / whole
        return Saving(
            task_type=self.task_type,
            dear=self.dear,
            cheap=self.cheap,
            success=self.success(),
            verified=self.verified,
            cost_usd=(dear_usd, dear_usd - self.saved_usd / whole),
            delegations=whole,
            usd=Difference(self.saved_usd, self.saved_usd - spread, self.saved_usd + spread),
            spans=[span for pair in self.pairs for cell in pair for span in cell.judged],
        )
