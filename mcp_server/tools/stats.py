"""The tool that sums delegations up."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from mcp_server.service.fitting import DEFAULT_CHARS
from mcp_server.service.reporting import Reporting
from mcp_server.tools.parameters import AgentMatch, AgentMode, Cursor, MaxChars, Project, Since, Until
from mcp_server.tools.strict import READS, strict_tool
from storage.queries import Dimension

GroupBy = Literal["agent_type", "model", "task_type", "project", "agent_version", "complexity", "day", "week"]


def tools(reporting: Reporting) -> list[Tool]:
    """The tools of this set."""

    async def get_stats(
        *,
        group_by: Annotated[
            list[GroupBy] | None, Field(max_length=8, description="Default: agent_type and model; [] sums up all")
        ] = None,
        agent_match: AgentMatch = None,
        agent_mode: AgentMode = "nearest",
        project: Project = None,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
        limit: Annotated[int, Field(ge=1, le=500)] = 50,
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Sum up delegations by agent, model, project, day and so on: counts, success, cost, tokens, durations.

        success: share among judged delegations (verified_n) with its 90 % interval; null (not enough data) below 5,
        shrunken below 30. Costs are sums of those known (priced_n of n); null is unknown. trend: change since the
        window before, where since is given. Not for single delegations: use search_delegations.
        """
        chosen = ("agent_type", "model") if group_by is None else group_by
        return await reporting.stats(
            [Dimension(one) for one in chosen],
            agent_match=agent_match,
            agent_mode=agent_mode,
            project=project,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
            max_chars=max_chars,
        )

    return [
        strict_tool(
            get_stats,
            title="Delegation statistics",
            annotations=READS,
            required=["groups", "totals", "compared_with", "returned", "total", "next_cursor"],
        )
    ]
