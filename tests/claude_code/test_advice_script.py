"""Hooks hand on the advice that a server has written: once, while it holds, unless that is switched off."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.settings import BadSetting, load
from tests.claude_code import hooked
from tests.claude_code.hooked import answer, configured, posted

HOSTILE = "ünï \"quoted\" \\ back %s %n $HOME `id` {}[]\n- line\ttab \u2028 'x'"


def told(output: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output)["hookSpecificOutput"]
    return found


@pytest.mark.parametrize("text", ["The table.", HOSTILE, "x" * 1199])
def test_a_session_starts_with_the_table(tmp_path: Path, text: str) -> None:
    posted(tmp_path, text)
    assert told(answer(tmp_path, "SessionStart")) == {"hookEventName": "SessionStart", "additionalContext": text}


def test_a_prompt_is_told_only_what_the_session_has_not_seen(tmp_path: Path) -> None:
    posted(tmp_path)
    answer(tmp_path, "SessionStart")
    assert answer(tmp_path, "UserPromptSubmit") == b""
    posted(tmp_path, "With newer figures.")
    assert answer(tmp_path, "UserPromptSubmit") == b""
    posted(tmp_path, "A new table.", revision="r2")
    assert told(answer(tmp_path, "UserPromptSubmit")) == {
        "hookEventName": "UserPromptSubmit",
        "additionalContext": "A new table.",
    }
    assert answer(tmp_path, "UserPromptSubmit") == b""


def test_a_prompt_is_told_what_was_not_known_when_the_session_started(tmp_path: Path) -> None:
    assert answer(tmp_path, "SessionStart") == b""
    posted(tmp_path)
    assert told(answer(tmp_path, "UserPromptSubmit"))["additionalContext"] == "The table."


def test_a_session_that_starts_anew_is_told_again(tmp_path: Path) -> None:
    """After a clear or a compaction nothing of it is left in the context."""
    posted(tmp_path)
    assert answer(tmp_path, "SessionStart") == answer(tmp_path, "SessionStart") != b""


def test_sessions_are_told_each_for_itself(tmp_path: Path) -> None:
    posted(tmp_path)
    answer(tmp_path, "SessionStart", CLAUDE_PID="1")
    assert answer(tmp_path, "UserPromptSubmit", CLAUDE_PID="2") != b""
    assert answer(tmp_path, "UserPromptSubmit", CLAUDE_PID="1") == b""


@pytest.mark.parametrize("process_id", ["", "../../x", "1 2", "*"])
def test_without_a_process_to_remember_by_only_the_start_is_told(tmp_path: Path, process_id: str) -> None:
    folder = posted(tmp_path)
    assert answer(tmp_path, "SessionStart", CLAUDE_PID=process_id) != b""
    assert answer(tmp_path, "UserPromptSubmit", CLAUDE_PID=process_id) == b""
    assert list((folder / "shown").iterdir()) == []


def test_where_nothing_can_be_noted_a_prompt_is_not_told_for_ever(tmp_path: Path) -> None:
    folder = posted(tmp_path)
    (folder / "shown").rmdir()
    assert answer(tmp_path, "SessionStart") != b""
    assert answer(tmp_path, "UserPromptSubmit") == b""


@pytest.mark.parametrize(
    "event", ["SessionEnd", "Stop", "SubagentStart", "SubagentStop", "PostToolUse", "PreToolUse", ""]
)
def test_no_other_event_is_answered(tmp_path: Path, event: str) -> None:
    posted(tmp_path)
    assert answer(tmp_path, event) == b""


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(shutil.rmtree, id="no folder"),
        pytest.param(lambda folder: (folder / "advice").unlink(), id="no file"),
        pytest.param(lambda folder: (folder / "advice").write_text("advice 1 r\n"), id="half a file"),
        pytest.param(lambda folder: (folder / "advice").write_text("advice 2 r\n{}\n"), id="of another version"),
        pytest.param(lambda folder: (folder / "advice").write_text(""), id="empty"),
        pytest.param(lambda folder: (folder / "advice").write_bytes(b"\0" * 100_000), id="no text"),
        pytest.param(lambda folder: hooked.make_fifo(folder / "advice"), id="a pipe that nobody writes to"),
        pytest.param(
            lambda folder: (folder / "advice").rename(folder / "x") or (folder / "advice").mkdir(), id="a folder"
        ),
    ],
)
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
def test_what_is_not_there_or_not_whole_is_silence(tmp_path: Path, spoil: Callable[[Path], object], event: str) -> None:
    folder = posted(tmp_path)
    spoil(folder)
    if (folder / "advice").exists():
        in_a_day = (folder / "advice").stat().st_ctime + 86_400
        os.utime(folder / "advice", (in_a_day, in_a_day))
    assert answer(tmp_path, event) == b""


@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_what_is_stale_is_silence(tmp_path: Path, event: str, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    posted(tmp_path, left=timedelta(minutes=1))
    assert answer(tmp_path, event, shell=shell) != b""
    posted(tmp_path, revision="r2", left=timedelta(minutes=-1))
    assert answer(tmp_path, event, shell=shell) == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_not_handed_on(tmp_path: Path) -> None:
    os.chown(posted(tmp_path) / "advice", 65534, 65534)
    assert answer(tmp_path, "SessionStart") == b""


@pytest.mark.parametrize(
    ("config", "environment", "speaks"),
    [
        pytest.param('db = "x.db"\n', {}, True, id="not set"),
        pytest.param('routing = "advise"\n', {}, True, id="set"),
        pytest.param('routing = "advise" # or "off"', {}, True, id="with a comment, no end of line"),
        pytest.param('routing = "auto"\n', {}, True, id="auto advises too"),
        pytest.param('db = "x.db"\nrouting="off"', {}, False, id="off"),
        pytest.param("  routing = 'off' # please\n", {}, False, id="off, otherwise written"),
        pytest.param('routing = "off" # or "advise"\n', {}, False, id="off, with a comment"),
        pytest.param('[task_types]\nrouting = "off"\n', {}, True, id="off is something else"),
        pytest.param('routing = "off"\n[task_types]\nrouting = "advise"\n', {}, False, id="off, and something else"),
        pytest.param('# routing = "off"\n', {}, True, id="only in a comment"),
        pytest.param('"routing" = "off"\n', {}, False, id="off, with quotes"),
        pytest.param('routing = "off"\n', {"DELEGATION_TELEMETRY_ROUTING": "advise"}, True, id="environment first"),
        pytest.param("", {"DELEGATION_TELEMETRY_ROUTING": "off"}, False, id="off in the environment"),
        pytest.param('routing = "advise"\n', {"DELEGATION_TELEMETRY_ROUTING": "off"}, False, id="off, first"),
        pytest.param('routing = "off"\n', {"DELEGATION_TELEMETRY_ROUTING": ""}, False, id="empty is not set"),
    ],
)
def test_hooks_and_server_agree_on_what_is_set(
    tmp_path: Path, config: str, environment: dict[str, str], *, speaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted(tmp_path)
    configured(tmp_path, config)
    assert bool(answer(tmp_path, "SessionStart", **environment)) is speaks
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), **environment}.items():
        monkeypatch.setenv(name, value)
    settings = load({})
    assert (settings.routing != "off") is speaks
    assert settings.routing_folder == tmp_path / hooked.DATA / "routing"


def test_a_word_that_means_nothing_is_silence_and_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posted(tmp_path)
    assert answer(tmp_path, "SessionStart", DELEGATION_TELEMETRY_ROUTING="on") == b""
    configured(tmp_path, 'routing = "none"')
    assert answer(tmp_path, "SessionStart") == b""
    monkeypatch.setenv("DELEGATION_TELEMETRY_ROUTING", "on")
    with pytest.raises(BadSetting, match="'off', 'advise' or 'auto'"):
        load({"db": "x.db"})


def test_nothing_is_left_behind_but_the_event_and_a_note(tmp_path: Path) -> None:
    folder = posted(tmp_path)
    answer(tmp_path, "SessionStart")
    assert sorted(path.name for path in folder.rglob("*")) == ["4711", "advice", "shown"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))
