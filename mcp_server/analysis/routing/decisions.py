"""Whether to delegate, and to whom; or to do it inline, to ask, or to admit that nobody knows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mcp_server.analysis.quantiles import quantile
from mcp_server.analysis.routing.arms import Arm, Profile, by_name
from mcp_server.analysis.routing.forecasts import Neighbour, Router
from mcp_server.analysis.routing.ranking import Ranked, is_exploration, rank
from mcp_server.analysis.routing.rollups import Count, History
from mcp_server.analysis.routing.utility import (
    Estimate,
    Preference,
    Usage,
    estimates,
    penalties,
    penalty,
    usual,
)
from storage.vocabulary import Level

LEAST_VERIFIED: Final = 10
"""With fewer verified delegations in all, no advice is confident."""
LEAST_VERIFIED_OF_TYPE: Final = 5
"""Of the first arm at the type of a task: with fewer, critical work and standing rules are not left to it."""
LEAST_TO_COMPARE: Final = 2
"""Arms of which something was judged."""
MOST_ON_OFFER: Final = 24
_LEAST_EVIDENCE: Final = 5
"""Of the first arm: in observations, and in verified delegations of its own."""
_LEAST_P_BEST: Final = 0.3
_BETTER_THAN_CHANCE: Final = 0.2
_HOPELESS: Final = 0.35
_LEAST_SIMILAR: Final = 5
_FEW_TOOL_CALLS: Final = 2
_LEAST_INLINE: Final = 10
_NOTHING_KNOWN: Final = Estimate()


class Kind(StrEnum):
    """What to do with a task."""

    DELEGATE = "delegate"
    INLINE = "inline"
    ASK_USER = "ask_user"
    NOT_ENOUGH_DATA = "not_enough_data"


class Ground(StrEnum):
    """Why."""

    FIRST_BY_INDEX = "first_by_index"
    CRITICAL_AND_UNCERTAIN = "critical_and_uncertain"
    CRITICAL_AND_WEAK = "critical_and_weak"
    NOBODY_SUCCEEDS = "nobody_succeeds"
    OVER_LIMITS = "over_limits"
    FEW_TOOL_CALLS = "few_tool_calls"
    INLINE_IS_BETTER = "inline_is_better"
    NO_ARMS = "no_arms"
    FEW_JUDGED = "few_judged"
    LITTLE_KNOWN = "little_known"
    UNVERIFIED = "unverified"
    UNVERIFIED_AT_TYPE = "unverified_at_type"
    TOO_CLOSE = "too_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A task, as far as it matters here."""

    profile: Profile
    criticality: Level | None = None
    """High: it deploys, deletes, pays, authenticates or migrates data."""
    uncertainty: Level | None = None
    prefer: Preference = Preference.BALANCED
    max_cost_usd: float | None = None
    max_duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineWork:
    """Tasks of the type that the main agent did itself."""

    judged_n: int
    reward: float
    """Sum of their rewards."""
    estimate: Estimate = _NOTHING_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the past says."""

    history: History
    router: Router
    """Fitted to the history."""
    usage: Sequence[Usage] = ()
    neighbours: Sequence[Neighbour] = ()
    tool_calls: Sequence[int] = ()
    """Of similar delegations of low complexity, judged or not."""
    inline: InlineWork | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, with all that led to it."""

    kind: Kind
    ground: Ground
    weakness: Ground | None
    """Why the evidence is weak; None where it is not."""
    ranking: Sequence[Ranked]
    """All arms on offer within the limits, best first, whatever the decision."""
    explore: bool
    """Whether the first arm is first because little is known of it."""
    usual: Arm | None
    """What the user does most for tasks of this type, if it is on offer and not clearly worse than the first."""
    left_out: Sequence[Arm]
    """Arms beyond the limits of cost or duration."""

    @property
    def chosen(self) -> Ranked | None:
        """The arm to delegate to, if that is the decision."""
        return self.ranking[0] if self.kind is Kind.DELEGATE else None


def offered_by_default(history: History, usage: Iterable[Usage]) -> tuple[list[Arm], list[Arm]]:
    """Where nobody names arms: those on offer, and those that were seen and are not on offer, each by name.

    An arm of which nothing was ever judged could always be the best; a few of them would make all evidence weak. So
    they are on offer only as long as fewer than two arms were judged.
    """
    judged = sorted(history.by_arm, key=by_name)
    seen = sorted({*judged, *(row.arm for row in usage)}, key=by_name)
    if len(judged) < LEAST_TO_COMPARE:
        return seen, []
    return judged, [arm for arm in seen if arm not in history.by_arm]


def on_offer(candidates: Iterable[Arm], history: History) -> list[Arm]:
    """At most 24 arms, those with the most evidence, then by name; the others still inform about agents and models."""
    weights: dict[Arm, float] = {}
    for cell, one in history.evidence.items():
        weights[cell.arm] = weights.get(cell.arm, 0.0) + one.weight
    ordered = sorted(set(candidates), key=lambda arm: (-weights.get(arm, 0.0), by_name(arm)))
    return sorted(ordered[:MOST_ON_OFFER], key=by_name)


