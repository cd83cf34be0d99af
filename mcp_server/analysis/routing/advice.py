"""A decision in words, built from its parts: no text of a task ever gets into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.plurals import counted
from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.decisions import (
    LEAST_VERIFIED,
    LEAST_VERIFIED_OF_TYPE,
    Decision,
    Ground,
    Kind,
    Known,
    Question,
)
from mcp_server.analysis.routing.fallback import Fallback, fallback
from mcp_server.analysis.routing.forecasts import Neighbour
from mcp_server.analysis.routing.hierarchy import GATE
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.routing.rollups import Count
from mcp_server.analysis.routing.wording import arm_name, digits, type_name, typical
from mcp_server.analysis.similarity import SAME_TASK
from storage.outcomes import SUCCESS_FROM
from storage.vocabulary import Level

ALTERNATIVES: Final = 3
_SIMILAR_SHOWN: Final = 5

VERIFY: Final[Mapping[str, str]] = {
    "search": "open two or three of the places it names and see that they say what it claims",
    "research": "check that the sources exist and say what it claims",
    "docs": "check each statement against the code or its source",
    "implement": "read the diff, then run tests and build and look at their exit status",
    "refactor": "read the diff for changed behaviour, then run the tests and look at their exit status",
    "debug": "reproduce the fault before and after, then run the tests",
    "test": "run the new tests, see their exit status, and see one fail when the code is broken",
    "review": "confirm each finding in the code before acting on it",
    "plan": "check its assumptions against the code",
    "ops": "look at the exit status and at the state of the system itself",
}
"""How to see whether a result is right, by type of task."""
VERIFY_OTHERWISE: Final = "check one claim or result yourself before you rely on it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was judged of an arm."""

    of_type: Count
    """Delegations of the type that is asked for."""
    in_all: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A decision as it is told."""

    decision: Decision
    expected: Ranked | None
    """Of the arm to delegate to."""
    judged: Count
    """Delegations of that arm that have this type."""
    alternatives: Sequence[Ranked]
    """At most three, best first: without the chosen arm; all that there is where none is chosen."""
    counts: Sequence[Counts]
    """Of each alternative."""
    reason: str
    similar: Sequence[str]
    """Spans of the most similar judged delegations, most similar first; at most five."""
    verify: str
    fallback: Sequence[Fallback]
    cautions: Sequence[str]


def advice(question: Question, known: Known, decision: Decision) -> Advice:
    """Tell a decision, with what to check and what to do if it fails."""
    near = sorted(
        (one for one in known.neighbours if one.similarity > GATE), key=lambda one: (-one.similarity, one.span_id)
    )
    chosen = decision.chosen
    alternatives = (decision.ranking[1:] if chosen else decision.ranking)[:ALTERNATIVES]
    return Advice(
        decision=decision,
        expected=chosen,
        judged=_judged(known, question, chosen.arm) if chosen else Count(),
        alternatives=alternatives,
        counts=[
            Counts(of_type=_judged(known, question, one.arm), in_all=known.history.by_arm.get(one.arm, Count()))
            for one in alternatives
        ],
        reason=_reason(question, known, decision, near),
        similar=list(dict.fromkeys(one.span_id for one in near))[:_SIMILAR_SHOWN],
        verify=VERIFY.get(question.profile.task_type or "", VERIFY_OTHERWISE),
        fallback=fallback(decision),
        cautions=_cautions(question, decision),
    )


def _reason(question: Question, known: Known, decision: Decision, near: Sequence[Neighbour]) -> str:
    judged = known.history.total
    weak = f"weak: {_WEAK[decision.weakness]}" if decision.weakness in _WEAK else "weak"
    weak = weak.format(
        verified=counted(judged.verified_n, "judged delegation"),
        least=LEAST_VERIFIED,
        least_of_type=LEAST_VERIFIED_OF_TYPE,
        first=_first(decision),
    )
    told: dict[Ground, str] = {
        Ground.CRITICAL_AND_UNCERTAIN: "critical and uncertain: ask, split it into safer steps, or do it inline",
        Ground.CRITICAL_AND_WEAK: f"critical, and {weak}: ask, split it into safer steps, or do it inline",
        Ground.NOBODY_SUCCEEDS: "no arm on offer is likely to succeed: ask, split the task, or do it inline",
        Ground.OVER_LIMITS: "every arm on offer is expected to exceed the limit of cost or duration: ask, or raise it",
        Ground.FEW_TOOL_CALLS: f"{len(known.tool_calls)} similar tasks of low complexity took two tool calls or fewer"
        " in the median: delegating costs more than it saves",
        Ground.INLINE_IS_BETTER: f"{counted(known.inline.judged_n if known.inline else 0, 'judged task')} of type"
        f" {type_name(question.profile.task_type)} done inline did better than any arm is expected to",
    }
    if decision.kind is Kind.NOT_ENOUGH_DATA:
        usual = f"; you usually take {arm_name(decision.usual)}" if decision.usual else ""
        return f"{weak}{usual}"
    if decision.kind is not Kind.DELEGATE:
        return told[decision.ground]
    return _evidence(question, known, decision, near)


_WEAK: Final[Mapping[Ground | None, str]] = {
    Ground.NO_ARMS: "no arm is known",
    Ground.FEW_JUDGED: "{verified} in all, {least} are needed",
    Ground.LITTLE_KNOWN: "little is known of {first}, which may be the best",
    Ground.UNVERIFIED: "too few results of {first} were ever verified",
    Ground.UNVERIFIED_AT_TYPE: "fewer than {least_of_type} results of {first} at this type were verified",
    Ground.TOO_CLOSE: "the arms are too close; {first} leads",
}


def _evidence(question: Question, known: Known, decision: Decision, near: Sequence[Neighbour]) -> str:
    """The parts that a forecast is made of."""
    one = decision.ranking[0]
    judged = _judged(known, question, one.arm)
    of_type = f"{counted(judged.n, 'judged delegation')} of type {type_name(question.profile.task_type)}"
    parts = [f"{arm_name(one.arm)}: {of_type}, {judged.success_n} succeeded ({judged.verified_n} verified)"]
    same = {past.span_id: past for past in near if past.arm == one.arm}.values()
    if same:
        alike = "near-identical" if all(past.similarity >= SAME_TASK for past in same) else "similar"
        tasks = "task" if len(same) == 1 else "tasks"
        parts.append(f"{len(same)} {alike} {tasks}, {sum(past.reward >= SUCCESS_FROM for past in same)} of {len(same)}")
    parts.append(
        f"p {digits(one.p)} [{digits(one.low)}, {digits(one.high)}], our estimate of P(best) {digits(one.p_best)}"
    )
    if usual := typical(one.estimate):
        parts.append(f"{usual} typical")
    if decision.explore:
        parts.append("little is known about it, and it may be better")
    return "; ".join([*parts, "observational log"])


def _cautions(question: Question, decision: Decision) -> list[str]:
    found: list[str] = []
    if question.criticality is Level.HIGH:
        found.append("criticality is high: make a checkpoint first, such as a commit or a backup")
    if question.profile.complexity is None:
        found.append("complexity was not given: without it history favours the arms that were given the easy work")
    chosen = decision.chosen
    if chosen and chosen.estimate.cost_imputed:
        found.append("cost: none is known of this arm; it is ranked as if it cost what others do")
    if decision.left_out:
        found.append(f"{counted(len(decision.left_out), 'arm')} left out for cost or duration")
    return found


def _judged(known: Known, question: Question, arm: Arm) -> Count:
    return known.history.by_type.get((question.profile.task_type, arm), Count())


def _first(decision: Decision) -> str:
    return arm_name(decision.ranking[0].arm) if decision.ranking else ""
