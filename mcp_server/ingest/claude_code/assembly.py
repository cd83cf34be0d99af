"""From the memories of a session's transcripts to its spans: the main agent's run and every delegation. Pure."""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

from mcp_server.ingest.claude_code import agent_calls, endings
from mcp_server.ingest.claude_code.aliases import ALIASES, REQUESTED
from mcp_server.ingest.claude_code.call_spans import client_name
from mcp_server.ingest.claude_code.copies import WORKFLOW_FRAME
from mcp_server.ingest.claude_code.endings import Ending, Life
from mcp_server.ingest.claude_code.identity import delegation_span_id, session_span_id
from mcp_server.ingest.claude_code.joining import Agent, Launch, SessionView
from mcp_server.ingest.claude_code.memory import Call, Last, Memory, ToolState
from mcp_server.ingest.pricing import bare
from mcp_server.ingest.times import time_of
from storage.fields import TOOL_SEQUENCE_LIMIT
from storage.records import Reward, Span
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status

MAIN: Final = "main"
_FULL_MODEL_ID: Final = re.compile(r"-\d")  # an alias such as `haiku` has no version

VersionOf = Callable[[str, str | None, datetime], str | None]
"""(agent type, project, start of its run) -> hash of the agent's definition, where that is still known."""
LifeAt = Callable[[Memory | None], Life]
"""What is known of the session from the moment on at which a run's transcript ends."""


@dataclass(slots=True)
class Assembled:
    """The spans of a session's agents, and what they say about outcomes."""

    spans: list[Span] = field(default_factory=list)
    rewards: list[Reward] = field(default_factory=list)


def assemble(view: SessionView, life: LifeAt, version_of: VersionOf) -> Assembled:
    """Spans of the main agent and of every delegation, from all that is known now."""
    assembled = Assembled()
    agents = [agent_id for agent_id in view.agents if not view.is_warm_up(agent_id)]
    for agent_id in (*agents, *view.without_transcript()):
        run = view.agents[agent_id].memory if agent_id in view.agents else None
        session = life(run)
        span = _delegation(view, agent_id, session, version_of)
        if span is not None:
            assembled.spans.append(span)
            assembled.rewards += _rewards(span, run, session)
    if view.main is not None and view.main.first_us is not None:
        assembled.spans.append(_session(view, view.main, life(view.main)))
    return assembled


def _delegation(view: SessionView, agent_id: str, session: Life, version_of: VersionOf) -> Span | None:
    agent, launch, notice = view.agents.get(agent_id), view.launch(agent_id), view.notice(agent_id)
    call = launch.call if launch else None
    run = agent.memory if agent else None
    started_us = (run.first_us if run else None) or (call.at_us if call else None)
    if not started_us:
        return None  # a span is timed
    around = view.around(agent_id, session)
    end = endings.ending(run, around) if run is not None else endings.ending_without_transcript(around)
    told_us = ((call.answered_us if call else None) or 0, notice.at_us if notice else 0)
    last_us = run.last_us if run is not None else max(told_us)
    ended_us = None if end.status is Status.RUNNING else max(started_us, last_us or 0)
    agent_type, parent = view.agent_type(agent_id).name, view.parent(agent_id)
    task_type, _, complexity = (call.label or "").rpartition("/") if call else ("", "", "")
    guess = (call.guess if call else None) or (run.guess if run else None)
    started_at = time_of(started_us)
    evidence_us, evidence_count = view.evidence(agent_id)
    return Span(
        span_id=delegation_span_id(view.session_id, agent_id),
        session_id=view.session_id,
        parent_span_id=session_span_id(view.session_id)
        if parent is None
        else delegation_span_id(view.session_id, parent),
        kind=SpanKind.DELEGATION,
        name=_name(agent, call),
        agent_type=agent_type,
        agent_id=agent_id,
        tool_use_id=launch.tool_use_id if launch and launch.call.tool != agent_calls.COMMAND else None,
        agent_version=version_of(agent_type, view.project.name, started_at),
        model=_model(agent, call),
        effort=run.effort if run else None,
        client=client_name((run.client_version if run else None) or (view.main.client_version if view.main else None)),
        project=view.project.name,
        branch=_branch(agent, call),
        task=_task(agent, call, agent_type),
        task_type=task_type or None,
        complexity=Level(complexity) if complexity else None,
        **(guess._asdict() if guess and not task_type else {}),
        output=_output(run, call, end),
        status=end.status,
        started_at=started_at,
        ended_at=None if ended_us is None else time_of(ended_us),
        duration_ms=None if ended_us is None else _duration(view, agent_id, ended_us - started_us),
        error=end.error,
        attributes=_attributes(view, agent_id, agent, launch),
        source=Source.CAPTURED,
        observed_at=time_of(max(evidence_us, started_us) + evidence_count),
        **(_sums(run) if run else {}),
    )


