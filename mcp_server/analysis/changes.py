"""What to change, in words: savings, what they really brought, waste, bottlenecks, budgets, missing verdicts."""

from collections.abc import Iterable, Sequence
from typing import Final

from mcp_server.analysis.amounts import duration, money, told_apart
from mcp_server.analysis.bottlenecks import Bottleneck
from mcp_server.analysis.delegations import arm_of, shown
from mcp_server.analysis.insights import Insight, Kind, Size, ids, points
from mcp_server.analysis.plurals import counted, numbered
from mcp_server.analysis.realised import Realised
from mcp_server.analysis.savings import MARGIN, Saving
from mcp_server.analysis.spending import Excess, InlineCandidate, Per, Reason, Waste, sum_usd
from mcp_server.analysis.verdicts import VerdictsWanted
from storage.records import Span


def of_saving(saving: Saving, margin: float = MARGIN) -> Insight:
    """A cheaper arm that is no worse."""
    task_type = shown(saving.task_type)
    dear_usd, cheap_usd = saving.cost_usd
    dear_n, cheap_n = saving.verified
    cheap_each, dear_each = told_apart(cheap_usd, dear_usd, money)
    text = (
        f"{saving.cheap} does {task_type} no worse than {saving.dear}: success {points(saving.success.value)} "
        f"[{points(saving.success.low)}, {points(saving.success.high)}] on tasks of the same complexity "
        f"({cheap_n} and {dear_n} verified), {cheap_each} instead of {dear_each} each; "
        f"observational, margin {margin * 100:.0f} points"
    )
    return Insight(
        kind=Kind.SAVING,
        text=text,
        n=dear_n + cheap_n,
        low=saving.success.low,
        high=saving.success.high,
        size=Size(usd=saving.usd.value),
        span_ids=ids(saving.spans),
        change=f"send {task_type} tasks to {saving.cheap}; {saving.delegations} went to {saving.dear}",
    )


def of_realised(realised: Realised) -> Insight:
    """What a saving that was followed really brought."""
    saving, success = realised.saving, realised.success
    task_type = shown(saving.task_type)
    worse = success is not None and success.high < 0
    verdict = "too few verdicts since to compare success" if success is None else f"success {points(success.value)}"
    return Insight(
        kind=Kind.REALISED,
        text=(
            f"moving {task_type} from {saving.dear} to {saving.cheap}: "
            f"about {counted(round(realised.moved), 'delegation')}, {money(realised.estimated_usd)} expected, "
            f"{money(realised.realised_usd)} saved; {verdict}"
        ),
        n=round(realised.moved),
        low=None if success is None else success.low,
        high=None if success is None else success.high,
        size=Size(usd=abs(realised.realised_usd)),
        span_ids=ids(realised.spans),
        change=f"send {task_type} back to {saving.dear}: it succeeds more often there" if worse else "keep it so",
    )


def of_bottleneck(found: Bottleneck) -> Insight:
    """An arm that holds sessions up."""
    waited = "how long sessions waited for what did not succeed is unknown"
    if found.ms is not None:
        waited = f"sessions waited {duration(found.ms)} for what did not succeed"
    return Insight(
        kind=Kind.BOTTLENECK,
        text=(
            f"{found.arm} succeeds on critical paths {points(found.success.value)} "
            f"[{points(found.success.low)}, {points(found.success.high)}] against all others ({found.verified_n} "
            f"verified); {waited}"
        ),
        n=found.verified_n,
        low=found.success.low,
        high=found.success.high,
        size=Size(usd=sum_usd(found.spans), ms=found.ms, failures=len(found.spans)),
        span_ids=ids(found.spans),
        change="give these tasks to another arm, or split them so that nothing waits for them",
    )


_WASTED: Final = {
    Reason.FAILED: ("failed", "look at the dearest: was it the task, the arm or the environment?"),
    Reason.ABANDONED: ("cancelled or lost", "delegate smaller tasks, or set a turn limit"),
    Reason.REPEATED: ("delegated again with the same task", "say in the task what the first answer lacked"),
}


