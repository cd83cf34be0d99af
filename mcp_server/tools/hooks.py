"""The tool by which a client's hooks tell what happens, where they can call one."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from mcp_server.service.errors import BadArgument
from mcp_server.tools.strict import WRITES, strict_tool

if TYPE_CHECKING:
    from mcp_server.service.capturing import Capturing

_TEXT_LIMIT: Final = 4_000_000
_KEYS_LIMIT: Final = 200


def tools(capturing: "Capturing") -> list[Tool]:
    """The tools of this set."""

    async def record_claude_code_event(
        event: Annotated[
            Annotated[dict[str, Any], Field(max_length=_KEYS_LIMIT)] | Annotated[str, Field(max_length=_TEXT_LIMIT)],
            Field(description="The JSON object that Claude Code hands to a hook, as it is, or as text"),
        ],
    ) -> dict[str, Any]:
        """Take in one hook event of Claude Code.

        Called by hooks. Returns an empty object; repeating an event changes nothing. Not for models: to record what you
        delegated in another client, use record_spans.
        """
        try:
            payload = json.loads(event) if isinstance(event, str) else event
        except (ValueError, RecursionError) as error:
            raise BadArgument("event", event, f"it is no JSON: {error}") from error
        if not isinstance(payload, dict):
            raise BadArgument("event", payload, "give the whole JSON object that the client hands to its hooks")
        await capturing.event(payload)
        return {}

    return [strict_tool(record_claude_code_event, title="Take in a hook event", annotations=WRITES, required=[])]
