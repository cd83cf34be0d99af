"""Which span a reward of a foreign trace judges, and by which rule that was decided.

A reward is given to an agent run, and within it to the model call that it follows. It is never passed on: one that
comes twice, judges nobody, or could judge several is reported, and no other span gets it instead.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mcp_server.analysis.agent_runs import AGENT_RUNS, homes
from mcp_server.analysis.trees import place
from storage.records import Span
from storage.vocabulary import SpanKind


class Rule(StrEnum):
    """Why a reward belongs to a span, strongest first."""

    TARGET = "target"
    """It names the span, the agent or the call that launched it."""
    SUBTREE = "subtree"
    """It lies below that agent run, and no other one is nearer."""
    SIBLING = "sibling"
    """It lies beside that agent run, which is the only agent there."""
    TIME = "time"
    """That agent run is the only one it can mean at its time."""


class Problem(StrEnum):
    """Why a reward was given to nobody, or to an agent but to none of its calls."""

    MALFORMED = "malformed"
    UNKNOWN_TARGET = "unknown_target"
    AMBIGUOUS = "ambiguous"
    EXCLUDED = "excluded"
    SURPLUS = "surplus"


@dataclass(frozen=True, slots=True)
class FoundReward:
    """A reward as it lies in a trace, before anybody knows what it judges."""

    reward_id: str
    value: object
    """A number in [0, 1], where it is well-formed."""
    given_at: datetime | None = None
    name: str = "overall"
    """The dimension that is judged."""
    target_id: str | None = None
    """A span, agent or tool-use id, where the trace names what is judged."""
    parent_span_id: str | None = None
    """The span that it lies below."""
    agent_type: str | None = None
    """The agent that is judged, where the trace names it."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a reward judges."""

    reward: FoundReward
    value: float
    span_id: str
    """The agent run, or any span that the reward names itself."""
    call_id: str | None
    """The model call that it follows; None where that is not certain, or where the call has such a reward already."""
    rule: Rule


@dataclass(frozen=True, slots=True)
class Reported:
    """A reward with which something is wrong."""

    reward: FoundReward
    problem: Problem
    reason: str
    span_id: str | None = None
    """Of a surplus one, the agent run that still holds it."""


@dataclass(frozen=True, slots=True)
class Matching:
    """Every reward is matched or reported; a surplus one is both."""

    matches: Sequence[Match]
    reported: Sequence[Reported]


class _Refused(Exception):
    def __init__(self, problem: Problem, reason: str) -> None:
        self.problem, self.reason = problem, reason


def match(
    spans: Iterable[Span],
    rewards: Iterable[FoundReward],
    *,
    receivers: frozenset[str] | None = None,
    givers: frozenset[str] | None = None,
    across_agents: bool = False,
) -> Matching:
    """Find what each reward judges; the same for every order of spans and rewards.

    Repair the spans first where a trace may have lost parents. No texts need to be loaded. Of two rewards of one name
    after one call the earlier is the call's; the later one stays with the agent run and is reported as surplus.

    Args:
        spans: of one session.
        rewards: of the same session.
        receivers: ids of the spans that may be judged, as from `agent_runs.selected`; all, where it is None.
        givers: ids of the agent runs whose rewards count; all, where it is None.
        across_agents: whether a reward that may mean several agents goes to the one that ended last before it.
    """
    trace = _Trace(spans)
    matches: list[Match] = []
    reported: list[Reported] = []
    taken: set[tuple[str, str]] = set()
    for reward in sorted(rewards, key=_order):
        try:
            value = _value(reward)
            span_id, rule = trace.judged(reward, across_agents=across_agents)
            _check(trace, span_id, receivers, givers)
        except _Refused as refused:
            reported.append(Reported(reward, refused.problem, refused.reason))
            continue
        call = trace.call_before(span_id, reward)
        if call is not None and (call, reward.name) in taken:
            reason = f"the call {call} has a reward named {reward.name} already; this one stays with {span_id}"
            reported.append(Reported(reward, Problem.SURPLUS, reason, span_id))
            call = None
        elif call is not None:
            taken.add((call, reward.name))
        matches.append(Match(reward, value, span_id, call, rule))
    return Matching(matches, reported)


def _order(reward: FoundReward) -> tuple[bool, float, str, str]:
    given_s = math.inf if reward.given_at is None else reward.given_at.timestamp()
    return reward.given_at is None, given_s, reward.reward_id, repr(reward)


def _value(reward: FoundReward) -> float:
    value = reward.value
    # A truth value may be a flag of something else: what it judges is not certain.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _Refused(Problem.MALFORMED, f"{str(value)[:80]!r} is no number from 0 to 1")
    return float(value)


def _check(trace: "_Trace", span_id: str, receivers: frozenset[str] | None, givers: frozenset[str] | None) -> None:
    owner = trace.run_of(span_id)
    if receivers is not None and span_id not in receivers:
        raise _Refused(Problem.EXCLUDED, f"it judges {span_id}, which is not among the selected spans")
    if givers is not None and owner not in givers:
        raise _Refused(Problem.EXCLUDED, f"it comes from {owner}, whose rewards are not wanted")


