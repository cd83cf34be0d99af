"""The tool by which hooks tell what happens, and what it changes in the answers of the others."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client

from mcp_server.server import Services, build_server
from mcp_server.service.advising import Advising
from mcp_server.service.capturing import Capturing
from mcp_server.service.crediting import Crediting
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from storage.errors import StoreReadOnly
from storage.queries import Batch
from storage.store import Store
from storage.vocabulary import SpanKind
from tests.claude_code import captured, telling
from tests.factories import a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio

TOOL: Final = "record_claude_code_event"
CLIENT: Final = 4711
EVENTS: Final = telling.told("success")
SESSION: Final = EVENTS[0].payload["session_id"]
(DELEGATION,) = captured.expected("success")["sessions"][0]["delegations"]


@pytest.fixture
def clock() -> telling.Clock:
    return telling.Clock(at(0))


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def capturing(store: Store, clock: telling.Clock, spool: Path) -> Capturing:
    return telling.capturing(store, [spool], clock=clock, process_ids=[CLIENT, 1])


@pytest.fixture
async def ask(store: Store, capturing: Capturing) -> AsyncIterator[Ask]:
    reporting = Reporting(store, session_id="session-of-the-start", feed=capturing)
    server = build_server(
        Services(
            recording=Recording(store, captured.VERBATIM, session_id="session-of-the-start", feed=capturing),
            reporting=reporting,
            crediting=Crediting(store, reporting.present),
            reviewing=Reviewing(store, reporting.present, reporting.asking),
            advising=Advising(store, reporting.present, captured.VERBATIM, config=Path("/nowhere")),
            capturing=capturing,
        )
    )
    async with Client(server) as client:
        yield Ask(client)


def _inner_as_text(payload: dict[str, Any]) -> dict[str, Any]:
    """As a hook passes it that can only pass text."""
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in payload.items()}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda payload: payload, id="as an object"),
        pytest.param(json.dumps, id="as text"),
        pytest.param(_inner_as_text, id="inner objects as text"),
        pytest.param(lambda payload: json.dumps(_inner_as_text(payload)), id="all of it as text"),
    ],
)
async def test_an_event_is_understood_in_every_form(
    given: Callable[[dict[str, Any]], Any], ask: Ask, clock: telling.Clock
) -> None:
    for event in EVENTS:
        clock.now = event.at
        assert await ask(TOOL, event=given(event.payload)) == {}
    (found,) = (await ask("get_trajectory", session_id=SESSION, kinds=["delegation"], detail="full"))["spans"]
    told = {name: found[name] for name in ("agent_id", "tool_use_id", "status", "task", "output")}
    assert told == {
        "agent_id": DELEGATION["agent_id"],
        "tool_use_id": DELEGATION["tool_use_id"],
        "status": "ok",
        "task": DELEGATION["prompt"],
        "output": DELEGATION["report"],
    }


async def test_repeating_an_event_changes_nothing(ask: Ask, store: Store, clock: telling.Clock) -> None:
    for _ in range(3):
        clock.now = at(clock.now.timestamp() - at(0).timestamp() + 1)
        await ask(TOOL, event=EVENTS[0].payload)
    assert len(await store.events(SESSION)) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param({"event": {"hook_event_name": "Stop"}}, "session_id is missing", id="no session"),
        pytest.param({"event": {"session_id": "s"}}, "hook_event_name is missing", id="no name"),
        pytest.param({"event": "{"}, "it is no JSON", id="no JSON"),
        pytest.param({"event": "[" * 100_000}, "it is no JSON", id="nested too deeply"),
        pytest.param({"event": "[1]"}, "whole JSON object", id="a list as text"),
        pytest.param({"event": [1]}, "event", id="a list"),
        pytest.param({"event": 7}, "event", id="a number"),
        pytest.param({}, "event is missing", id="nothing"),
        pytest.param({"event": {}, "session": "s"}, "no argument session", id="an unknown argument"),
    ],
)
async def test_what_cannot_be_used_is_refused_with_the_reason(
    arguments: dict[str, Any], reason: str, ask: Ask, store: Store
) -> None:
    assert reason in await ask.refused(TOOL, **arguments)
    assert await store.latest_event() is None


async def test_an_event_that_cannot_be_kept_is_refused_in_the_words_of_the_store(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: object) -> None:
        raise StoreReadOnly("telemetry.db")

    monkeypatch.setattr(store, "add", refuse)
    assert "give this user write access" in await ask.refused(TOOL, event=EVENTS[0].payload)


async def _a_session(store: Store, session_id: str) -> None:
    await store.add(Batch(spans=[a_span(session_id=session_id, kind=SpanKind.SESSION, agent_type="main")]))


def _began(session_id: str, source: str) -> dict[str, Any]:
    return {"session_id": session_id, "hook_event_name": "SessionStart", "source": source}


@pytest.mark.parametrize("source", ["resume", "clear"])
async def test_after_a_change_of_session_the_newest_one_of_the_client_that_asks_is_meant(
    source: str, ask: Ask, store: Store, capturing: Capturing, clock: telling.Clock
) -> None:
    for session_id in ("session-of-the-start", "next", "of-another-client"):
        await _a_session(store, session_id)
    assert (await ask("get_trajectory"))["session_id"] == "session-of-the-start"
    await capturing.event(_began("session-of-the-start", "startup"), process_id=CLIENT)
    clock.now = at(10)
    await capturing.event(_began("next", source), process_id=CLIENT)
    clock.now = at(20)
    await capturing.event(_began("of-another-client", "startup"), process_id=99)
    assert (await ask("get_trajectory"))["session_id"] == "next"
    clock.now = at(30)
    await capturing.event(_began("session-of-the-start", "resume"), process_id=CLIENT)
    assert (await ask("get_trajectory"))["session_id"] == "session-of-the-start"


async def test_what_is_stated_goes_to_the_session_that_the_client_is_in_by_now(ask: Ask, spool: Path) -> None:
    async def recorded(**stated: str) -> str:
        (result,) = (await ask("record_spans", spans=[{"agent_type": "Explore", **stated}]))["results"]
        session_id: str = result["session_id"]
        return session_id

    assert await recorded(task="before") == "session-of-the-start"
    telling.leave(spool, telling.Event(at(10), _began("next", "clear")), CLIENT)
    assert await recorded(task="after") == "next"
    assert await recorded(task="elsewhere", session_id="named") == "named"
    telling.leave(spool, telling.Event(at(20), _began("of-another-client", "startup")), 99)
    assert await recorded(task="still") == "next"


async def test_a_running_delegation_is_shown_while_it_runs(ask: Ask, clock: telling.Clock) -> None:
    seen: list[str] = []
    for event in EVENTS:
        clock.now = event.at
        await ask(TOOL, event=event.payload)
        spans = (await ask("get_trajectory", session_id=SESSION))["spans"]
        seen += [span["status"] for span in spans if span["kind"] == "delegation"]
    assert list(dict.fromkeys(seen)) == ["running", "ok"]
