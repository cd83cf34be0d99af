"""Resources, prompts and completions."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, TextContent, TextResourceContents

from storage.queries import Batch
from storage.store import Store
from tests.factories import a_reward, a_span

pytestmark = pytest.mark.anyio


async def read(client: Client, uri: str) -> dict[str, Any]:
    content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == "application/json"
    found: dict[str, Any] = json.loads(content.text)
    return found


async def test_resources_are_listed(client: Client) -> None:
    assert [str(one.uri) for one in (await client.list_resources()).resources] == [
        "delegation://sessions",
        "delegation://stats",
        "delegation://routing",
    ]
    templates = (await client.list_resource_templates()).resource_templates
    assert [one.uri_template for one in templates] == [
        "delegation://session/{session_id}",
        "delegation://span/{span_id}",
    ]


async def test_sessions_are_summed_up(client: Client, store: Store) -> None:
    await store.add(Batch(spans=[a_span(session_id="s1", cost_usd=0.5, project="/p"), a_span(session_id="s1")]))
    session = (await read(client, "delegation://sessions"))["sessions"][0]
    assert (session["session_id"], session["delegation_count"], session["cost_usd"]) == ("s1", 2, 0.5)


async def test_a_session_and_a_span_can_be_read(client: Client, store: Store) -> None:
    span = a_span(session_id="s1", task="look", output="found")
    await store.add(Batch(spans=[span], rewards=[a_reward(span_id=span.span_id, reason="checked")]))
    assert (await read(client, "delegation://session/s1"))["spans"][0]["span_id"] == span.span_id
    whole = await read(client, f"delegation://span/{span.span_id}")
    assert (whole["task"], whole["output"], whole["rewards"][0]["reason"]) == ("look", "found", "checked")
    assert (await read(client, "delegation://stats"))["totals"]["n"] == 1


@pytest.mark.parametrize("uri", ["delegation://session/nope", "delegation://span/nope"])
async def test_what_does_not_exist_is_not_found(client: Client, uri: str) -> None:
    with pytest.raises(MCPError, match="nope"):
        await client.read_resource(uri)


@pytest.mark.parametrize(
    "uri", ["sessions", "stats", "routing", "session/session-1", "span/span-1"], ids=lambda uri: uri.partition("/")[0]
)
async def test_a_database_that_cannot_be_read_is_told_in_the_words_of_tools(
    client: Client, tmp_path: Path, uri: str
) -> None:
    (tmp_path / "telemetry.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(MCPError, match=r"not a usable database .* restore a backup"):
        await client.read_resource(f"delegation://{uri}")


async def test_prompts_name_the_tool_and_treat_stored_text_as_data(client: Client) -> None:
    prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
    assert prompts == {"delegation-log", "delegation-trajectory", "delegation-stats", "review-session"}
    for name in prompts:
        content = (await client.get_prompt(name)).messages[0].content
        assert isinstance(content, TextContent)
        assert any(tool in content.text for tool in ("search_delegations", "get_trajectory", "get_stats"))


async def test_a_prompt_takes_its_arguments(client: Client) -> None:
    content = (await client.get_prompt("delegation-trajectory", {"session_id": "s9"})).messages[0].content
    assert isinstance(content, TextContent)
    assert "session_id='s9'" in content.text


@pytest.mark.parametrize(
    ("prompt", "argument", "typed", "expected"),
    [
        pytest.param("delegation-trajectory", "session_id", "se", ["session-1"], id="sessions"),
        pytest.param("delegation-trajectory", "session_id", "x", [], id="no such session"),
        pytest.param("delegation-stats", "since", "3", ["30d"], id="spans of time"),
        pytest.param("delegation-stats", "group_by", "w", ["week"], id="dimensions"),
    ],
)
async def test_arguments_are_completed(
    client: Client, store: Store, prompt: str, argument: str, typed: str, expected: list[str]
) -> None:
    await store.add(Batch(spans=[a_span()]))
    answer = await client.complete(PromptReference(type="ref/prompt", name=prompt), {"name": argument, "value": typed})
    assert answer.completion.values == expected
