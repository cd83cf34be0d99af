"""What hook events tell of a session of which there is no transcript."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id, session_span_id
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Source, SpanKind, Status
from tests.claude_code import captured, telling
from tests.claude_code.telling import Event

pytestmark = pytest.mark.anyio

# Ends of which no hook tells anything: the session is over, and what became of the agent stays unknown.
_UNTOLD: Final = {
    "api_error_529": "an API error fires neither SubagentStop nor PostToolUse",
    "sigint": "an interrupt fires nothing",
    "sigkill": "nor does a kill",
}


async def _delegations(store: Store) -> dict[str, Span]:
    spans = (await captured.every_span(store)).values()
    return {span.agent_id or span.span_id: span for span in spans if span.kind is SpanKind.DELEGATION}


def _expected(scenario: str) -> dict[str, dict[str, Any]]:
    return {
        one["agent_id"]: one | {"session_id": session["session_id"]}
        for session in captured.expected(scenario)["sessions"]
        for one in session["delegations"]
    }


@pytest.mark.parametrize("scenario", telling.SCENARIOS)
async def test_hooks_alone_tell_who_delegated_what_to_whom(scenario: str, store: Store, tmp_path: Path) -> None:
    telling.leave_all(tmp_path / "spool", telling.told(scenario))
    await telling.capturing(store, [tmp_path / "spool"]).catch_up()
    found, wanted = await _delegations(store), _expected(scenario)
    assert found.keys() == wanted.keys()
    for agent_id, one in wanted.items():
        span, parent = found[agent_id], one["parent_agent_id"]
        assert (span.session_id, span.agent_type) == (one["session_id"], one["agent_type"])
        assert span.tool_use_id == one["tool_use_id"] or scenario in _UNTOLD
        assert span.parent_span_id == (
            session_span_id(span.session_id) if parent is None else delegation_span_id(span.session_id, parent)
        )
        status = Status.LOST if scenario in _UNTOLD else one["status"]
        assert (span.status, span.output) == (status, one["report"])
        assert span.source is Source.HOOK
        assert (span.input_tokens, span.cost_usd, span.tool_call_count) == (None, None, None), "no hook tells that"


@pytest.mark.parametrize("scenario", sorted(_UNTOLD))
def test_every_end_that_is_untold_is_no_success(scenario: str) -> None:
    assert {one["status"] for one in _expected(scenario).values()} <= {"error", "cancelled", "lost"}


async def _told_at_once(store: Store, events: list[Event], spool: Path) -> captured.Contents:
    telling.leave_all(spool, events)
    await telling.capturing(store, [spool]).catch_up()
    return await captured.contents(store)


def _facts(contents: captured.Contents) -> dict[str, dict[str, Any]]:
    return {span_id: span.model_dump() for span_id, span in contents.spans.items()}


@pytest.mark.parametrize("scenario", telling.SCENARIOS)
async def test_the_order_of_arrival_makes_no_difference(
    scenario: str, empty_store: Callable[[], Store], tmp_path: Path
) -> None:
    events = telling.told(scenario)
    whole, shuffled = empty_store(), empty_store()
    expected = await _told_at_once(whole, events, tmp_path / "whole")
    rng = random.Random(scenario)
    late = rng.sample(events, len(events))
    capturing = telling.capturing(shuffled, [tmp_path / "spool"])
    while late:
        part, late = late[: (size := rng.randint(1, 3))], late[size:]
        telling.leave_all(tmp_path / "spool", part)
        await capturing.catch_up()
    assert _facts(await captured.contents(shuffled)) == _facts(expected)
    await whole.close()
    await shuffled.close()


@pytest.mark.parametrize("scenario", ["sendmessage", "nested", "taskstop", "sigkill", "max_turns_v2.1.100"])
async def test_a_session_that_is_watched_step_by_step_ends_as_the_whole(
    scenario: str, empty_store: Callable[[], Store], tmp_path: Path
) -> None:
    events = telling.told(scenario)
    whole, watched = empty_store(), empty_store()
    expected = await _told_at_once(whole, events, tmp_path / "whole")
    clock = telling.Clock()
    capturing = telling.capturing(watched, [tmp_path / "spool"], clock=clock)
    for event in events:
        clock.now = event.at + timedelta(milliseconds=1)
        telling.leave(tmp_path / "spool", event)
        await capturing.catch_up()
    assert _facts(await captured.contents(watched)) == _facts(expected)
    await whole.close()
    await watched.close()


@pytest.mark.parametrize("scenario", telling.SCENARIOS)
async def test_a_tool_that_is_called_at_once_tells_the_same_as_the_spool(
    scenario: str, empty_store: Callable[[], Store], tmp_path: Path
) -> None:
    events = telling.told(scenario)
    spooled, called = empty_store(), empty_store()
    expected = await _told_at_once(spooled, events, tmp_path / "spool")
    clock = telling.Clock()
    capturing = telling.capturing(called, clock=clock)
    for _ in range(2):  # what is told again is told already
        for event in events:
            clock.now = event.at
            await capturing.event(event.payload)
    clock.now = captured.LONG_AFTER
    await capturing.catch_up()
    assert (await captured.contents(called)).spans.keys() == expected.spans.keys()
    for span_id, span in (await captured.every_span(called)).items():
        assert _known_by_tool(span) == _known_by_tool(expected.spans[span_id])
    await spooled.close()
    await called.close()


def _known_by_tool(span: Span) -> dict[str, Any]:
    return span.model_dump(exclude={"observed_at", "ended_at", "duration_ms"})


async def test_an_event_that_is_taken_in_twice_is_one(store: Store, tmp_path: Path) -> None:
    events = telling.told("nested")
    first = await _told_at_once(store, events, tmp_path / "spool")
    session_id = events[0].payload["session_id"]
    again = await _told_at_once(store, events, tmp_path / "spool")
    assert len(await store.events(session_id)) == len(events)
    assert _facts(again) == _facts(first)


@pytest.mark.parametrize("scenario", ["success_v2.0.77", "api_error_529_v2.0.77"])
async def test_agents_by_which_an_old_client_warms_up_are_never_delegations(
    scenario: str, store: Store, tmp_path: Path
) -> None:
    others = {one["agent_id"] for session in captured.expected(scenario)["sessions"] for one in session["other_agents"]}
    assert len(others) == 3
    capturing = telling.capturing(store, [tmp_path / "spool"])
    for event in telling.told(scenario):
        telling.leave(tmp_path / "spool", event)
        await capturing.catch_up()
        assert not others & (await _delegations(store)).keys(), event.payload["hook_event_name"]


async def test_what_compaction_stops_was_no_delegation(store: Store, tmp_path: Path) -> None:
    stops = [event for event in telling.told("compact") if event.payload.get("agent_type") == ""]
    assert len(stops) == 2
    telling.leave_all(tmp_path / "spool", stops)
    await telling.capturing(store, [tmp_path / "spool"]).catch_up()
    assert await _delegations(store) == {}


async def test_an_agent_runs_until_something_tells_of_its_end(store: Store, tmp_path: Path) -> None:
    events = telling.told("background")
    clock = telling.Clock()
    capturing = telling.capturing(store, [tmp_path / "spool"], clock=clock)
    seen: list[Status] = []
    for event in events:
        clock.now = event.at
        telling.leave(tmp_path / "spool", event)
        await capturing.catch_up()
        seen += [span.status for span in (await _delegations(store)).values()]
    assert list(dict.fromkeys(seen)) == [Status.RUNNING, Status.OK]