def _whom(waste: Waste, dearest: Span) -> str:
    """The arm; of several, how many there are and one of them."""
    if waste.arm is not None:
        return str(waste.arm)
    arms = len({arm_of(span) for span in waste.spans})
    return f"{counted(arms, 'other pair')} of agent and model, such as {arm_of(dearest)},"


def of_waste(waste: Waste) -> Insight:
    """Work that brought nothing."""
    what, change = _WASTED[waste.reason]
    dearest = sorted(waste.spans, key=lambda span: -(span.cost_usd or 0))
    failures = len(waste.spans) if waste.reason is Reason.FAILED else None
    return Insight(
        kind=Kind.WASTE,
        text=(
            f"{len(waste.spans):,} of {counted(waste.of, 'delegation')} to {_whom(waste, dearest[0])} {what}: "
            f"{_took(waste.spans, waste.usd, waste.ms)}"
        ),
        n=len(waste.spans),
        low=None,
        high=None,
        size=Size(usd=waste.usd, ms=waste.ms, failures=failures),
        span_ids=ids(dearest),
        change=change,
    )


def of_inline(candidate: InlineCandidate) -> Insight:
    """Small work that needs no delegation."""
    task_type, few = shown(candidate.task_type), _few(candidate.median_calls)
    return Insight(
        kind=Kind.INLINE,
        text=(
            f"{len(candidate.spans)} {task_type} tasks of low complexity took {shown(candidate.agent_type)} "
            f"{few} in the median: {_took(candidate.spans, candidate.usd, candidate.ms)}"
        ),
        n=len(candidate.spans),
        low=None,
        high=None,
        size=Size(usd=candidate.usd, ms=candidate.ms),
        span_ids=ids(candidate.spans[::-1]),
        change=f"{task_type} tasks of low complexity could be done inline: {few} in the median",
    )


def _took(spans: Sequence[Span], usd: float | None, ms: int | None) -> str:
    """Cost and time of some delegations, and of how many each is known where that is not all of them."""
    cost = "cost unknown" if usd is None else money(usd) + _known(span.cost_usd is not None for span in spans)
    time = "time unknown" if ms is None else duration(ms) + _known(span.duration_ms is not None for span in spans)
    return f"{cost}, {time}"


def _known(each: Iterable[bool]) -> str:
    found = list(each)
    return "" if all(found) else f" (known of {sum(found)})"


def _few(calls: float) -> str:
    return numbered(f"{calls:g}", "tool call")


def of_verdicts(wanted: VerdictsWanted) -> Insight:
    """Where a verdict would tell most."""
    unended = f" ({wanted.unended_n:,} more are running, cancelled or lost)" if wanted.unended_n else ""
    return Insight(
        kind=Kind.VERDICTS,
        text=(
            f"{wanted.verified_n:,} of {counted(wanted.n, 'delegation')} that ended have a verdict; "
            f"whether the others succeeded nobody knows{unended}"
        ),
        n=wanted.n,
        low=None,
        high=None,
        size=Size(),
        span_ids=ids(wanted.spans),
        change="check what these few delivered, and tell it with record_reward",
    )


def of_excess(excess: Excess) -> Insight:
    """A budget that was exceeded."""
    budget = excess.budget
    whose = "all agents together" if budget.agent_type is None else shown(budget.agent_type)
    which = f"on {excess.day}" if budget.per is Per.DAY else f"in one delegation on {excess.day}"
    spent, planned = told_apart(excess.usd, budget.usd, money)
    more = f", {excess.unpriced} more without a known price" if excess.unpriced else ""
    return Insight(
        kind=Kind.BUDGET,
        text=f"{whose} spent {spent} {which}, {planned} were planned{more}",
        n=len(excess.spans),
        low=None,
        high=None,
        size=Size(usd=excess.usd - budget.usd),
        span_ids=ids(excess.spans),
        change="look at the dearest of them, or raise the budget",
    )
