"""A session that is played with the plugin loaded is judged as a person would, live and by an import."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.opening import open_store
from tests.claude_code import captured, judged_sessions
from tests.claude_code.judged_sessions import Concluded
from tests.claude_code.live import clients
from tests.claude_code.live.judgements import JUDGEMENTS
from tests.claude_code.live.playing import Run, play
from tests.claude_code.live.script import Scenario
from tests.claude_code.live.test_capture import BIN, PLUGIN, ask
from tests.isolation import SYSTEM_PATH

pytestmark = [pytest.mark.claude_code, pytest.mark.anyio]


@pytest.fixture(params=JUDGEMENTS, ids=lambda scenario: scenario.name)
def scenario(request: pytest.FixtureRequest) -> Scenario:
    found: Scenario = request.param
    return found


def played(scenario: Scenario, folder: Path) -> Run:
    environment = {"PATH": f"{BIN}:{SYSTEM_PATH}"}
    return play(scenario, clients.NEWEST, folder, plugin=PLUGIN, environment=environment)


async def concluded(database: Path) -> list[Concluded]:
    store = open_store(str(database))
    try:
        return await judged_sessions.concluded(store, await captured.every_span(store))
    finally:
        await store.close()


def told(run: Run, *arguments: str) -> Any:
    return json.loads(ask(run, *arguments, "--json"))


async def test_a_session_is_judged_by_itself(scenario: Scenario, tmp_path: Path) -> None:
    run = played(scenario, tmp_path / "play")
    ask(run, "log")
    live = await concluded(run.home / ".local/share/delegation-telemetry/telemetry.db")
    assert live == judged_sessions.expected(scenario.name)
    ask(run, "import", "--db", str(tmp_path / "imported.db"), str(run.transcripts))
    assert await concluded(tmp_path / "imported.db") == live


async def test_a_verdict_by_command_line_shows_at_once(tmp_path: Path) -> None:
    scenario = next(one for one in JUDGEMENTS if one.name == "unanswered_question")
    run = played(scenario, tmp_path / "play")
    (asked,) = told(run, "log")["delegations"]
    assert asked["outcome"] == "unknown"
    ask(run, "reward", asked["span_id"], "1", "--reason", "it asked what had to be asked")
    (judged,) = told(run, "log")["delegations"]
    assert (judged["outcome"], judged["reward_source"]) == ("success", "human")
    assert told(run, "stats")["totals"]["verified_n"] == 1
    (line,) = [json.loads(one) for one in ask(run, "export").splitlines() if '"delegation"' in one]
    assert (line["reward"], line["reward_source"]) == (1.0, "human")
