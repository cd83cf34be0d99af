"""The protocol's own checkers, from npm: the Inspector over stdio in both eras, conformance over loopback HTTP."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mcp_server
from tests.npm import install
from tests.serving.wire import SCRIPT

pytestmark = [pytest.mark.node, pytest.mark.xdist_group("node")]

SAMPLES = Path(mcp_server.__file__).parent / "samples"
PACKAGES = {
    "inspector": ["node@24", "@modelcontextprotocol/inspector@2.12.0", "@modelcontextprotocol/conformance@0.1.16"],
    "conformance": ["node@24", "@modelcontextprotocol/conformance@0.2.0-alpha.12"],
}
ERAS = {"handshake era": [], "modern era": ["--protocol-era", "modern"]}
CALLS = {
    "record_spans": {"spans": [{"agent_type": "reviewer", "task": "Review it"}]},
    "record_reward": {"target_id": "a1e0e877aea9d0043", "value": 1, "source": "human"},
    "get_trajectory": {"detail": "full"},
    "search_delegations": {"words": "report"},
    "get_credit": {"session_id": "current"},
    "get_insights": {"since": "2020-01-01"},
    "suggest_routing": {"task": "find it"},
    "get_stats": {"group_by": ["agent_type", "day"]},
    "record_claude_code_event": {"event": {"session_id": "s1", "hook_event_name": "Stop"}},
}
SCENARIOS = [
    "server-initialize", "ping", "completion-complete", "tools-list", "resources-list", "prompts-list",
    "server-sse-multiple-streams", "dns-rebinding-protection",
]  # fmt: skip
MODERN_SCENARIOS = [
    "completion-complete", "tools-list", "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching",
    "http-header-validation", "dns-rebinding-protection", "server-sse-multiple-streams",
    "input-required-result-missing-input-response", "input-required-result-unsupported-methods",
    "input-required-result-ignore-extra-params", "input-required-result-validate-input",
]  # fmt: skip


def installed(name: str) -> Path:
    """The folder of commands of a set of npm packages, installed once for all runs."""
    folder = Path(tempfile.gettempdir()) / f"delegation-telemetry-npm-{os.getuid()}" / name
    return install(folder, PACKAGES[name]) / ".bin"


def run(commands: Path, *command: str | Path, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(home)}
    return subprocess.run(
        [str(part) for part in command], cwd=home, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("database") / "t.db"
    subprocess.run([SCRIPT, "import", "--db", path, SAMPLES], check=True, capture_output=True)
    return path


def inspected(database: Path, home: Path, era: str, *arguments: str) -> dict[str, Any]:
    commands = installed("inspector")
    done = run(
        commands, commands / "mcp-inspector", "--cli", "-e", f"DELEGATION_TELEMETRY_DB={database}", SCRIPT, "serve",
        *arguments, *ERAS[era], home=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("era", ERAS)
def test_the_inspector_finds_no_fault_in_the_tools(database: Path, tmp_path: Path, era: str) -> None:
    answer = inspected(database, tmp_path, era, "--method", "tools/list", "--strict")
    assert {tool["name"] for tool in answer["tools"]} == set(CALLS)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("tool", CALLS)
def test_the_inspector_calls_every_tool(database: Path, tmp_path: Path, era: str, tool: str) -> None:
    arguments = ("--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(CALLS[tool]))
    assert inspected(database, tmp_path, era, *arguments)["content"]


@pytest.mark.parametrize("era", ERAS)
def test_the_inspector_reads_resources_and_prompts(database: Path, tmp_path: Path, era: str) -> None:
    assert inspected(database, tmp_path, era, "--method", "resources/read", "--uri", "delegation://stats")["contents"]
    prompt = ("--method", "prompts/get", "--prompt-name", "delegation-stats", "--prompt-args", "since=7d")
    assert inspected(database, tmp_path, era, *prompt)["messages"]


@pytest.fixture(scope="module")
def address(database: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.serving.over_http", str(database), str(port)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"http://127.0.0.1:{port}/mcp"
        process.terminate()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_handshake_era_conforms(address: str, tmp_path: Path, scenario: str) -> None:
    commands = installed("inspector")
    done = run(commands, commands / "conformance", "server", "--url", address, "--scenario", scenario, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenario", MODERN_SCENARIOS)
def test_the_modern_era_conforms(address: str, tmp_path: Path, scenario: str) -> None:
    commands = installed("conformance")
    done = run(
        commands, commands / "conformance", "server", "--url", address, "--scenario", scenario, "--spec-version",
        "2026-07-28", home=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
