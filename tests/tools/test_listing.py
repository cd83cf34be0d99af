"""What a client sees before it calls anything."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from mcp_server import __version__
from mcp_server.server import INSTRUCTIONS

pytestmark = pytest.mark.anyio

SNAPSHOTS = Path(__file__).parent / "snapshots"
FOR_HOOKS = "record_claude_code_event"
TOOLS = [
    "get_credit", "get_insights", "get_stats", "get_trajectory", FOR_HOOKS, "record_reward", "record_spans",
    "search_delegations", "suggest_routing",
]  # fmt: skip


async def listed(client: Client) -> dict[str, dict[str, Any]]:
    tools = (await client.list_tools()).tools
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}


async def test_the_tools_are_those_of_the_contract(client: Client) -> None:
    assert sorted(await listed(client)) == TOOLS


@pytest.mark.parametrize("name", TOOLS)
async def test_a_tool_is_listed_as_its_snapshot_says(client: Client, name: str) -> None:
    """Set UPDATE_SNAPSHOTS=1 to write what is listed now; the difference is for a reviewer."""
    path, now = SNAPSHOTS / f"{name}.json", (await listed(client))[name]
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(now, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    assert now == json.loads(path.read_text(encoding="utf-8"))


async def test_the_list_is_small_enough_for_every_context(client: Client) -> None:
    assert len(json.dumps(list((await listed(client)).values()), separators=(",", ":"))) <= 16_000
    assert len(await listed(client)) <= 9


@pytest.mark.parametrize("name", TOOLS)
async def test_every_tool_says_what_it_is_for_and_what_it_does_to_the_data(client: Client, name: str) -> None:
    tool = (await listed(client))[name]
    hints = tool["annotations"]
    assert tool["title"]
    assert "Not for" in tool["description"]
    assert {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} <= hints.keys()
    assert hints["readOnlyHint"] == (not name.startswith(("record_", "suggest_")))
    assert hints["idempotentHint"] == (name != "suggest_routing")  # each suggestion is remembered
    assert not hints["destructiveHint"]
    assert tool["inputSchema"]["additionalProperties"] is False
    assert "required" in tool["outputSchema"]


@pytest.mark.parametrize("name", TOOLS)
async def test_every_parameter_is_bounded(client: Client, name: str) -> None:
    schema = (await listed(client))[name]["inputSchema"]
    for parameter, part in schema["properties"].items():
        bounds = {
            "string": "maxLength", "integer": "maximum", "number": "maximum", "array": "maxItems",
            "object": "maxProperties",
        }  # fmt: skip
        for one in part.get("anyOf", [part]):
            kind = one.get("type")
            assert "enum" in one or kind == "boolean" or bounds[kind] in one, parameter


async def test_generated_titles_and_nulls_cost_no_tokens(client: Client) -> None:
    text = json.dumps([tool["inputSchema"] for tool in (await listed(client)).values()])
    assert '"null"' not in text
    assert '"title"' not in text


async def test_the_server_says_who_it_is_and_when_each_tool_helps(client: Client) -> None:
    assert client.server_info is not None
    assert (client.server_info.name, client.server_info.version) == ("delegation", __version__)
    assert client.instructions == INSTRUCTIONS
    assert len(INSTRUCTIONS) < 2000
    assert {tool for tool in TOOLS if tool not in INSTRUCTIONS} == {FOR_HOOKS}