def decide(question: Question, known: Known, offered: Iterable[Arm]) -> Decision:
    """What to do with a task: asking comes before doing it inline, that before weak evidence, that before an arm.

    Args:
        question: the task.
        known: the past.
        offered: arms to choose from, in any order; at most 24 of them are looked at.
    """
    arms = on_offer(offered, known.history)
    task_type = question.profile.task_type
    expected = estimates(known.usage, arms, task_type)
    within = [arm for arm in arms if _is_within(expected[arm], question)]
    within_expected = {arm: expected[arm] for arm in within}
    ranking = rank(
        known.router.forecasts(question.profile, within, known.neighbours),
        penalties(within_expected, question.prefer),
        within_expected,
    )
    weakness = _weakness(question, known, ranking)
    kind, ground = (
        _asking(question, ranking, weakness, is_limited=bool(arms) and not within)
        or _inline(question, known, ranking)
        or ((Kind.NOT_ENOUGH_DATA, weakness) if weakness else (Kind.DELEGATE, Ground.FIRST_BY_INDEX))
    )
    return Decision(
        kind=kind,
        ground=ground,
        weakness=weakness,
        ranking=ranking,
        explore=is_exploration(ranking),
        usual=_usual(known, task_type, ranking),
        left_out=[arm for arm in arms if arm not in within_expected],
    )


def least_p_best(arms: int) -> float:
    """How probable it must be that the first of so many arms is the best: better than by chance, and at least 0.3."""
    return max(_LEAST_P_BEST, 1 / arms + _BETTER_THAN_CHANCE * (1 - 1 / arms))


def _is_within(one: Estimate, question: Question) -> bool:
    """Whether an arm is not expected to exceed a limit; what nobody knows does not exceed it."""
    too_dear = question.max_cost_usd is not None and (one.cost_usd or 0.0) > question.max_cost_usd
    too_slow = question.max_duration_s is not None and (one.duration_ms or 0.0) > question.max_duration_s * 1e3
    return not too_dear and not too_slow


def _usual(known: Known, task_type: str | None, ranking: Sequence[Ranked]) -> Arm | None:
    """What the user does most: to be named it must be on offer, and not clearly worse than the first."""
    arm = usual(known.usage, task_type)
    return arm if any(one.arm == arm and one.high >= ranking[0].p for one in ranking) else None


def _weakness(question: Question, known: Known, ranking: Sequence[Ranked]) -> Ground | None:
    if not ranking:
        return Ground.NO_ARMS
    if known.history.total.verified_n < LEAST_VERIFIED:
        return Ground.FEW_JUDGED
    first = ranking[0]
    # One task that hardly resembles this one makes the forecast local, and so wide; it takes no knowledge away.
    apart_from_neighbours = known.router.forecasts(question.profile, [first.arm])[first.arm]
    if max(first.n_eff, apart_from_neighbours.n_eff) < _LEAST_EVIDENCE:
        return Ground.LITTLE_KNOWN
    # However many guesses there are of an arm, they do not add up to knowledge.
    if known.history.by_arm.get(first.arm, Count()).verified_n < _LEAST_EVIDENCE:
        return Ground.UNVERIFIED
    if first.p_best < least_p_best(len(ranking)):
        return Ground.TOO_CLOSE
    # What it did elsewhere is no ground to let it deploy, delete or pay.
    of_type = known.history.by_type.get((question.profile.task_type, first.arm), Count())
    is_new_to_it = question.criticality is Level.HIGH and of_type.verified_n < LEAST_VERIFIED_OF_TYPE
    return Ground.UNVERIFIED_AT_TYPE if is_new_to_it else None


def _asking(
    question: Question, ranking: Sequence[Ranked], weakness: Ground | None, *, is_limited: bool
) -> tuple[Kind, Ground] | None:
    is_critical = question.criticality is Level.HIGH
    if is_critical and question.uncertainty is Level.HIGH:
        return Kind.ASK_USER, Ground.CRITICAL_AND_UNCERTAIN
    if is_limited:
        return Kind.ASK_USER, Ground.OVER_LIMITS
    if is_critical and weakness:
        return Kind.ASK_USER, Ground.CRITICAL_AND_WEAK
    if ranking and max(one.high for one in ranking) < _HOPELESS:
        return Kind.ASK_USER, Ground.NOBODY_SUCCEEDS
    return None


def _inline(question: Question, known: Known, ranking: Sequence[Ranked]) -> tuple[Kind, Ground] | None:
    if question.profile.complexity is Level.LOW and len(known.tool_calls) >= _LEAST_SIMILAR:
        median = quantile(sorted(known.tool_calls), 0.5)
        if median is not None and median <= _FEW_TOOL_CALLS:
            return Kind.INLINE, Ground.FEW_TOOL_CALLS
    own = known.inline
    if own is None or own.judged_n < _LEAST_INLINE or not ranking:
        return None
    # As the mean of Beta(1 + S, 1 + F): ten verdicts are few.
    p = (own.reward + 1) / (own.judged_n + 2)
    utility = p - penalty(own.estimate, [one.estimate for one in ranking], question.prefer)
    if utility > max(one.utility for one in ranking):
        return Kind.INLINE, Ground.INLINE_IS_BETTER
    return None
