"""The version of an agent: a hash of the definition it ran with, where that is still known."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from mcp_server.ingest.claude_code.definitions import Definitions
from mcp_server.ingest.claude_code.identity import delegation_span_id
from storage.store import Store
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import AGENT, SESSION, START, Transcript

pytestmark = pytest.mark.anyio

WRITTEN: Final = datetime(2026, 11, 1, tzinfo=UTC)
RAN: Final = WRITTEN + timedelta(days=1)
REVIEWER: Final = b"---\nname: reviewer\nmodel: haiku\n---\nYou review.\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def _define(folder: Path, name: str = "reviewer.md", content: bytes = REVIEWER, at: datetime = WRITTEN) -> Path:
    path = folder / "agents" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def _version(config: Path, project: Path | None, name: str = "reviewer", at: datetime = RAN) -> str | None:
    return Definitions(config).version(name, str(project) if project else None, at)


def test_a_definition_of_the_project_and_one_of_the_user_give_a_version(config: Path, project: Path) -> None:
    _define(config)
    of_user = _version(config, project)
    assert of_user
    assert _version(config, None) == of_user
    _define(project / ".claude", content=REVIEWER + b"Be strict.\n")
    of_project = _version(config, project)
    assert of_project not in (None, of_user), "the project's own goes before the user's"
    assert _version(config, None) == of_user


def test_equal_definitions_are_one_version_and_others_are_another(config: Path, project: Path) -> None:
    _define(config)
    _define(project / ".claude", "elsewhere/any name.md")
    assert _version(config, project) == _version(config, None)
    _define(config, content=REVIEWER.replace(b"haiku", b"opus"))
    assert _version(config, project) != _version(config, None)


def test_a_definition_that_was_changed_since_the_run_is_not_what_ran(config: Path) -> None:
    _define(config, at=RAN + timedelta(seconds=1))
    assert _version(config, None) is None
    assert _version(config, None, at=RAN + timedelta(seconds=1)) is not None


def test_a_changed_definition_of_the_project_is_not_replaced_by_the_users(config: Path, project: Path) -> None:
    _define(config)
    _define(project / ".claude", at=RAN + timedelta(days=1))
    assert _version(config, project) is None


@pytest.mark.parametrize(
    "name",
    ["general-purpose", "", "../../etc/passwd", "plugin:reviewer", "a b", "x" * 101, "reviewer\n", "\0", "fork"],
)
def test_an_agent_without_a_definition_has_no_version(name: str, config: Path, project: Path) -> None:
    _define(config)
    assert _version(config, project, name) is None


def test_without_folders_there_are_no_versions(config: Path, project: Path) -> None:
    assert _version(config, project) is None
    assert _version(config, Path("nowhere\0")) is None
    assert _version(config, Path("x" * 5000)) is None


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(b"---\nname: judge\n---\n", "judge", id="its name stands in it"),
        pytest.param(b'---\nname: "judge"\n---\n', "judge", id="in quotes"),
        pytest.param(b"---\r\nname: judge\r\n---\r\n", "judge", id="line ends of another system"),
        pytest.param(b"You judge.\n", "reviewer", id="that of the file where it has none"),
        pytest.param(b"", "reviewer", id="an empty file"),
        pytest.param(b"\xff\xfe\0---\nname: judge\n", "judge", id="whatever else it holds"),
    ],
)
def test_what_a_definition_is_called(content: bytes, name: str, config: Path) -> None:
    _define(config, content=content)
    assert _version(config, None, name) is not None
    assert _version(config, None, "judge" if name == "reviewer" else "reviewer") is None


def test_what_cannot_be_a_definition_is_passed_over(config: Path) -> None:
    _define(config, "huge.md", b"name: reviewer\n" + b"x" * 2_000_000)
    (config / "agents" / "folder.md").mkdir()
    (config / "agents" / "dangling.md").symlink_to(config / "nowhere")
    (config / "agents" / "loop").symlink_to(config / "agents")
    _define(config, "notes.txt")
    assert _version(config, None) is None
    _define(config)
    assert _version(config, None) is not None


async def test_a_delegation_tells_the_version_that_ran(store: Store, tmp_path: Path, config: Path) -> None:
    project, folder = tmp_path / "project", tmp_path / "projects"
    _define(project / ".claude", at=START)
    main = Transcript().asked("Do it.").delegated("toolu_1", "Review.", "reviewer")
    main.delivered("toolu_1", AGENT, "Fine.", agentType="reviewer").answered("Done.")
    agent = Transcript(agent_id=AGENT).asked("Review.").answered("Fine.")
    for line in (*main.lines, *agent.lines):
        line["cwd"] = str(project)
    scripted.write(scripted.main_file(folder), main)
    path = scripted.write(scripted.agent_file(folder), agent)
    scripted.described(path, toolUseId="toolu_1", agentType="reviewer")
    await captured.importing(store, config=config).paths([folder])
    span_id = delegation_span_id(SESSION, AGENT)
    version = (await store.spans([span_id]))[span_id].agent_version
    assert version == _version(config, project, at=START)
    assert version is not None
    # What was known once stays known.
    _define(project / ".claude", content=b"---\nname: reviewer\n---\nOther.\n", at=START + timedelta(days=9))
    with scripted.main_file(folder).open("ab") as file:
        file.write(Transcript(start=START + timedelta(hours=1)).asked("More.").bytes())
    await captured.importing(store, config=config).paths([folder])
    assert (await store.spans([span_id]))[span_id].agent_version == version
