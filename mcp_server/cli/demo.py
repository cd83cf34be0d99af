"""`demo`: captured sessions, imported and asked about through a real server and a real client."""

import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

import anyio
import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import opened
from mcp_server.cli.reports import print_credit, print_delegations, print_trajectory
from mcp_server.cli.routing_report import print_advice
from mcp_server.cli.stats_report import print_stats

_SAMPLES: Final = "samples"
_START_LIMIT_S: Final = 60
_JUDGED: Final = 24
_MADE_UP: Final = ("small-model", "large-model")


@click.command()
def command() -> None:
    """Show what it does: import captured sample sessions, ask a real server about them over MCP, print the answers.

    Uses a temporary database and touches nothing else.
    """
    with tempfile.TemporaryDirectory(prefix="delegation-telemetry-") as folder:
        anyio.run(_demonstrate, Path(folder), backend="asyncio")


async def _demonstrate(folder: Path) -> None:
    from mcp import Client, StdioServerParameters  # noqa: PLC0415 - half a second that only this command pays

    db = str(folder / "demo.db")
    with resources.as_file(resources.files("mcp_server") / _SAMPLES) as samples:
        async with opened(db) as app:
            report = await app.importing.paths([samples])
    _say(f"imported {counted(report.sessions_read, 'captured Claude Code session')}: {counted(report.created, 'span')}")
    # What hooks have left for the user's own database stays where it is.
    elsewhere = {"DELEGATION_TELEMETRY_SPOOL": str(folder / "spool"), "TMPDIR": str(folder)}
    elsewhere["DELEGATION_TELEMETRY_ROUTING"] = "off"  # what it learns from samples is no advice for anybody
    environment = {**os.environ, **elsewhere, "DELEGATION_TELEMETRY_DB": db}
    environment.pop("CLAUDE_CODE_SESSION_ID", None)
    program, *arguments = _serve_command()
    _say("started `delegation-telemetry serve`, connected a client over stdio")
    with anyio.fail_after(_START_LIMIT_S):
        async with Client(StdioServerParameters(command=program, args=arguments, env=environment)) as client:
            await _ask(client)


async def _ask(client: Any) -> None:
    sessions = await _call(client, "search_delegations", {"words": "inner job"})
    session_id = sessions["delegations"][0]["session_id"]
    _say(f'get_trajectory {{"session_id": "{session_id}"}}')
    tree = await _call(client, "get_trajectory", {"session_id": session_id})
    print_trajectory(tree)
    _say(f'get_credit {{"session_id": "{session_id}"}}')
    print_credit(await _call(client, "get_credit", {"session_id": session_id}), tree)
    _say("get_stats {}")
    print_stats(await _call(client, "get_stats", {}))
    _say('search_delegations {"words": "report good"}')
    print_delegations(await _call(client, "search_delegations", {"words": "report good"}))
    await _ask_for_advice(client)
    click.echo()


async def _ask_for_advice(client: Any) -> None:
    asked = {"task": "Find where uploads are resized", "task_type": "search", "complexity": "low"}
    _say("suggest_routing {...}: none of the sample delegations is judged, and so")
    print_advice(await _call(client, "suggest_routing", asked))
    _say(f"record_spans: {_JUDGED} made-up delegations with verdicts, so that there is something to learn from")
    await _call(client, "record_spans", {"spans": [_made_up(place) for place in range(_JUDGED)]})
    _say("suggest_routing again, of these two")
    arms = [{"agent_type": "Explore", "model": model} for model in _MADE_UP]
    print_advice(await _call(client, "suggest_routing", {**asked, "candidates": arms}))


def _made_up(place: int) -> dict[str, Any]:
    """One of two agents that look for things; the small model finds all of them, the large one most."""
    is_small = place % 2 == 0
    return {
        "agent_type": "Explore",
        "model": _MADE_UP[place % 2],
        "task": f"Find the place number {place}",
        "task_type": "search",
        "complexity": "low",
        "status": "ok",
        "reward": 1.0 if is_small or place % 6 == 1 else 0.0,
        "reward_source": "human",
        "cost_usd": 0.02 if is_small else 0.3,
        "duration_ms": 30_000,
    }


async def _call(client: Any, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise click.ClickException(result.content[0].text)
    answer: dict[str, Any] = result.structured_content
    return answer


def _serve_command() -> Sequence[str]:
    """How to start the server: the console script that is running, or this interpreter without the working folder."""
    script = Path(sys.argv[0])
    if script.name.startswith("delegation-telemetry") and script.is_file() and os.access(script, os.X_OK):
        return [str(script.resolve()), "serve"]
    return [sys.executable, "-P", "-c", "from mcp_server.cli.main import main; main()", "serve"]


def _say(text: str) -> None:
    click.echo()
    click.secho(f"> {text}", bold=True)
