"""After each fit hooks find what was learned, and nothing that is not known."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcp_server.analysis.routing.decisions import Known
from mcp_server.analysis.routing.hierarchy import HierarchicalRouter
from mcp_server.analysis.routing.rollups import Judged
from mcp_server.service.briefing import Briefing
from mcp_server.service.hook_files import HookFiles
from tests.analysis.routing.logs import LARGE, SMALL, history_of, judged
from tests.claude_code import hooked

pytestmark = pytest.mark.anyio

CLEAR = (judged(LARGE, [1.0] * 20), judged(SMALL, [0.0] * 14 + [1.0] * 6))
NOTHING = (judged(LARGE, [1.0]),)
OPUS: Mapping[str, str] = {"large": "opus"}


async def brief(
    home: Path,
    *logs: list[Judged],
    mode: str = "advise",
    alias_of: Mapping[str, str] = OPUS,
    now: datetime | None = None,
) -> Path:
    files = HookFiles(home / hooked.DATA / "routing")
    known = history_of(*logs)
    briefing = Briefing(files, mode=mode, clock=lambda: now or datetime.now(UTC))
    await briefing.after_fit(Known(history=known, router=HierarchicalRouter(known)), list(known.by_arm), alias_of)
    return files.folder


async def test_the_next_session_is_told(tmp_path: Path) -> None:
    await brief(tmp_path, *CLEAR)
    told = json.loads(hooked.answer(tmp_path, "SessionStart"))["hookSpecificOutput"]["additionalContext"]
    assert "- search: Explore on large (model: opus); 20 judged" in told
    assert len(told) < 1_200


async def test_the_next_delegation_runs_on_the_best_model(tmp_path: Path) -> None:
    await brief(tmp_path, *CLEAR)
    call = {"prompt": "x", "subagent_type": "Explore"}
    event = {**hooked.SESSION, "tool_name": "Agent", "tool_input": call}
    answer = hooked.answer(tmp_path, "PreToolUse", event, DELEGATION_TELEMETRY_ROUTING="auto")
    assert json.loads(answer)["hookSpecificOutput"]["updatedInput"] == {**call, "model": "opus"}


@pytest.mark.parametrize(
    "alias_of",
    [
        pytest.param({}, id="nobody ever asked for it"),
        pytest.param({"small": "opus"}, id="the alias stands for another model"),
    ],
)
async def test_without_a_certain_alias_no_model_is_named(alias_of: dict[str, str], tmp_path: Path) -> None:
    folder = await brief(tmp_path, *CLEAR, alias_of=alias_of)
    assert sorted(path.name for path in folder.iterdir()) == ["advice", "shown"]


async def test_what_is_enough_to_be_told_is_not_enough_to_set_a_model(tmp_path: Path) -> None:
    hardly = judged(LARGE, [1.0] * 9), judged(SMALL, [0.0] * 14 + [1.0] * 6)
    folder = await brief(tmp_path, *hardly)
    assert sorted(path.name for path in folder.iterdir()) == ["advice", "shown"]
    folder = await brief(tmp_path, *hardly, judged(LARGE, [1.0], first=9))
    assert sorted(path.name for path in folder.iterdir()) == ["advice", "models", "shown"]


async def test_what_is_known_no_longer_is_taken_away(tmp_path: Path) -> None:
    await brief(tmp_path, *CLEAR)
    folder = await brief(tmp_path, *NOTHING)
    assert [path.name for path in folder.iterdir()] == ["shown"]
    assert hooked.answer(tmp_path, "SessionStart") == b""


async def test_after_a_week_hooks_are_silent(tmp_path: Path) -> None:
    await brief(tmp_path, *CLEAR, now=datetime.now(UTC) - timedelta(days=6.9))
    assert hooked.answer(tmp_path, "SessionStart") != b""
    await brief(tmp_path, *CLEAR, now=datetime.now(UTC) - timedelta(days=7.1))
    assert hooked.answer(tmp_path, "SessionStart") == b""


async def test_switched_off_nothing_is_written(tmp_path: Path) -> None:
    folder = await brief(tmp_path, *CLEAR, mode="off")
    assert not folder.exists()


async def test_a_folder_that_cannot_be_written_to_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file")
    await brief(tmp_path, *CLEAR)


async def test_files_are_for_their_user_alone_and_leave_no_others_behind(tmp_path: Path) -> None:
    for _ in range(2):
        folder = await brief(tmp_path, *CLEAR)
    assert sorted(path.name for path in folder.iterdir()) == ["advice", "models", "shown"]
    assert {path.stat().st_mode & 0o077 for path in (folder.parent, folder, *folder.iterdir())} == {0}


async def test_notes_of_long_ago_are_removed(tmp_path: Path) -> None:
    folder = await brief(tmp_path, *CLEAR)
    for name, days in (("1", 31), ("2", 29)):
        (folder / "shown" / name).write_text("advice 1 r\n")
        then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
        os.utime(folder / "shown" / name, (then, then))
    await brief(tmp_path, *CLEAR)
    assert [path.name for path in (folder / "shown").iterdir()] == ["2"]


def test_only_agents_whose_definition_a_hook_can_see_are_named(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    models = {"Explore": "opus", "demo:reviewer": "opus", "a b": "opus", "x\ny": "opus", "Plan": "claude-opus-5-5"}
    HookFiles(tmp_path).write(text=None, revision="r", models=models, now=now, until=now)
    assert (tmp_path / "models").read_text() == "models 1\nExplore opus\n"
