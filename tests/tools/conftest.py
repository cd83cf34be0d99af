"""A server over each test's own store, asked through a real client in memory, in both eras of the protocol."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from mcp.server.mcpserver import MCPServer

from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.advising import Advising
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


class Stage:
    """A server that is built once, for describing its tools takes longer than most tests; each brings its services."""

    services: Services

    def __init__(self) -> None:
        parts = {field.name: _Part(self, field.name) for field in fields(Services)}
        self.server = build_server(Services(**cast("dict[str, Any]", parts)))


@dataclass(frozen=True)
class _Part:
    """Stands for one service of the test that runs."""

    stage: Stage
    part: str

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self.stage.services, self.part), name)


@pytest.fixture(scope="session")
def stage() -> Stage:
    return Stage()


@pytest.fixture
def server(stage: Stage, store: Store, tmp_path: Path) -> Iterator[MCPServer[Any]]:
    keep = TextKeeper(lambda text: text.replace("hunter2", "[redacted]"), guess=TypeGuesser())
    reporting = Reporting(store, session_id="session-of-the-process", clock=lambda: NOW)
    stage.services = Services(
        recording=Recording(store, keep, session_id="session-of-the-process", clock=lambda: NOW),
        reporting=reporting,
        crediting=Crediting(store, reporting.present, clock=lambda: NOW),
        reviewing=Reviewing(store, reporting.present, reporting.asking, BUDGETS, clock=lambda: NOW),
        advising=Advising(store, reporting.present, keep, config=tmp_path, clock=lambda: NOW),
        capturing=telling.capturing(store),
    )
    yield stage.server
    # Whatever still runs must not reach the store of the next test.
    del stage.services


@pytest.fixture(params=["auto", "legacy"], ids=["modern era", "handshake era"])
async def client(server: MCPServer[Any], request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(server, mode=cast("Any", request.param)) as connected:
        yield connected


@pytest.fixture
def ask(client: Client) -> Ask:
    return Ask(client)
