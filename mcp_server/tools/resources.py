"""Resources: what a client can read without calling a tool."""

import json
from typing import TYPE_CHECKING, Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError

from mcp_server.service.errors import UnknownId
from mcp_server.service.reporting import Reporting

if TYPE_CHECKING:
    from mcp_server.service.advising import Advising

_JSON: Final = "application/json"


def register(server: MCPServer[Any], reporting: Reporting, advising: "Advising") -> None:
    """Add the resources to a server."""

    @server.resource("delegation://sessions", title="Recent sessions", mime_type=_JSON)
    async def sessions() -> str:
        """The latest fifty sessions with their delegations and cost."""
        return _text(await reporting.sessions())

    @server.resource("delegation://stats", title="Delegation statistics", mime_type=_JSON)
    async def stats() -> str:
        """All delegations by agent type and model."""
        return _text(await reporting.stats())

    @server.resource("delegation://routing", title="Who should do what", mime_type=_JSON)
    async def routing() -> str:
        """What is advised for each type of task, with how much is known."""
        return _text(await advising.table())

    @server.resource("delegation://session/{session_id}", title="Course of a session", mime_type=_JSON)
    async def session(session_id: str) -> str:
        """One session as a tree, with the heads of texts."""
        try:
            return _text(await reporting.trajectory(session_id))
        except UnknownId as error:
            raise ResourceNotFoundError(str(error)) from error

    @server.resource("delegation://span/{span_id}", title="One span", mime_type=_JSON)
    async def span(span_id: str) -> str:
        """One span with every field and all judgements of it."""
        try:
            return _text(await reporting.span(span_id))
        except UnknownId as error:
            raise ResourceNotFoundError(str(error)) from error


def _text(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
