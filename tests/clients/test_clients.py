"""Real clients from npm, configured as docs/clients.md says, connect and offer our tools to their model.

They run with nothing but loopback, in a home of their own; the model's endpoint refuses all it is asked.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients import overheard
from tests.clients.page import SCRIPT_ON_THE_PAGE, configurations
from tests.isolation import SYSTEM_PATH, isolated
from tests.npm import install
from tests.serving.wire import SCRIPT

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("clients")]

TOOLS = {"get_stats", "get_trajectory", "record_reward", "record_spans", "search_delegations"}
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client, and how it is made to ask a model of ours."""

    name: str
    packages: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[str, Any] = field(default_factory=dict)
    """What its JSON configuration needs besides what the page says, to ask a model of ours."""


CODEX_MODEL = (
    f'model_providers.ours={{name="ours",base_url="{overheard.URL}/v1",wire_api="responses",'
    "request_max_retries=0,stream_max_retries=0}"
)
OPENCODE_MODEL = {
    "npm": "@ai-sdk/openai-compatible",
    "options": {"baseURL": f"{overheard.URL}/v1", "apiKey": "dummy"},
    "models": {"ours": {}},
}
GEMINI_SECURITY = {"folderTrust": {"enabled": False}, "auth": {"selectedType": "gemini-api-key"}}
CLIENTS = [
    Client(
        name="Codex CLI",
        packages=("@openai/codex@0.169.0",),
        command=(
            "codex", "exec", "--skip-git-repo-check", "-c", "mcp_servers.delegation.required=true", "-c", CODEX_MODEL,
            "-c", 'model_provider="ours"', "-m", "ours", "Hello.",
        ),
    ),
    Client(
        name="Gemini CLI",
        packages=("node@24", "@google/gemini-cli@0.61.0"),
        command=("gemini", "--approval-mode", "yolo", "-p", "Hello."),
        environment={"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": overheard.URL},
        added={"security": GEMINI_SECURITY},
    ),
    Client(
        name="opencode",
        packages=("opencode-ai@1.18.33",),
        command=("opencode", "run", "--model", "ours/ours", "Hello."),
        added={"provider": {"ours": OPENCODE_MODEL}},
    ),
]  # fmt: skip
MCPORTER = Client(name="mcporter", packages=("node@24", "mcporter@0.12.3"), command=())


def start(client: Client, home: Path, *command: str, log: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a client's command in a home that holds what the page says."""
    folder = Path(tempfile.gettempdir()) / f"delegation-telemetry-npm-{os.getuid()}" / client.name.replace(" ", "-")
    commands = install(folder, client.packages) / ".bin"
    configuration = configurations()[client.name]
    text = configuration.text.replace(SCRIPT_ON_THE_PAGE, str(SCRIPT))
    written = home / configuration.path.removeprefix("~/")
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps({**json.loads(text), **client.added}) if client.added else text, encoding="utf-8")
    listening = () if log is None else (sys.executable, overheard.__file__, str(log))
    environment = {
        "PATH": f"{commands}:{SYSTEM_PATH}", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
        **client.environment,
    }  # fmt: skip
    return subprocess.run(
        isolated(*listening, str(commands / command[0]), *command[1:]),
        cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S,
    )  # fmt: skip


@pytest.mark.parametrize("client", [pytest.param(client, id=client.name) for client in CLIENTS])
def test_the_model_is_offered_our_tools(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "asked.jsonl"
    done = start(client, tmp_path, *client.command, log=log)
    assert log.exists(), done.stdout + done.stderr
    asked = log.read_text(encoding="utf-8")
    assert {tool for tool in TOOLS if tool in _names_of_tools(asked)} == TOOLS, done.stdout + done.stderr


def _names_of_tools(asked: str) -> str:
    """All that requests say about tools, without what they say in prompts (where our instructions name tools too)."""
    bodies = [json.loads(line) for line in asked.splitlines()]
    return json.dumps([body.get("tools") for body in bodies])


def test_mcporter_lists_our_tools(tmp_path: Path) -> None:
    done = start(MCPORTER, tmp_path, "mcporter", "list", "delegation", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {tool["name"] for tool in json.loads(done.stdout)["tools"]} >= TOOLS


def test_mcporter_records_a_delegation_and_finds_it_again(tmp_path: Path) -> None:
    row = {"spans": [{"agent_type": "reviewer", "task": "Review the parser", "output": "Fine.", "status": "ok"}]}
    done = start(MCPORTER, tmp_path, "mcporter", "call", "delegation.record_spans", "--args", json.dumps(row))
    assert done.returncode == 0, done.stdout + done.stderr
    found = start(MCPORTER, tmp_path, "mcporter", "call", "delegation.search_delegations", "words=parser")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Review the parser" in found.stdout
