"""A server over a store of its own, asked through a real client in memory, in both eras of the protocol."""

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.crediting import Crediting
from mcp_server.service.guessing import TypeGuesser
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from mcp_server.settings import Budget
from storage.store import Store
from tests.claude_code import telling
from tests.factories import at
from tests.tools.asking import Ask

NOW = at(3600)
BUDGETS = (Budget(usd=1000), Budget(usd=50, agent_type="Plan"), Budget(usd=90, per="delegation"))


@pytest.fixture
def server(store: Store) -> MCPServer[Any]:
    keep = TextKeeper(lambda text: text.replace("hunter2", "[redacted]"), guess=TypeGuesser())
    reporting = Reporting(store, session_id="session-of-the-process", clock=lambda: NOW)
    return build_server(
        Services(
            recording=Recording(store, keep, session_id="session-of-the-process", clock=lambda: NOW),
            reporting=reporting,
            crediting=Crediting(store, reporting.present, clock=lambda: NOW),
            reviewing=Reviewing(store, reporting.present, reporting.asking, BUDGETS, clock=lambda: NOW),
            capturing=telling.capturing(store),
        )
    )


@pytest.fixture(params=["auto", "legacy"], ids=["modern era", "handshake era"])
async def client(server: MCPServer[Any], request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(server, mode=cast("Any", request.param)) as connected:
        yield connected


@pytest.fixture
def ask(client: Client) -> Ask:
    return Ask(client)
