"""Where money and time went for nothing, or further than was planned: waste, budgets, and what needed no delegation.

Sums use each delegation's own cost, so that one inside another is counted once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from enum import StrEnum
from typing import Final

from mcp_server.analysis.delegations import Arm, arm_of, cost_of, in_order
from mcp_server.analysis.quantiles import quantile
from storage.records import Span
from storage.vocabulary import Level, Outcome, Status

INLINE_FROM: Final = 5
"""Delegations of one kind, all low in complexity, from which a habit is seen."""
INLINE_CALLS: Final = 2
"""Tool calls up to which the delegating agent could have done it itself."""
ARMS_APART: Final = 3
"""So many arms are told apart of those that brought nothing for one reason."""

_Place = tuple[bool, float]


class Reason(StrEnum):
    """Why a delegation brought nothing."""

    FAILED = "failed"
    ABANDONED = "abandoned"  # cancelled or lost, and nothing says that it succeeded
    REPEATED = "repeated"  # the same task was delegated again in the same session


@dataclass(frozen=True, slots=True)
class Waste:
    """Delegations that brought nothing for one reason."""

    arm: Arm | None
    """None for several, none of which stands out."""
    reason: Reason
    spans: Sequence[Span]
    of: int
    """Delegations to the arm, or to all of several, in all: these and what was no waste."""
    usd: float | None
    """Their own cost as far as known; None where none is."""
    ms: int | None
    """Their time as far as known; None where none is."""


@dataclass(frozen=True, slots=True)
class InlineCandidate:
    """Small tasks that an agent was started for."""

    agent_type: str
    task_type: str
    median_calls: float
    spans: Sequence[Span]
    usd: float | None
    ms: int | None


class Per(StrEnum):
    """What a budget is for."""

    DAY = "day"
    DELEGATION = "delegation"


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent before a notice is given; nothing is ever blocked."""

    usd: float
    per: Per = Per.DAY
    agent_type: str | None = None
    """None is for all agents together."""


@dataclass(frozen=True, slots=True)
class Excess:
    """A budget that was exceeded."""

    budget: Budget
    day: date
    """In UTC."""
    usd: float
    """At least: what is unpriced is not in it."""
    unpriced: int
    spans: Sequence[Span]
    """Dearest first."""


def wasted(spans: Iterable[Span]) -> list[Waste]:
    """Delegations that brought nothing, by reason and arm, dearest first; all but the three dearest arms in one.

    A failure counts once, as such. Silence is no failure: what ended well and was never judged is not here.
    """
    found: dict[tuple[Arm, Reason], list[Span]] = defaultdict(list)
    following: dict[tuple[str, str], Span] = {}
    whole: Counter[Arm] = Counter()
    for span in reversed(in_order(spans)):
        whole[arm_of(span)] += 1
        reason = _reason(span, followed=span.task is not None and (span.session_id, span.task) in following)
        if span.task is not None:
            following[span.session_id, span.task] = span
        if reason is not None:
            found[arm_of(span), reason].append(span)
    wastes = sorted(
        (_waste(arm, reason, some, whole[arm]) for (arm, reason), some in found.items()), key=_dearest_first
    )
    told: list[Waste] = []
    for reason in Reason:
        of_reason = [waste for waste in wastes if waste.reason is reason]
        apart = ARMS_APART if len(of_reason) > ARMS_APART + 1 else len(of_reason)
        told += of_reason[:apart]
        if rest := of_reason[apart:]:
            told.append(
                _waste(None, reason, [span for waste in rest for span in waste.spans], sum(waste.of for waste in rest))
            )
    return sorted(told, key=_dearest_first)


def _waste(arm: Arm | None, reason: Reason, spans: Iterable[Span], of: int) -> Waste:
    some = in_order(spans)
    return Waste(arm, reason, some, of, sum_usd(some), sum_ms(some))


def _dearest_first(waste: Waste) -> tuple[_Place, _Place, str, Reason]:
    return _largest_first(waste.usd), _largest_first(waste.ms), str(waste.arm), waste.reason


def inline_candidates(spans: Iterable[Span]) -> list[InlineCandidate]:
    """Kinds of small work that took at most 2 tool calls in the median, dearest first."""
    small: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in in_order(spans):
        if _is_small(span) and span.type_of_task is not None:
            small[span.agent_type, span.type_of_task].append(span)
    found: list[InlineCandidate] = []
    for (agent_type, task_type), some in sorted(small.items()):
        median = quantile(sorted(span.tool_call_count or 0 for span in some), 0.5)
        if len(some) >= INLINE_FROM and median is not None and median <= INLINE_CALLS:
            found.append(InlineCandidate(agent_type, task_type, median, some, sum_usd(some), sum_ms(some)))
    return sorted(found, key=lambda candidate: (_largest_first(candidate.usd), _largest_first(candidate.ms)))


def exceeded(spans: Iterable[Span], budgets: Iterable[Budget]) -> list[Excess]:
    """Budgets that were exceeded, the largest excess first.

    Args:
        spans: delegations; a day is that of their start, in UTC.
        budgets: a budget for a day counts own costs, one for a delegation everything below it too.
    """
    ordered = in_order(spans)
    found: list[Excess] = []
    for budget in budgets:
        meant = [span for span in ordered if budget.agent_type in {None, span.agent_type}]
        if budget.per is Per.DELEGATION:
            found += [
                Excess(budget, _day(span), usd, 0, [span])
                for span in meant
                if (usd := cost_of(span)) is not None and usd > budget.usd
            ]
            continue
        days: dict[date, list[Span]] = defaultdict(list)
        for span in meant:
            days[_day(span)].append(span)
        for day, some in days.items():
            usd = sum_usd(some)
            if usd is not None and usd > budget.usd:
                dearest = sorted(some, key=lambda span: -(span.cost_usd or 0))
                found.append(Excess(budget, day, usd, sum(span.cost_usd is None for span in some), dearest))
    return sorted(found, key=lambda excess: excess.budget.usd - excess.usd)


def sum_usd(spans: Iterable[Span]) -> float | None:
    """Own costs added up as far as known; None where none is."""
    costs = [span.cost_usd for span in spans if span.cost_usd is not None]
    return sum(costs) if costs else None


def sum_ms(spans: Iterable[Span]) -> int | None:
    """Durations added up as far as known; None where none is."""
    durations = [span.duration_ms for span in spans if span.duration_ms is not None]
    return sum(durations) if durations else None


def _largest_first(value: float | None) -> _Place:
    """A key to sort by: what is not known is behind all that is, also behind 0."""
    return value is None, -(value or 0)


def _reason(span: Span, *, followed: bool) -> Reason | None:
    if span.outcome is Outcome.FAILURE:
        return Reason.FAILED
    if span.outcome is Outcome.SUCCESS:
        return None
    if span.status in {Status.CANCELLED, Status.LOST}:
        return Reason.ABANDONED
    return Reason.REPEATED if followed and span.status is Status.OK else None


def _is_small(span: Span) -> bool:
    return span.complexity is Level.LOW and span.status is Status.OK and span.tool_call_count is not None


def _day(span: Span) -> date:
    return span.started_at.astimezone(UTC).date()
