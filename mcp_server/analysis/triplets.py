"""Rows to train on: what an agent was shown, what it answered, and how that was judged.

One row is a `Transition`, one answer of a model, or an `Episode`, all answers of one agent run together. A transition
has what Agent Lightning calls a triplet: `prompt`, `response`, `reward`; the rest is its metadata. Unlike there, prompt
and response are messages, an unknown reward stays null, and each row names the policy by which it got its reward.

Texts that must be loaded: task, output and error of agent runs and of all their calls.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Final

from mcp_server.analysis.agent_runs import AGENT_RUNS, homes
from mcp_server.analysis.trees import place
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind

_CUT: Final = re.compile(r"…\[\+\d+ chars\]\s*$")


class RewardPolicy(StrEnum):
    """Which answers get a reward. A reward of the answer's own span always comes first."""

    LAST = "last"
    """That of the agent run goes to its last answer."""
    EVERY = "every"
    """That of the agent run goes to each of its answers."""
    SESSION = "session"
    """That of the whole session goes to each answer of every agent."""


class Role(StrEnum):
    """Who says a message."""

    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that an answer called."""

    tool_use_id: str
    name: str
    arguments: str
    """As JSON, where it was kept."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str
    tool_calls: Sequence[ToolUse] = ()
    tool_use_id: str | None = None
    """Of a tool's message, the call that it answers."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The reward of a row, and where it is from."""

    reward: float | None
    """In [0, 1]; None where nobody judged."""
    source: RewardSource | None
    policy: RewardPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One answer of a model."""

    session_id: str
    agent_span_id: str
    span_id: str
    """The call; the agent run itself, where no call of it is known."""
    agent_type: str
    model: str | None
    position: int
    """Of the answer within its run, from 0."""
    prompt: Sequence[Message]
    """The task and all earlier messages, as stored."""
    response: Message
    judged: Judged
    partial: bool
    """Whether something that the model was shown is missing or cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """All answers of one agent run as one conversation."""

    session_id: str
    agent_span_id: str
    agent_type: str
    model: str | None
    messages: Sequence[Message]
    """The assistant's ones are what is trained on."""
    judged: Judged
    """Of the last answer."""
    partial: bool


@dataclass(slots=True)
class _Run:
    """An agent run and the calls that are its own, by start."""

    span: Span
    answers: list[Span] = field(default_factory=list)
    tools: list[Span] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Turn:
    """An answer, and what the tools it called said then."""

    call: Span
    response: Message
    results: Sequence[Message]
    is_complete: bool
    """Whether all of it was stored."""


def transitions(
    spans: Iterable[Span],
    *,
    receivers: frozenset[str] | None = None,
    givers: frozenset[str] | None = None,
    policy: RewardPolicy = RewardPolicy.LAST,
) -> Iterator[Transition]:
    """One row for each answer, by start of the run, then of the answer; the same for every order of the spans.

    An answer that no agent run is above was given to nobody's task and makes no row: repair the spans first where a
    trace may have lost parents.

    Args:
        spans: of one session, with calls and texts.
        receivers: ids of the spans that become rows, as from `agent_runs.selected`; all, where it is None.
        givers: ids of the spans whose rewards count, likewise.
        policy: which answers get the reward of their run or session. A keyword is no reward.
    """
    runs = _runs(spans)
    session = next((run.span for run in runs if run.span.kind is SpanKind.SESSION), None)
    for run in runs:
        turns = _turns(run)
        shown = [Message(Role.USER, run.span.task or "")]
        partial = not run.span.task or _is_cut(run.span.task) or len(run.tools) < (run.span.tool_call_count or 0)
        for position, turn in enumerate(turns):
            if receivers is None or turn.call.span_id in receivers:
                has_run_reward = policy is not RewardPolicy.LAST or position == len(turns) - 1
                wider = session if policy is RewardPolicy.SESSION else run.span
                yield Transition(
                    session_id=run.span.session_id,
                    agent_span_id=run.span.span_id,
                    span_id=turn.call.span_id,
                    agent_type=run.span.agent_type,
                    model=turn.call.model or run.span.model,
                    position=position,
                    prompt=tuple(shown),
                    response=turn.response,
                    judged=_judged([turn.call, wider if has_run_reward else None], givers, policy),
                    partial=partial,
                )
            shown += [turn.response, *turn.results]
            # What the user says later in a session is no span.
            partial = partial or not turn.is_complete or run.span.kind is SpanKind.SESSION


def episodes(rows: Iterable[Transition]) -> Iterator[Episode]:
    """The transitions of each agent run as one row, in the order of their first one.

    Args:
        rows: from `transitions`; those of one run follow each other.
    """
    for _, group in groupby(rows, key=lambda row: (row.session_id, row.agent_span_id)):
        *_, last = group
        yield Episode(
            session_id=last.session_id,
            agent_span_id=last.agent_span_id,
            agent_type=last.agent_type,
            model=last.model,
            messages=(*last.prompt, last.response),
            judged=last.judged,
            partial=last.partial,
        )


def _runs(spans: Iterable[Span]) -> list[_Run]:
    """Agent runs by start, with their own calls by start."""
    placed = place(spans)
    own_homes = homes(placed.spans, placed.parents)
    runs = {span.span_id: _Run(span) for span in placed.spans.values() if span.kind in AGENT_RUNS}
    for span in placed.spans.values():
        home = own_homes[span.span_id]
        if home is None or span.kind in AGENT_RUNS:
            continue
        (runs[home].answers if span.kind is SpanKind.LLM_CALL else runs[home].tools).append(span)
    return list(runs.values())


def _turns(run: _Run) -> list[_Turn]:
    """Each answer with the tools it called: those that began before the next answer did."""
    if not run.answers:
        # Of its calls nothing is known but how it ended.
        answer = Message(Role.ASSISTANT, run.span.output or "")
        return [_Turn(run.span, answer, (), is_complete=False)] if run.span.output else []
    turns: list[_Turn] = []
    tools = iter(run.tools)
    tool = next(tools, None)
    for place_, call in enumerate(run.answers):
        following = run.answers[place_ + 1].started_at if place_ + 1 < len(run.answers) else None
        called: list[Span] = []
        while tool is not None and (following is None or tool.started_at < following):
            called.append(tool)
            tool = next(tools, None)
        uses = [ToolUse(used.tool_use_id or used.span_id, used.name or "", used.task or "") for used in called]
        results = [
            Message(Role.TOOL, used.output or used.error or "", tool_use_id=used.tool_use_id or used.span_id)
            for used in sorted(called, key=lambda used: (used.ended_at or used.started_at, used.span_id))
        ]
        texts = [text for used in called for text in (used.task, used.output or used.error)]
        texts.append(call.output or ("" if called else None))
        complete = all(text is not None and not _is_cut(text) for text in texts)
        turns.append(_Turn(call, Message(Role.ASSISTANT, call.output or "", uses), results, complete))
    return turns


def _judged(spans: Iterable[Span | None], givers: frozenset[str] | None, policy: RewardPolicy) -> Judged:
    """The first reward of some spans, the nearest first."""
    for span in spans:
        if span is None or span.reward is None or span.reward_source is RewardSource.KEYWORD:
            continue
        if givers is None or span.span_id in givers:
            return Judged(span.reward, span.reward_source, policy)
    return Judged(None, None, policy)


def _is_cut(text: str) -> bool:
    return _CUT.search(text) is not None
