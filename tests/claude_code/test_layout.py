"""Transcripts are found and grouped by session in every layout that the client has had."""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code import layout
from tests.claude_code import captured
from tests.claude_code.scripted import AGENT, OTHER_AGENT, OTHER_SESSION, SESSION

PROJECT: Final = "-home-user-project"


def _line(session_id: str = SESSION, **fields: Any) -> bytes:
    return json.dumps({"type": "user", "uuid": "u1", "parentUuid": None, "sessionId": session_id} | fields).encode()


def _place(folder: Path, *names: str, content: bytes | None = None) -> Path:
    path = folder.joinpath(PROJECT, *names)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((_line() if content is None else content) + b"\n")
    return path


def _found(*roots: Path) -> tuple[dict[Path, None], layout.Complain]:
    complaints: layout.Complain = []
    paths = {path: None for root in roots for path in layout.jsonl_files(root, complaints)}
    return paths, complaints


def _grouped(folder: Path) -> dict[str, tuple[str | None, dict[str, str | None]]]:
    """Session id -> name of its main transcript, and agent id -> id of the workflow run."""
    paths, complaints = _found(folder)
    assert complaints == []
    return {
        files.session_id: (
            files.main.name if files.main else None,
            {agent.agent_id: agent.run_id for agent in files.agents},
        )
        for files in layout.group(paths)
    }


@pytest.mark.parametrize(
    ("beside", "run_id"),
    [
        pytest.param((f"agent-{AGENT}.jsonl",), None, id="beside the main transcript, as the oldest clients do"),
        pytest.param((SESSION, "subagents", f"agent-{AGENT}.jsonl"), None, id="in the session's folder"),
        pytest.param((SESSION, "subagents", "workflows", "wf_1", f"agent-{AGENT}.jsonl"), "wf_1", id="in a workflow"),
        pytest.param((SESSION, "subagents", "later", f"agent-{AGENT}.jsonl"), None, id="somewhere below"),
        pytest.param(
            (SESSION, "subagents", "workflows", "wf_1", "deep", f"agent-{AGENT}.jsonl"), "wf_1", id="below a workflow"
        ),
    ],
)
def test_an_agents_transcript_belongs_to_its_session(
    beside: tuple[str, ...], run_id: str | None, tmp_path: Path
) -> None:
    _place(tmp_path, f"{SESSION}.jsonl")
    _place(tmp_path, *beside)
    assert _grouped(tmp_path) == {SESSION: (f"{SESSION}.jsonl", {AGENT: run_id})}


def test_agents_without_a_main_transcript_are_a_session_as_well(tmp_path: Path) -> None:
    _place(tmp_path, SESSION, "subagents", f"agent-{AGENT}.jsonl")
    _place(tmp_path, f"agent-{OTHER_AGENT}.jsonl", content=_line(OTHER_SESSION))
    assert _grouped(tmp_path) == {SESSION: (None, {AGENT: None}), OTHER_SESSION: (None, {OTHER_AGENT: None})}


def test_one_session_id_in_two_projects_is_read_in_each(tmp_path: Path) -> None:
    for name in ("one", "other"):
        _place(tmp_path / name, f"{SESSION}.jsonl")
    paths, _ = _found(tmp_path)
    assert [files.home.parent.name for files in layout.group(paths)] == ["one", "other"]


def test_where_an_old_agent_names_two_sessions_it_belongs_to_the_one_with_a_transcript(tmp_path: Path) -> None:
    _place(tmp_path, f"{OTHER_SESSION}.jsonl", content=_line(OTHER_SESSION))
    (tmp_path / PROJECT / f"{SESSION}.jsonl").touch()
    _place(tmp_path, f"agent-{AGENT}.jsonl", content=_line(SESSION) + b"\n" + _line(OTHER_SESSION))
    assert _grouped(tmp_path)[OTHER_SESSION][1] == {AGENT: None}