@dataclass(slots=True)
class _Calls:
    """The model calls of one agent run."""

    ends: list[tuple[datetime, datetime, str]] = field(default_factory=list)
    """End, start and id of the finished ones, by end."""
    starts: list[tuple[datetime, str]] = field(default_factory=list)


class _Trace:
    def __init__(self, spans: Iterable[Span]) -> None:
        placed = place(spans)
        self._spans = placed.spans
        self._homes = homes(placed.spans, placed.parents)
        self._runs = [span for span in placed.spans.values() if span.kind in AGENT_RUNS]
        self._named: dict[str, list[Span]] = {}
        for run in self._runs:
            for name in {run.agent_id, run.tool_use_id} - {None}:
                self._named.setdefault(str(name), []).append(run)
        self._beside: dict[str, list[Span]] = {}
        for run in self._runs:
            if run.parent_span_id is not None:
                self._beside.setdefault(run.parent_span_id, []).append(run)
        self._of_type: dict[str, list[Span]] = {}
        for run in self._runs:
            self._of_type.setdefault(run.agent_type, []).append(run)
        self._calls = self._calls_of_runs()

    def judged(self, reward: FoundReward, *, across_agents: bool) -> tuple[str, Rule]:
        """The span that a reward judges, and why."""
        if reward.target_id is not None:
            return self._target(reward, reward.target_id), Rule.TARGET
        nearest = None if reward.parent_span_id is None else self.run_of(reward.parent_span_id)
        if nearest is not None and reward.agent_type in (None, self._spans[nearest].agent_type):
            return nearest, Rule.SUBTREE
        beside = self._beside.get(reward.parent_span_id, []) if reward.parent_span_id is not None else []
        everywhere = self._runs if reward.agent_type is None else self._of_type.get(reward.agent_type, [])
        for runs, rule in ((beside, Rule.SIBLING), (everywhere, Rule.TIME)):
            meant = [run for run in runs if reward.agent_type in (None, run.agent_type)]
            if meant:
                return self._only(meant, reward, across_agents=across_agents), rule
        raise _Refused(Problem.AMBIGUOUS, "no agent run is known that it could judge")

    def run_of(self, span_id: str) -> str | None:
        """The agent run that a span is, or is nearest below."""
        if span_id not in self._spans:
            return None
        return span_id if self._spans[span_id].kind in AGENT_RUNS else self._homes[span_id]

    def call_before(self, span_id: str, reward: FoundReward) -> str | None:
        """The model call that a reward of a run follows; None while a later call of that run is under way."""
        for place_id in (reward.target_id, reward.parent_span_id):
            named = self._spans.get(place_id or "")
            if named is not None and named.kind is SpanKind.LLM_CALL:
                return named.span_id if self.run_of(named.span_id) == self.run_of(span_id) else None
        if span_id not in self._calls or reward.given_at is None:
            return None
        calls = self._calls[span_id]
        finished = bisect_right(calls.ends, reward.given_at, key=lambda call: call[0]) - 1
        begun = bisect_right(calls.starts, reward.given_at, key=lambda call: call[0]) - 1
        if finished < 0:
            return None
        _, start, call_id = calls.ends[finished]
        return call_id if calls.starts[begun][0] <= start else None

    def _target(self, reward: FoundReward, target_id: str) -> str:
        if target_id in self._spans:
            return target_id
        runs = self._named.get(target_id)
        if not runs:
            raise _Refused(Problem.UNKNOWN_TARGET, f"it judges {target_id}, which was never recorded")
        return self._last(runs, reward)

    def _only(self, runs: Sequence[Span], reward: FoundReward, *, across_agents: bool) -> str:
        if len(runs) == 1 or across_agents:
            return self._last(runs, reward)
        if len({run.agent_type for run in runs}) == 1 and reward.given_at is not None:
            running = [run for run in runs if run.started_at <= reward.given_at]
            is_open = [run for run in running if run.ended_at is None or run.ended_at > reward.given_at]
            if len(is_open) == 1:
                return is_open[0].span_id
            if running and not is_open:
                return self._last(runs, reward)
        raise _Refused(Problem.AMBIGUOUS, f"it may judge any of {len(runs)} agent runs; let the trace name one")

    def _last(self, runs: Sequence[Span], reward: FoundReward) -> str:
        """The run that ended last before the reward, else the one that began last before it, else the first."""
        at = reward.given_at
        ended = [(run.ended_at, run.span_id) for run in runs if at and run.ended_at and run.ended_at <= at]
        if ended:
            return max(ended)[1]
        begun = [(run.started_at, run.span_id) for run in runs if at is None or run.started_at <= at]
        return max(begun)[1] if begun else min((run.started_at, run.span_id) for run in runs)[1]

    def _calls_of_runs(self) -> dict[str, _Calls]:
        found: dict[str, _Calls] = {}
        for span in self._spans.values():
            home = self._homes[span.span_id]
            if span.kind is SpanKind.LLM_CALL and home is not None:
                calls = found.setdefault(home, _Calls())
                calls.starts.append((span.started_at, span.span_id))
                if span.ended_at is not None:
                    calls.ends.append((span.ended_at, span.started_at, span.span_id))
        for calls in found.values():
            calls.ends.sort()
            calls.starts.sort()
        return found
