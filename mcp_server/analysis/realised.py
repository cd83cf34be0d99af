"""What a saving brought, once it was followed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.alike import ByComplexity, by_type_and_arm
from mcp_server.analysis.intervals import LEAST_EVIDENCE, Difference, Stratum, stratified
from mcp_server.analysis.savings import Saving
from storage.records import Span

_FOLLOWED_FROM: Final = 0.25


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


def realised(saving: Saving, before: Iterable[Span], after: Iterable[Span]) -> Realised | None:
    """What a saving brought since it was shown; None where it was not followed.

    It was followed if the cheap arm's share of such tasks grew by a quarter of all of them.

    Args:
        saving: as found in `before`.
        before: the delegations it was found in.
        after: later ones.
    """
    earlier, later = by_type_and_arm(before), by_type_and_arm(after)
    dear, cheap = (saving.task_type, saving.dear), (saving.task_type, saving.cheap)
    moved_cases, stayed, cheap_before = (
        later.get(cheap, {}),
        _count(later.get(dear, {})),
        _count(earlier.get(cheap, {})),
    )
    count = _count(moved_cases)
    dear_cases = earlier.get(dear, {})
    share_before = cheap_before / max(1, cheap_before + _count(dear_cases))
    if not count or count / (count + stayed) - share_before < _FOLLOWED_FROM:
        return None
    moved = count - share_before * (count + stayed)
    less = [
        dear_cases[level].mean_usd - usd
        for level, cases in moved_cases.items()
        if level in dear_cases and dear_cases[level].costs_usd
        for usd in cases.costs_usd
    ]
    if not less:
        return None
    strata = _strata(moved_cases, dear_cases)
    return Realised(
        saving=saving,
        moved=moved,
        estimated_usd=moved * saving.usd.value / saving.delegations,
        realised_usd=moved * math.fsum(less) / len(less),
        success=stratified(strata) if strata else None,
        spans=[span for cases in moved_cases.values() for span in cases.judged],
    )


def _strata(ones: ByComplexity, others: ByComplexity) -> list[Stratum]:
    """Where both have enough verified delegations, weighed by the cases of the ones."""
    return [
        Stratum(one.n, one.successes, len(one.judged), others[level].successes, len(others[level].judged))
        for level, one in ones.items()
        if level in others and one.n and min(len(one.judged), len(others[level].judged)) >= LEAST_EVIDENCE
    ]


def _count(found: ByComplexity) -> int:
    return sum(cases.n for cases in found.values())