def test_a_transcript_that_begins_midway_goes_on_where_its_agent_was_launched(tmp_path: Path) -> None:
    first = _place(tmp_path, SESSION, "subagents", f"agent-{AGENT}.jsonl")
    later = _place(tmp_path, OTHER_SESSION, "subagents", f"agent-{AGENT}.jsonl", content=_line(parentUuid="u1"))
    (files,) = layout.group(_found(tmp_path)[0])
    assert (files.session_id, [agent.parts for agent in files.agents]) == (SESSION, [[first, later]])


def test_two_transcripts_of_one_agent_that_both_begin_at_the_start_stay_apart(tmp_path: Path) -> None:
    for session_id in (SESSION, OTHER_SESSION):
        _place(tmp_path, session_id, "subagents", f"agent-{AGENT}.jsonl", content=_line(session_id))
    assert _grouped(tmp_path) == {SESSION: (None, {AGENT: None}), OTHER_SESSION: (None, {AGENT: None})}


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((SESSION, "subagents", "workflows", "wf_1", "journal.jsonl"), id="a workflow's journal"),
        pytest.param(("history.jsonl",), id="the client's history of prompts"),
        pytest.param((SESSION, "subagents", "agent-.jsonl"), id="an agent without an id"),
        pytest.param((SESSION, "subagents", "agent-a b.jsonl"), id="an agent whose id is none"),
        pytest.param((SESSION, "subagents", f"agent-{'x' * 101}.jsonl"), id="an agent with too long an id"),
        pytest.param(("a b", "subagents", f"agent-{AGENT}.jsonl"), id="a session whose id is none"),
        pytest.param(("sessions-index.json",), id="other JSON"),
        pytest.param((SESSION, "subagents", f"agent-{AGENT}.meta.json"), id="a description without its agent"),
        pytest.param((f"{SESSION}.jsonl.bak",), id="a copy under another ending"),
    ],
)
def test_what_is_no_transcript_is_left_out(names: tuple[str, ...], tmp_path: Path) -> None:
    _place(tmp_path, f"{OTHER_SESSION}.jsonl")
    _place(tmp_path, *names)
    assert _grouped(tmp_path) == {OTHER_SESSION: (f"{OTHER_SESSION}.jsonl", {})}


@pytest.mark.parametrize("name", ["backup of it.jsonl", "é" * 100 + ".jsonl", "-.jsonl", "...jsonl"])
def test_a_copy_under_another_name_is_the_session_that_its_lines_name(name: str, tmp_path: Path) -> None:
    _place(tmp_path, name)
    assert _grouped(tmp_path) == {SESSION: (name, {})}


@pytest.mark.parametrize("session_id", ["../..", "", "a/b", "x" * 101, 7, None, ".hidden"])
def test_a_session_id_that_cannot_be_part_of_a_path_is_none(session_id: Any, tmp_path: Path) -> None:
    _place(tmp_path, "copy.jsonl", content=_line(session_id))
    _place(tmp_path, f"agent-{AGENT}.jsonl", content=_line(session_id))
    (tmp_path / PROJECT / "copy.jsonl").rename(tmp_path / PROJECT / f"{SESSION}.jsonl")
    assert _grouped(tmp_path) == {SESSION: (f"{SESSION}.jsonl", {})}


def test_loops_of_links_end_and_nothing_is_found_twice(tmp_path: Path) -> None:
    main = _place(tmp_path, f"{SESSION}.jsonl")
    (tmp_path / "up").symlink_to(tmp_path)
    (tmp_path / PROJECT / "self").symlink_to(tmp_path / PROJECT / "self")
    (tmp_path / PROJECT / "up").symlink_to(tmp_path)
    (tmp_path / "alias.jsonl").symlink_to(main)
    (tmp_path / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    assert _found(tmp_path, main) == ({main: None}, [])


def test_what_lies_behind_a_link_is_found_under_its_real_name(tmp_path: Path) -> None:
    main = _place(tmp_path / "elsewhere", f"{SESSION}.jsonl")
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "linked").symlink_to(tmp_path / "elsewhere")
    assert _found(tmp_path / "projects") == ({main: None}, [])


