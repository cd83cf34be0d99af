"""The plugin for Claude Code names only what there is, and what every client knows."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import mcp_server
from mcp_server.server import NAME, Services, build_server
from mcp_server.service.crediting import Crediting
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from storage.store import Store
from tests.claude_code import captured, telling

PLUGIN: Final = Path(mcp_server.__file__).parents[1] / "claude_config"
COMMANDS: Final = sorted(PLUGIN.glob("commands/*.md"))
# Clients up to 2.1.100 drop every hook of a file that names an event, or a type of hook, that they do not know.
OLD_EVENTS: Final = {
    "SessionStart",
    "SessionEnd",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "SubagentStart",
    "SubagentStop",
    "Stop",
}


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PLUGIN / name).read_text(encoding="utf-8"))
    return found


def test_hooks_are_of_the_old_events_and_only_commands() -> None:
    hooks = read("hooks/hooks.json")["hooks"]
    assert hooks.keys() == OLD_EVENTS
    assert {hook["type"] for entries in hooks.values() for entry in entries for hook in entry["hooks"]} == {"command"}


def test_hooks_of_tools_are_of_those_that_start_resume_or_stop_agents() -> None:
    hooks = read("hooks/hooks.json")["hooks"]
    matchers = {event: [entry.get("matcher") for entry in entries] for event, entries in hooks.items()}
    of_tools = ["Agent|Task|SendMessage|TaskStop|Skill|Workflow"]
    assert matchers == {event: of_tools if event.endswith("ToolUse") else [None] for event in OLD_EVENTS}


def test_the_settings_for_those_without_the_plugin_have_the_same_hooks() -> None:
    text = (PLUGIN / "settings.example.json").read_text(encoding="utf-8")
    assert json.loads(text)["hooks"] == json.loads(
        json.dumps(read("hooks/hooks.json")["hooks"]).replace("${CLAUDE_PLUGIN_ROOT}", "/path/to/claude_config")
    )


def test_every_hook_runs_a_script_that_is_there() -> None:
    hooks = read("hooks/hooks.json")["hooks"]
    commands = {
        event: {hook["command"] for entry in entries for hook in entry["hooks"]} for event, entries in hooks.items()
    }
    script = 'sh "${CLAUDE_PLUGIN_ROOT}/hooks/record.sh"'
    answered = {"SessionStart", "UserPromptSubmit", "PreToolUse"}
    assert commands == {event: {f"{script} {event}" if event in answered else script} for event in OLD_EVENTS}
    assert (PLUGIN / "hooks" / "record.sh").is_file()
    assert (PLUGIN / "hooks" / "model.awk").is_file()


def test_the_plugin_has_the_version_of_the_package() -> None:
    (listed,) = read(".claude-plugin/marketplace.json")["plugins"]
    manifest = read(".claude-plugin/plugin.json")
    assert manifest["version"] == listed["version"] == mcp_server.__version__
    assert manifest["name"] == listed["name"]


def test_the_readme_names_only_what_is_there() -> None:
    text = (PLUGIN / "README.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w./-]+)`", text) if name.endswith(("/", ".json", ".sh", ".md"))}
    named -= {"settings.json"}  # the reader's own
    assert {"hooks/", ".mcp.json", "settings.example.json"} <= named
    assert [name for name in sorted(named) if not (PLUGIN / name).exists()] == []


def test_the_readme_names_the_commands_that_are_there() -> None:
    text = (PLUGIN / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`/([\w-]+)`", text)) == {path.stem for path in COMMANDS}


@pytest.mark.anyio
@pytest.mark.parametrize("path", [*COMMANDS, *PLUGIN.glob("skills/*/SKILL.md")], ids=lambda path: path.stem)
async def test_commands_and_skills_name_tools_that_exist(path: Path, store: Store) -> None:
    reporting = Reporting(store)
    server = build_server(
        Services(
            recording=Recording(store, captured.VERBATIM),
            reporting=reporting,
            crediting=Crediting(store, reporting.present),
            reviewing=Reviewing(store, reporting.present, reporting.asking),
            capturing=telling.capturing(store),
        )
    )
    tools = {tool.name for tool in await server.list_tools()}
    named = set(re.findall(r"`((?:get|search|record|export|suggest|compare)_\w+)`", path.read_text(encoding="utf-8")))
    assert named
    assert named <= tools


def test_the_server_goes_by_the_name_that_commands_use() -> None:
    assert read(".mcp.json")["mcpServers"].keys() == {NAME}
    for path in COMMANDS:
        assert f"of the `{NAME}` server" in path.read_text(encoding="utf-8")