def _rewards(span: Span, run: Memory | None, session: Life) -> list[Reward]:
    """Half of a success for what had delivered something before it was cut off, once it cannot go on any more."""
    if span.error != endings.MAX_TURNS or run is None or not run.delivered or session is Life.GOES_ON:
        return []
    return [
        Reward(
            reward_id=f"{span.span_id}:{endings.MAX_TURNS}",
            span_id=span.span_id,
            value=0.5,
            source=RewardSource.STRUCTURE,
            reason=f"{endings.MAX_TURNS}: it had delivered text before it reached its turn limit",
            given_at=span.started_at,  # the only time of it that stays the same whatever is read later
        )
    ]


def _session(view: SessionView, main: Memory, session: Life) -> Span:
    first_us = main.first_us or 0
    last_us = max(first_us, main.last_us or 0)
    end = _session_ending(main, session)
    warm_ups = [agent.memory for agent_id, agent in view.agents.items() if view.is_warm_up(agent_id)]
    attributes: dict[str, JsonValue] = {"output_tokens_are_lower_bound": not main.output_is_exact()}
    if main.client_cost_usd is not None:
        attributes["client_cost_usd"] = main.client_cost_usd
    if warm_ups:
        attributes["warm_up_agents"] = len(warm_ups)
        attributes["warm_up_tokens"] = sum(sum(memory.usage()) for memory in warm_ups)
    return Span(
        span_id=session_span_id(view.session_id),
        session_id=view.session_id,
        kind=SpanKind.SESSION,
        agent_type=MAIN,
        model=main.model(),
        effort=main.effort,
        client=client_name(main.client_version),
        project=view.project.name,
        branch=main.branch,
        task=main.prompt,
        output=main.last_text if end.status is Status.OK else None,
        status=end.status,
        error=end.error,
        started_at=time_of(first_us),
        ended_at=None if end.status is Status.RUNNING else time_of(last_us),
        attributes=attributes,
        source=Source.CAPTURED,
        observed_at=time_of(last_us + main.lines + sum(memory.lines for memory in warm_ups)),
        **_sums(main),
    )


def _session_ending(main: Memory, session: Life) -> Ending:
    match main.last:
        case Last.TEXT:
            return Ending(Status.OK)
        case Last.API_ERROR:
            return endings.api_error(main)
        case Last.INTERRUPTED:
            return Ending(Status.CANCELLED, endings.INTERRUPTED)
        case Last.MAX_TURNS:
            return Ending(Status.ERROR, endings.MAX_TURNS)
    return Ending(Status.RUNNING) if session is Life.GOES_ON else Ending(Status.LOST, endings.SESSION_ENDED)


def _sums(memory: Memory) -> dict[str, Any]:
    tools = list(memory.tools.values())
    return {
        **memory.usage()._asdict(),
        "cost_usd": memory.cost_usd(),
        "tool_sequence": tuple(tool.name for tool in tools[:TOOL_SEQUENCE_LIMIT]),
        "tool_call_count": len(tools),
        "tool_error_count": sum(tool.state is ToolState.ERROR for tool in tools),
    }


def _name(agent: Agent | None, call: Call | None) -> str | None:
    told = agent.description.name if agent and agent.description else None
    return (call.description if call else None) or told


