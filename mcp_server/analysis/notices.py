"""What to look at, in words: what is unusual, fails too often, drifts, or recurs. Notices, not verdicts."""

from collections.abc import Callable, Sequence
from typing import Final

from mcp_server.analysis.agent_versions import Edit, Effect
from mcp_server.analysis.amounts import duration, money, told_apart
from mcp_server.analysis.anomalies import Anomaly, Looked, Measure
from mcp_server.analysis.delegations import arm_of, shown
from mcp_server.analysis.drift import Direction, Drift, Level
from mcp_server.analysis.failing import Shortfall
from mcp_server.analysis.insights import Insight, Kind, Size, ids, ordered, points
from mcp_server.analysis.patterns import Loop, Pattern, RepeatedFailure
from mcp_server.analysis.plurals import numbered
from mcp_server.analysis.spending import sum_ms, sum_usd
from storage.records import Span
from storage.vocabulary import Outcome

ANOMALIES_SHOWN: Final = 5

# A value, and how many decimals more than usual.
_UNITS: Final[dict[Measure, Callable[[float, int], str]]] = {
    Measure.DURATION_MS: duration,
    Measure.COST_USD: money,
    Measure.OUTPUT_TOKENS: lambda value, digits: numbered(f"{value:,.{digits}f}", "output token"),
    Measure.TOOL_CALLS: lambda value, digits: numbered(f"{value:,.{digits}f}", "tool call"),
}


def of_anomalies(looked: Looked) -> list[Insight]:
    """The five largest; each says how many such notices chance alone would bring."""
    found = [_of_anomaly(anomaly, looked) for anomaly in looked.anomalies]
    whole = Size(usd=sum(insight.size.usd or 0 for insight in found), ms=sum(insight.size.ms or 0 for insight in found))
    return ordered(found, whole)[:ANOMALIES_SHOWN]


def _of_anomaly(anomaly: Anomaly, looked: Looked) -> Insight:
    span, found = anomaly.span, anomaly.outlier
    took, usual = told_apart(found.value, found.median, _UNITS[anomaly.measure])
    excess = found.value - found.median
    rules = [f"robust z {found.z:.1f}"] if found.z is not None else []
    rules += [f"conformal p {found.p:.3f}"] if found.p is not None else []
    return Insight(
        kind=Kind.ANOMALY,
        text=(
            f"{arm_of(span)} took {took}, usually {usual} "
            f"({found.n} earlier ones; {', '.join(rules)}); of {looked.looked_at} values looked at about "
            f"{looked.expected_false:.0f} are noticed by chance"
        ),
        n=found.n,
        low=None,
        high=None,
        size=Size(
            usd=excess if anomaly.measure is Measure.COST_USD else None,
            ms=round(excess) if anomaly.measure is Measure.DURATION_MS else None,
        ),
        span_ids=(span.span_id,),
        change="a notice, not a verdict: look at its trajectory if the result surprised you too",
    )


def of_shortfall(session_id: str, shortfall: Shortfall, spans: Sequence[Span]) -> Insight:
    """A session that fails more than its tasks let expect; `spans` are its judged delegations."""
    failed = [span for span in spans if span.outcome is Outcome.FAILURE]
    return Insight(
        kind=Kind.SESSION,
        text=(
            f"session {shown(session_id)}: {shortfall.successes} of {shortfall.n} judged delegations succeeded, "
            f"{shortfall.expected:.1f} were to be expected (chance of so few: {shortfall.chance:.3f})"
        ),
        n=shortfall.n,
        low=None,
        high=None,
        size=Size(sum_usd(failed), sum_ms(failed), max(0.0, shortfall.expected - shortfall.successes)),
        span_ids=ids(failed or spans),
        change="look for what its tasks share: a broken environment, a missing tool, an unclear goal",
    )


