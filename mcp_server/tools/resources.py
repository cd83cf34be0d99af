"""Resources: what a client can read without calling a tool."""

import json
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from mcp_server.service.errors import ServiceError, UnknownId
from mcp_server.service.reporting import Reporting
from storage.errors import StoreError

if TYPE_CHECKING:
    from mcp_server.service.advising import Advising

_JSON: Final = "application/json"


def register(server: MCPServer[Any], reporting: Reporting, advising: "Advising") -> None:
    """Add the resources to a server."""

    @server.resource("delegation://sessions", title="Recent sessions", mime_type=_JSON)
    async def sessions() -> str:
        """The latest fifty sessions with their delegations and cost."""
        return await _text(reporting.sessions())

    @server.resource("delegation://stats", title="Delegation statistics", mime_type=_JSON)
    async def stats() -> str:
        """All delegations by agent type and model."""
        return await _text(reporting.stats())

    @server.resource("delegation://routing", title="Who should do what", mime_type=_JSON)
    async def routing() -> str:
        """What is advised for each type of task, with how much is known."""
        return await _text(advising.table())

    @server.resource("delegation://session/{session_id}", title="Course of a session", mime_type=_JSON)
    async def session(session_id: str) -> str:
        """One session as a tree, with the heads of texts."""
        return await _text(reporting.trajectory(session_id))

    @server.resource("delegation://span/{span_id}", title="One span", mime_type=_JSON)
    async def span(span_id: str) -> str:
        """One span with every field and all judgements of it."""
        return await _text(reporting.span(span_id))


async def _text(asked: Awaitable[dict[str, Any]]) -> str:
    """The answer as JSON; what cannot be answered is told in the words that tools use."""
    try:
        answer = await asked
    except UnknownId as error:
        raise ResourceNotFoundError(str(error)) from error
    except (ServiceError, StoreError) as error:
        raise ResourceError(str(error)) from error
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
