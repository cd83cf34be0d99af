"""Tools that show sessions and find delegations."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from mcp_server.service.fitting import DEFAULT_CHARS
from mcp_server.service.reporting import Reporting
from mcp_server.tools.parameters import (
    AgentMatch,
    AgentMode,
    Cursor,
    MaxChars,
    Outcome,
    Project,
    SessionId,
    Since,
    Status,
    Until,
    Word,
)
from mcp_server.tools.strict import READS, strict_tool
from storage import vocabulary


def tools(reporting: Reporting) -> list[Tool]:
    """The tools of this set."""

    async def get_trajectory(
        *,
        session_id: SessionId = None,
        detail: Annotated[
            Literal["skeleton", "summary", "full"],
            Field(description="Figures; figures and heads of texts; every field, calls of models and tools too"),
        ] = "summary",
        kinds: Annotated[
            list[Literal["session", "delegation", "llm_call", "tool_call"]] | None,
            Field(min_length=1, max_length=4, description="Only these kinds of span"),
        ] = None,
        agent_match: AgentMatch = None,
        agent_mode: AgentMode = "nearest",
        cursor: Cursor = None,
        limit: Annotated[int, Field(ge=1, le=1000)] = 200,
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Show what one session delegated, as a tree: agent, model, status, outcome, own and subtree cost, duration.

        Spans come parents before children, siblings by start; totals are of the whole session. outcome_source says what
        an outcome rests on, critical_ms for how long the whole session waited for that run. Not for finding delegations
        over many sessions: use search_delegations. Not for sums: use get_stats.
        """
        return await reporting.trajectory(
            session_id,
            detail=detail,
            kinds=[vocabulary.SpanKind(kind) for kind in kinds] if kinds else None,
            agent_match=agent_match,
            agent_mode=agent_mode,
            cursor=cursor,
            limit=limit,
            max_chars=max_chars,
        )

    async def search_delegations(
        *,
        words: Annotated[
            str | None, Field(max_length=2000, description="Words that all occur in the task or the output")
        ] = None,
        similar_to: Annotated[
            str | None, Field(min_length=1, max_length=20_000, description="A task: the most similar ones first")
        ] = None,
        agent_type: Word = None,
        agent_match: AgentMatch = None,
        model: Word = None,
        task_type: Word = None,
        outcome: Outcome | None = None,
        status: Status | None = None,
        project: Project = None,
        since: Since = None,
        until: Until = None,
        min_cost_usd: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None,
        cursor: Cursor = None,
        limit: Annotated[int, Field(ge=1, le=200)] = 20,
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Find past delegations by words, similar task, agent, model, outcome, project, time or cost, newest first.

        All conditions must hold. Returns each with its session, task, result and figures; verdicts_wanted names those
        of which the user's or your own checked verdict (record_reward) would teach most. Not for the course of one
        session: use get_trajectory. Not for counts and rates: use get_stats.
        """
        return await reporting.search(
            words,
            similar_to=similar_to,
            agent_type=agent_type,
            agent_match=agent_match,
            model=model,
            task_type=task_type,
            outcome=vocabulary.Outcome(outcome) if outcome else None,
            status=vocabulary.Status(status) if status else None,
            project=project,
            since=since,
            until=until,
            min_cost_usd=min_cost_usd,
            cursor=cursor,
            limit=limit,
            max_chars=max_chars,
        )

    return [
        strict_tool(
            get_trajectory,
            title="Course of a session",
            annotations=READS,
            required=["session_id", "spans", "totals", "repairs", "returned", "total", "next_cursor"],
        ),
        strict_tool(
            search_delegations,
            title="Find delegations",
            annotations=READS,
            required=["delegations", "returned", "total", "next_cursor", "verdicts_wanted"],
        ),
    ]