def _branch(agent: Agent | None, call: Call | None) -> str | None:
    of_worktree = (call.branch if call else None) or (agent.description.branch if agent and agent.description else None)
    return of_worktree or (agent.memory.branch if agent else None)


def _model(agent: Agent | None, call: Call | None) -> str | None:
    if agent is not None and (answered := agent.memory.model()) is not None:
        return answered
    if call is not None and call.model is not None:
        return call.model
    told = agent.description.model if agent and agent.description else None
    return bare(told) if told and _FULL_MODEL_ID.search(told) else None


def _task(agent: Agent | None, call: Call | None, agent_type: str) -> str | None:
    if call is not None and call.ran_prompt is not None:
        return call.ran_prompt
    own = agent.memory.prompt if agent else None
    if call is not None and call.prompt is not None and (own is None or agent_type == agent_calls.FORK):
        return call.prompt
    if own is not None and agent is not None and agent.run_id is not None:
        _, frame, task = own.partition(WORKFLOW_FRAME)
        return textwrap.dedent(task.strip("\n")) if frame else own
    return own


def _output(run: Memory | None, call: Call | None, end: Ending) -> str | None:
    if end.status is not Status.OK:
        return None
    if run is not None and run.last is Last.TEXT:
        return run.last_text
    return call.report if call is not None else None


def _duration(view: SessionView, agent_id: str, lines_us: int) -> int:
    """Milliseconds: as the client states them for one run, else from first to last line."""
    agent, launch, notice = view.agents.get(agent_id), view.launch(agent_id), view.notice(agent_id)
    if not view.resumptions(agent_id):
        stated = (
            launch.call.duration_ms if launch else None,
            notice.duration_ms if notice else None,
            agent.run_duration_ms if agent else None,
        )
        for duration_ms in stated:
            if duration_ms is not None:
                return duration_ms
    return lines_us // 1000


def _attributes(view: SessionView, agent_id: str, agent: Agent | None, launch: Launch | None) -> dict[str, JsonValue]:
    """What has no field. What may become untrue when more is known is always told; the rest only where it is so."""
    call, description = launch.call if launch else None, agent.description if agent else None
    requested, resumptions = call.agent_type if call else None, view.resumptions(agent_id)
    worktree = (call.worktree if call else None) or (description.worktree if description else None)
    found: dict[str, JsonValue] = {
        "launched_by": agent_calls.WORKFLOW if agent and agent.run_id else call.tool if call else None,
        "background": _is_background(agent, call) or None,
        "requested_agent_type": requested if requested != view.agent_type(agent_id).name else None,
        REQUESTED: _requested_model(agent, call),
        "runs": resumptions + 1 if resumptions else None,
        "spawn_depth": description.spawn_depth if description else None,
        "worktree": worktree,
        "workflow_run_id": agent.run_id if agent else None,
        **(_counts(agent.memory) if agent else {}),
    }
    return {key: value for key, value in found.items() if value is not None}


def _requested_model(agent: Agent | None, call: Call | None) -> str | None:
    """The alias that a model was asked for by, in the call or by a hook that changed it."""
    told = agent.description.model if agent and agent.description else None
    return told if told in ALIASES else call.requested_model if call else None


def _counts(memory: Memory) -> dict[str, JsonValue]:
    states = [tool.state for tool in memory.tools.values()]
    models = list(dict.fromkeys(message.model for message in memory.messages.values()))
    return {
        "llm_call_count": len(memory.messages),
        "models": list[JsonValue](models) if len(models) > 1 else None,
        "tool_denied_count": states.count(ToolState.DENIED) or None,
        "tool_unanswered_count": states.count(ToolState.OPEN),
        "output_tokens_are_lower_bound": not memory.output_is_exact(),
    }


def _is_background(agent: Agent | None, call: Call | None) -> bool:
    described = agent is not None and agent.description is not None and agent.description.is_background
    return described or (call is not None and call.status == agent_calls.LAUNCHED)