def test_what_lies_very_deep_is_not_looked_for(tmp_path: Path) -> None:
    _place(tmp_path, *"abcdefgh", "seen.jsonl")
    _place(tmp_path, *"abcdefghijklmnop", "unseen.jsonl")
    assert [path.name for path in _found(tmp_path)[0]] == ["seen.jsonl"]


def test_files_come_in_an_order_that_does_not_depend_on_the_disk(tmp_path: Path) -> None:
    names = [f"{number:x}.jsonl" for number in range(16)]
    for name in reversed(names):
        _place(tmp_path, name)
    assert sorted(path.name for path in _found(tmp_path)[0]) == sorted(names)
    once, again = layout.group(_found(tmp_path)[0]), layout.group(dict(reversed(_found(tmp_path)[0].items())))
    assert [files.main for files in once] == [files.main for files in again]


def test_a_file_may_be_named_by_itself_and_what_is_none_is_complained_about(tmp_path: Path) -> None:
    main = _place(tmp_path, f"{SESSION}.jsonl")
    assert _found(main) == ({main: None}, [])
    paths, complaints = _found(tmp_path / "nowhere")
    assert (paths, complaints) == ({}, [(tmp_path / "nowhere", "No such file or directory")])
    os.mkfifo(tmp_path / "pipe")
    assert [path.name for path, _ in _found(tmp_path / "pipe")[1]] == ["pipe"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b'{"a":1}', {"a": 1}, id="an object"),
        pytest.param(b"[1]", {}, id="no object"),
        pytest.param(b"{", {}, id="torn"),
        pytest.param(b"\xff\xfe", {}, id="no text"),
        pytest.param(b"[" * 100_000, {}, id="nested too deeply"),
        pytest.param(b'{"a":"' + b"x" * 5_000_000 + b'"}', {}, id="too large"),
    ],
)
def test_a_small_object_beside_a_transcript(content: bytes, found: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "x.meta.json"
    assert layout.load_json(path) == {}
    path.write_bytes(content)
    assert layout.load_json(path) == found


def _record(folder: Path, progress: Any) -> dict[str, int]:
    _place(folder, f"{SESSION}.jsonl")
    _place(folder, SESSION, "subagents", "workflows", "wf_1", f"agent-{AGENT}.jsonl")
    _place(folder, SESSION, "workflows", "wf_1.json", content=json.dumps({"workflowProgress": progress}).encode())
    (files,) = layout.group(_found(folder)[0])
    return layout.run_durations(files)


@pytest.mark.parametrize(
    ("progress", "durations"),
    [
        pytest.param([{"agentId": AGENT, "durationMs": 7}, {"type": "phase"}], {AGENT: 7}, id="as the client writes"),
        pytest.param(None, {}, id="nothing"),
        pytest.param(
            [None, 3, [], {"agentId": 3, "durationMs": 7}, {"agentId": AGENT, "durationMs": -1}], {}, id="odd"
        ),
    ],
)
def test_durations_of_a_workflows_agents(progress: Any, durations: dict[str, int], tmp_path: Path) -> None:
    assert _record(tmp_path, progress) == durations


@pytest.mark.parametrize("scenario", captured.SCENARIOS)
def test_captured_sessions_lie_where_they_are_looked_for(scenario: str) -> None:
    grouped = _grouped(captured.projects(scenario))
    for session in captured.expected(scenario)["sessions"]:
        agents = {one["agent_id"] for one in session["delegations"]}
        others = {one["agent_id"] for one in session["other_agents"]}
        if agents or session["totals"]["main_api_messages"]:
            assert grouped[session["session_id"]][1].keys() == agents | others
