"""The tool that says what to change."""

from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from mcp_server.service.fitting import DEFAULT_CHARS
from mcp_server.service.shapes import InsightKind
from mcp_server.tools.parameters import AgentMatch, Cursor, MaxChars, Since, Until
from mcp_server.tools.strict import READS, strict_tool

if TYPE_CHECKING:
    from mcp_server.service.reviewing import Reviewing


def tools(reviewing: "Reviewing") -> list[Tool]:
    """The tools of this set."""

    async def get_insights(
        *,
        kind: Annotated[InsightKind | None, Field(description="Only such findings")] = None,
        since: Since = None,
        until: Until = None,
        agent_match: AgentMatch = None,
        watch: Annotated[bool, Field(description="Also drifts that are far from sure")] = False,
        cursor: Cursor = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Find what to change in how work is delegated: cheaper models that do as well, bottlenecks, waste, drift...

        Largest first, each with evidence (n, 90 % interval, span ids), size and the change it suggests; the last 30
        days unless since is given. Anomalies are notices, not verdicts. Not for figures: use get_stats.
        """
        return await reviewing.insights(
            kind,
            since=since,
            until=until,
            agent_match=agent_match,
            watch=watch,
            cursor=cursor,
            limit=limit,
            max_chars=max_chars,
        )

    return [
        strict_tool(
            get_insights,
            title="Insights",
            annotations=READS,
            required=["insights", "returned", "total", "next_cursor", "looked_at", "left_out"],
        )
    ]
