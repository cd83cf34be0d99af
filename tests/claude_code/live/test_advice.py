"""Advice reaches the model before it chooses, and a model is set where nobody else has chosen one."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code.hook_events import event_of, model_set
from storage.opening import open_store
from storage.vocabulary import SpanKind
from tests.claude_code import captured, hooked
from tests.claude_code.hooked import letters, make_fifo, posted
from tests.claude_code.live import clients
from tests.claude_code.live.playing import Run, play
from tests.claude_code.live.script import (
    Scenario,
    Step,
    an_agent,
    answered,
    bash,
    delegate,
    delegating,
    working,
)
from tests.claude_code.live.test_capture import BIN, PLUGIN, ask, spans_in
from tests.isolation import SYSTEM_PATH

pytestmark = pytest.mark.claude_code

VERSIONS: Final = clients.VERSIONS
NEWEST_FIRST: Final = [
    pytest.param(version, marks=() if version == clients.NEWEST else pytest.mark.older_client) for version in VERSIONS
]
"""The older ones are left to whoever works on them: that they are told at all is tried at every push."""
NEWEST: Final = clients.NEWEST
TABLE: Final = "The table: search is best done by haiku."
NEXT_TABLE: Final = "The next table: search is best done by sonnet."
AUTO: Final = {"DELEGATION_TELEMETRY_ROUTING": "auto"}
_ADVICE: Final = f"{{stage}}/home/{hooked.DATA}/routing/advice"

ONE: Final = Scenario(
    name="one",
    scripts={"main": delegating(delegate("job")), "job": working("Job done.")},
    delegations=(),
    phrases=(TABLE, NEXT_TABLE),
)
CHANGED_MEANWHILE: Final = Scenario(
    name="changed_meanwhile",
    scripts={
        "main": (
            Step(uses=(bash(f"mv {{stage}}/next {_ADVICE}"), delegate("job", background=True))),
            Step("Delegated."),
            Step("All is done."),
            Step("So it is."),
        ),
        "job": working("Job done.", after=answered("main", 1)),
    },
    delegations=(),
    phrases=(TABLE, NEXT_TABLE),
)
CHOICES: Final = Scenario(
    name="choices",
    files={
        **an_agent("checker", limit=""),
        ".claude/agents/free.md": "---\nname: free\ndescription: Does anything.\n---\nDo it.\n",
    },
    scripts={
        "main": (
            Step(uses=(delegate("open"),)),
            Step(uses=(delegate("named", model="sonnet"),)),
            Step(uses=(delegate("defined", "checker"),)),
            Step(uses=(delegate("free", "free"),)),
            Step(uses=(delegate("unknown", "Plan"),)),
            Step("All done."),
        ),
        **{name: working("Done.") for name in ("open", "named", "defined", "free", "unknown")},
    },
    delegations=(),
)
MODELS: Final = {"general-purpose": "haiku", "checker": "opus", "free": "haiku", "fork": "haiku"}


def played(
    scenario: Scenario, version: str, folder: Path, environment: Mapping[str, str] | None = None, **more: Any
) -> Run:
    """Play with the plugin, and without its server: what hooks do, they do alone."""
    run = play(scenario, version, folder, plugin=PLUGIN, environment=environment or {}, **more)
    assert [one.status for one in run.exits] == [0] * len(scenario.launches), run.exits
    return run


def models(run: Run) -> dict[str | None, set[str]]:
    """The models that were asked, for each script."""
    return {script: {request.model for request in run.asked(script)} for script in run.scenario.scripts}


def told(run: Run) -> list[tuple[str | None, int, tuple[str, ...]]]:
    """What stood in each request of the scripts."""
    return [(one.script, one.step, tuple(one.phrases)) for one in run.requests if one.script in run.scenario.scripts]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_table_is_there_before_the_first_choice(version: str, tmp_path: Path) -> None:
    posted(tmp_path / "play/home", TABLE, models=MODELS)
    run = played(ONE, version, tmp_path / "play")
    assert {phrases for script, _, phrases in told(run) if script == "main"} == {(TABLE,)}
    assert {phrases for script, _, phrases in told(run) if script == "job"} == {()}
    assert models(run)["job"] == models(run)["main"], "nothing is set by advice"


def test_a_table_that_changed_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "play").mkdir()
    (posted(tmp_path / "other", NEXT_TABLE, revision="r2") / "advice").rename(tmp_path / "play/next")
    posted(tmp_path / "play/home", TABLE)
    run = played(CHANGED_MEANWHILE, NEWEST, tmp_path / "play")
    steps = [phrases for script, _, phrases in told(run) if script == "main"]
    assert steps[:2] == [(TABLE,), (TABLE,)]
    assert steps[-1] == (TABLE, NEXT_TABLE)


@pytest.mark.parametrize("version", NEWEST_FIRST)
def test_a_model_is_set_where_nobody_has_chosen_one(version: str, tmp_path: Path) -> None:
    posted(tmp_path / "play/home", TABLE, models=MODELS)
    run = played(CHOICES, version, tmp_path / "play", AUTO)
    found = models(run)
    assert {script: "haiku" in "".join(found[script]) for script in ("open", "defined", "free")} == {
        "open": True,
        "defined": True,
        "free": True,
    }
    assert all(len(found[script]) == 1 for script in found)
    assert "sonnet" in "".join(found["named"])
    assert found["unknown"] == found["main"]
    events = [event_of(one.payload or {}, captured.VERBATIM, one.at) for one in letters(tmp_path / "play/home")]
    assert sorted((one.agent_type, one.alias) for one in map(model_set, events) if one) == [
        ("free", "haiku"),
        ("general-purpose", "haiku"),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("version", NEWEST_FIRST)
async def test_what_was_set_is_recorded_as_what_ran(version: str, tmp_path: Path) -> None:
    posted(tmp_path / "play/home", TABLE, models=MODELS)
    run = played(ONE, version, tmp_path / "play", AUTO)
    ask(run, "log")
    database = run.home / hooked.DATA / "telemetry.db"
    (span,) = [one for one in (await spans_in(database)).values() if one.kind is SpanKind.DELEGATION]
    assert {span.model} == models(run)["job"]
    assert span.output == "Job done."
    if version == NEWEST:  # older clients do not describe it
        assert span.attributes["requested_model"] == "haiku"
    store = open_store(str(database))
    try:
        (found,) = [one for one in map(model_set, await store.events(span.session_id)) if one]
    finally:
        await store.close()
    assert (found.tool_use_id, found.agent_type, found.alias) == (span.tool_use_id, "general-purpose", "haiku")


@pytest.mark.parametrize("version", NEWEST_FIRST)
@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        pytest.param({**AUTO, "CLAUDE_CODE_SUBAGENT_MODEL": "sonnet"}, None, id="in its environment"),
        pytest.param(AUTO, {"env": {"CLAUDE_CODE_SUBAGENT_MODEL": "sonnet"}}, id="in its settings"),
    ],
)
def test_what_the_client_is_told_holds(
    version: str, environment: dict[str, str], settings: dict[str, Any] | None, tmp_path: Path
) -> None:
    posted(tmp_path / "play/home", models=MODELS)
    run = played(ONE, version, tmp_path / "play", environment, settings=settings)
    assert "sonnet" in "".join(models(run)["job"])


def test_a_fork_keeps_the_model_of_whom_it_is_a_fork(tmp_path: Path) -> None:
    posted(tmp_path / "play/home", models=MODELS)
    scenario = Scenario(
        name="fork",
        scripts={"main": delegating(delegate("twin", "fork")), "twin": working("Fork report.")},
        delegations=(),
    )
    found = models(played(scenario, NEWEST, tmp_path / "play", AUTO))
    assert found["twin"] == found["main"]


@pytest.mark.parametrize("routing", ["off", "advise"])
def test_switched_off_nothing_is_told_or_set(routing: str, tmp_path: Path) -> None:
    posted(tmp_path / "play/home", TABLE, models=MODELS)
    run = played(ONE, NEWEST, tmp_path / "play", {"DELEGATION_TELEMETRY_ROUTING": routing})
    seen = {phrases for _, _, phrases in told(run)}
    assert seen == ({()} if routing == "off" else {(), (TABLE,)})
    assert models(run)["job"] == models(run)["main"]


@pytest.fixture
def held() -> Iterator[list[sqlite3.Connection]]:
    """Connections that are closed at the end."""
    connections: list[sqlite3.Connection] = []
    yield connections
    for one in connections:
        one.close()


@pytest.mark.parametrize(
    "trouble", ["a locked database", "no database that can be opened", "files that answer nothing"]
)
def test_whatever_is_wrong_delays_nothing_and_changes_nothing(
    trouble: str, tmp_path: Path, held: list[sqlite3.Connection]
) -> None:
    folder = posted(tmp_path / "play/home", TABLE, models=MODELS)
    database = folder.parent / "telemetry.db"
    speaks = True
    if trouble == "a locked database":
        held.append(sqlite3.connect(database, isolation_level=None))
        held[0].execute("begin exclusive")
    elif trouble == "no database that can be opened":
        database.mkdir()
    else:
        make_fifo(folder / "advice")
        make_fifo(folder / "models")
        for name in ("advice", "models"):
            in_a_day = (folder / name).stat().st_ctime + 86_400
            os.utime(folder / name, (in_a_day, in_a_day))
        speaks = False
    run = played(ONE, NEWEST, tmp_path / "play", {**AUTO, "PATH": f"{BIN}:{SYSTEM_PATH}"})
    assert {phrases for script, _, phrases in told(run) if script == "main"} == ({(TABLE,)} if speaks else {()})
    assert ("haiku" in "".join(models(run)["job"])) is speaks
