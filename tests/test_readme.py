"""The README says what is true: its commands are those that are checked, and it leaves nothing out."""

import re
from pathlib import Path
from typing import Final

import pytest

from mcp_server.cli.main import COMMANDS
from mcp_server.settings import PREFIX, Settings

ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
CI: Final = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
ON_A_PAGE_OF_ITS_OWN: Final = {"budgets": "insights.md"}
SET_BY_THE_CLIENT: Final = {"session_id", "project", "spool_of_last_resort"}
FOLLOWS_FROM_OTHERS: Final = {"is_own_db"}
IN_THE_FILE_ALONE: Final = {"task_types"}


def chains() -> list[str]:
    """The commands that make an environment."""
    return re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)


def test_two_commands_set_everything_up() -> None:
    demo, tests = chains()
    assert demo.endswith("delegation-telemetry demo")
    assert tests.endswith("python -m pytest")


def test_what_is_checked_is_the_test_command_word_for_word() -> None:
    assert chains()[1] in CI.splitlines()


def test_every_setting_is_named() -> None:
    named = set(re.findall(rf"{PREFIX}(\w+)", README))
    others = (
        Settings.model_fields.keys()
        - SET_BY_THE_CLIENT
        - FOLLOWS_FROM_OTHERS
        - IN_THE_FILE_ALONE
        - ON_A_PAGE_OF_ITS_OWN.keys()
    )
    assert {name.upper() for name in others} <= named
    assert all(f"`[{name}]`" in README for name in IN_THE_FILE_ALONE)
    for name, page in ON_A_PAGE_OF_ITS_OWN.items():
        assert name in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_every_local_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page(command: str) -> None:
    assert f"## {command}" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml", ".ci/run"])
def test_no_registry_is_named(name: str) -> None:
    assert not re.search(r"https?://", (ROOT / name).read_text(encoding="utf-8"))
