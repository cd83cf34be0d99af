"""Asking a tool, and holding it to what every answer promises."""

import json
from typing import Any

from mcp import Client
from mcp.types import TextContent


class Ask:
    """Calls tools; what comes back is checked for what holds for all of them."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a call that works."""
        result = await self.client.call_tool(tool, arguments)
        content = result.content[0]
        assert isinstance(content, TextContent)
        assert not result.is_error, content.text
        assert isinstance(result.structured_content, dict)
        assert json.loads(content.text) == result.structured_content, "text and structure say the same"
        assert len(content.text) <= arguments.get("max_chars", 24_000)
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """The complaint about a call that does not work."""
        result = await self.client.call_tool(tool, arguments)
        content = result.content[0]
        assert isinstance(content, TextContent)
        assert result.is_error, content.text
        assert "Traceback" not in content.text
        assert "pydantic" not in content.text
        return content.text