def of_drift(drift: Drift) -> Insight:
    """An arm that is not what it was."""
    worse = drift.direction is Direction.WORSE
    certain = "" if drift.level is Level.ALARM else ", only worth watching"
    return Insight(
        kind=Kind.DRIFT,
        text=(
            f"{drift.arm} became {drift.direction}{certain}: mean reward {drift.recent:.2f} over {drift.n} verified "
            f"delegations since {drift.spans[0].started_at:%Y-%m-%d}, {drift.baseline:.2f} before "
            "(false in about 5 of 100 arms per 200 delegations)"
        ),
        n=drift.n,
        low=None,
        high=None,
        size=Size(failures=abs(drift.baseline - drift.recent) * drift.n),
        span_ids=ids(drift.spans[::-1]),
        change="look what changed then: model, agent definition, kind of task" if worse else "it may be given more",
    )


def of_pattern(pattern: Pattern) -> Insight:
    """Tools that follow each other more often than by chance."""
    success, name = pattern.success, _in_a_row(pattern.tools)
    with_it = "" if success is None else f"; success {points(success.value)} against delegations without it"
    worse = success is not None and success.high < 0
    return Insight(
        kind=Kind.PATTERN,
        text=f"{name} in {len(pattern.spans)} delegations, {pattern.lift:.1f} times as often as by chance{with_it}",
        n=len(pattern.spans),
        low=None if success is None else success.low,
        high=None if success is None else success.high,
        size=Size(failures=sum(span.outcome is Outcome.FAILURE for span in pattern.spans) if worse else None),
        span_ids=ids(pattern.spans[::-1]),
        change="find out what makes it necessary, and put that into the task" if worse else "nothing need change",
    )


def of_loop(loop: Loop) -> Insight:
    """A delegation that went round in circles."""
    span = loop.span
    return Insight(
        kind=Kind.LOOP,
        text=f"{shown(span.agent_type)} repeated {_in_a_row(loop.tools)} {loop.times} times in a row",
        n=1,
        low=None,
        high=None,
        size=Size(usd=span.cost_usd, ms=span.duration_ms),
        span_ids=(span.span_id,),
        change="give the agent a way to know that it is done, or a turn limit",
    )


def of_repeated_failure(failure: RepeatedFailure) -> Insight:
    """A call that failed again and again."""
    calls = failure.calls
    return Insight(
        kind=Kind.FAILING_CALL,
        text=(
            f"{shown(calls[0].agent_type)} called {shown(failure.tool)} {len(calls)} times with the same input, "
            "and always failed"
        ),
        n=len(calls),
        low=None,
        high=None,
        size=Size(ms=sum_ms(calls)),
        span_ids=ids(calls),
        change="repair what the call needs, or tell the agent not to use it",
    )


_EDITED: Final = {
    Effect.HELPED: "keep it",
    Effect.HURT: "take it back, or look at the failures since",
    Effect.UNCLEAR: "judge more delegations: nothing is shown either way",
}


def of_edit(edit: Edit) -> Insight:
    """Whether the last edit of an agent helped."""
    size = abs(edit.success.value) * edit.verified[1]
    return Insight(
        kind=Kind.VERSION,
        text=(
            f"the last edit of {shown(edit.agent_type)} {_effect(edit.effect)}: success {points(edit.success.value)} "
            f"[{points(edit.success.low)}, {points(edit.success.high)}] on tasks alike "
            f"({edit.verified[0]} verified before, {edit.verified[1]} since)"
        ),
        n=sum(edit.verified),
        low=edit.success.low,
        high=edit.success.high,
        size=Size(failures=None if edit.effect is Effect.UNCLEAR else size),
        span_ids=ids(edit.spans[::-1]),
        change=_EDITED[edit.effect],
    )


def _in_a_row(tools: Sequence[str]) -> str:
    return " > ".join(map(shown, tools))


def _effect(effect: Effect) -> str:
    return "shows no clear effect" if effect is Effect.UNCLEAR else effect.value
