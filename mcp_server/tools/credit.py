"""The tool that says which delegation mattered, and which one broke it."""

from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver.tools import Tool

from mcp_server.service.fitting import DEFAULT_CHARS
from mcp_server.tools.parameters import AgentMatch, MaxChars, Since, Until, Word
from mcp_server.tools.strict import READS, strict_tool

if TYPE_CHECKING:
    from mcp_server.service.crediting import Crediting


def tools(crediting: "Crediting") -> list[Tool]:
    """The tools of this set."""

    async def get_credit(
        *,
        session_id: Word = None,
        since: Since = None,
        until: Until = None,
        agent_match: AgentMatch = None,
        max_chars: MaxChars = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Say which delegation of a session mattered and which one broke it, with reasons.

        With session_id (`current` for this session): shares of credit and blame, the three likeliest root causes, the
        bottleneck. Without: net credit by agent and model over the latest sessions, with intervals. No sign is given
        while nobody has judged the session: record_reward does. Not for what happened: use get_trajectory.
        """
        if session_id is None:
            return await crediting.arms(since=since, until=until, agent_match=agent_match, max_chars=max_chars)
        return await crediting.session(None if session_id == "current" else session_id, max_chars=max_chars)

    return [strict_tool(get_credit, title="Credit and blame", annotations=READS, required=["returned", "total"])]
