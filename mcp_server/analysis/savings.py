"""Where a cheaper model does the same job: shown not to be worse by more than a margin, within one type of task.

For each type and arm, every cheaper model under the same agent is tested on the same mixture of complexities, as easy
tasks are sent to cheap models. Two things must hold, each with a nominal 2 % chance of being claimed falsely, divided
among the models tried:

    success of the cheap arm less that of the dear one: lower bound > -margin      (non-inferiority)
    cost of the dear arm less that of the cheap one: lower bound > 0

What a delegation cost includes all that it delegated further. One inside another of the same arm and type is therefore
no case of its own: its cost is in the other's already, and would be saved only once.

Types are never pooled, and nobody randomised: what is compared is what the user sent where. 2 and not 5 %, because
the intervals are approximate: computed exactly over all rates, margins from 0.05 to 0.2 and sizes from 10 to 80, a
model that is worse by the margin passes the first test in at most 4.5 % of cases.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from mcp_server.analysis.delegations import Arm, arm_of, cost_of, is_verified, succeeded
from mcp_server.analysis.intervals import LEAST_EVIDENCE, Z_90, Difference, Stratum, stratified
from storage.records import Span
from storage.vocabulary import Level

MARGIN: Final = 0.1
"""By how much a success rate may be lower and still count as not worse."""
LEAST_VERIFIED: Final = 10
"""Verified delegations of each of the two arms among comparable tasks."""

FALSE_CLAIMS: Final = 0.02
"""Nominal, of each of the two tests, for all models tried in the place of one."""
_FOLLOWED_FROM: Final = 0.25


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


@dataclass(frozen=True, slots=True)
class Realised:
    """What became of a saving that was followed."""

    saving: Saving
    moved: float
    """Delegations that went to the cheap arm beyond its earlier share."""
    estimated_usd: float
    """What the saving promised for so many."""
    realised_usd: float
    """What they cost less than the dear arm did before."""
    success: Difference | None
    """Success of the cheap arm since then less that of the dear one before; None where there is not enough data."""
    spans: Sequence[Span]
    """The verified delegations to the cheap arm since then."""


@dataclass(slots=True)
class _Cell:
    """One arm on tasks alike."""

    judged: list[Span] = field(default_factory=list)
    costs_usd: list[float] = field(default_factory=list)
    n: int = 0

    @property
    def successes(self) -> int:
        return sum(map(succeeded, self.judged))

    @property
    def mean_usd(self) -> float:
        return math.fsum(self.costs_usd) / len(self.costs_usd)

    @property
    def error_squared(self) -> float:
        """Variance of the mean."""
        mean, n = self.mean_usd, len(self.costs_usd)
        return math.fsum((usd - mean) ** 2 for usd in self.costs_usd) / ((n - 1) * n)

    def is_enough(self) -> bool:
        return len(self.judged) >= LEAST_EVIDENCE and len(self.costs_usd) >= LEAST_EVIDENCE


_Cells = Mapping[Level | None, _Cell]


def savings(spans: Iterable[Span], *, margin: float = MARGIN) -> list[Saving]:
    """The largest saving for each type and arm that has one, largest first.

    Args:
        spans: delegations in any order. Only verified ones count for success; unknown costs are left out, never 0.
        margin: in (0, 1).
    """
    tables = _tables(spans)
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


def realised(saving: Saving, before: Iterable[Span], after: Iterable[Span]) -> Realised | None:
    """What a saving brought since it was shown; None where it was not followed.

    It was followed if the cheap arm's share of such tasks grew by a quarter of all of them.

    Args:
        saving: as found in `before`.
        before: the delegations it was found in.
        after: later ones.
    """
    earlier, later = _tables(before), _tables(after)
    dear, cheap = (saving.task_type, saving.dear), (saving.task_type, saving.cheap)
    moved_cells, stayed, cheap_before = (
        later.get(cheap, {}),
        _count(later.get(dear, {})),
        _count(earlier.get(cheap, {})),
    )
    count = _count(moved_cells)
    dear_cells = earlier.get(dear, {})
    share_before = cheap_before / max(1, cheap_before + _count(dear_cells))
    if not count or count / (count + stayed) - share_before < _FOLLOWED_FROM:
        return None
    moved = count - share_before * (count + stayed)
    less = [
        dear_cells[level].mean_usd - usd
        for level, cell in moved_cells.items()
        if level in dear_cells and dear_cells[level].costs_usd
        for usd in cell.costs_usd
    ]
    if not less:
        return None
    strata = _strata(moved_cells, dear_cells, weigh=moved_cells)
    return Realised(
        saving=saving,
        moved=moved,
        estimated_usd=moved * saving.usd.value / saving.delegations,
        realised_usd=moved * math.fsum(less) / len(less),
        success=stratified(strata) if strata else None,
        spans=[span for cell in moved_cells.values() for span in cell.judged],
    )


@dataclass(frozen=True, slots=True)
class _Test:
    """Two arms on one type of task, compared where both are known."""

    task_type: str
    dear: Arm
    cheap: Arm
    pairs: Sequence[tuple[_Cell, _Cell]]
    """Of the dear and the cheap arm, for each complexity."""

    @classmethod
    def of(cls, task_type: str, dear: Arm, cells: _Cells, cheap: Arm, others: _Cells) -> "_Test | None":
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


def _tables(spans: Iterable[Span]) -> dict[tuple[str, Arm], dict[Level | None, _Cell]]:
    tables: dict[tuple[str, Arm], dict[Level | None, _Cell]] = defaultdict(lambda: defaultdict(_Cell))
    known = {span.span_id: span for span in spans}
    for span in sorted(known.values(), key=lambda span: span.span_id):
        if span.type_of_task is None or span.model is None:
            continue
        cell = tables[span.type_of_task, arm_of(span)][span.complexity]
        if is_verified(span):
            cell.judged.append(span)
        if _is_inside_its_like(span, known):
            continue
        cell.n += 1
        cost_usd = cost_of(span)
        if cost_usd is not None:
            cell.costs_usd.append(cost_usd)
    return dict(sorted(tables.items(), key=lambda item: (item[0][0], str(item[0][1]))))


def _is_inside_its_like(span: Span, known: Mapping[str, Span]) -> bool:
    """Whether a delegation is, at any depth, below one of the same arm and type."""
    above, seen = known.get(span.parent_span_id or ""), {span.span_id}
    while above is not None and above.span_id not in seen:
        seen.add(above.span_id)
        if (above.type_of_task, arm_of(above)) == (span.type_of_task, arm_of(span)):
            return True
        above = known.get(above.parent_span_id or "")
    return False


def _strata(ones: _Cells, others: _Cells, weigh: _Cells) -> list[Stratum]:
    """Where both have enough verified delegations."""
    return [
        Stratum(weigh[level].n, one.successes, len(one.judged), others[level].successes, len(others[level].judged))
        for level, one in ones.items()
        if level in others and weigh[level].n and min(len(one.judged), len(others[level].judged)) >= LEAST_EVIDENCE
    ]


def _count(cells: _Cells) -> int:
    return sum(cell.n for cell in cells.values())
