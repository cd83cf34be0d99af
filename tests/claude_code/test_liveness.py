"""What has no end yet is running where the client's register says so, and lost otherwise."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id
from mcp_server.ingest.claude_code.liveness import QUIET_AFTER, Liveness
from storage.store import Store
from storage.vocabulary import Status
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import AGENT, NEWEST, OTHER_SESSION, SESSION, START, Transcript

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what a process is told apart by is in /proc"),
]

OLD: Final = "2.1.20"


def _started(pid: int) -> str:
    """When a process started, as the system counts it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]


def _registered(config: Path, number: int, **record: Any) -> None:
    register = config / "sessions"
    register.mkdir(parents=True, exist_ok=True)
    told = {"pid": number, "sessionId": SESSION} | record
    (register / f"{number}.json").write_text(json.dumps(told), encoding="utf-8")


def _may_go_on(config: Path, version: str | None = NEWEST, last: timedelta = -timedelta(days=30)) -> bool | None:
    return Liveness(config, START).may_go_on(SESSION, version, START + last)


@pytest.fixture
def ended_pid() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_session_whose_process_runs_goes_on_however_long_it_is_silent(tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid(), procStart=_started(os.getpid()))
    assert _may_go_on(tmp_path) is True


def test_a_register_that_tells_no_start_is_believed(tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid())
    assert _may_go_on(tmp_path) is True


def test_a_session_whose_process_has_ended_is_over_at_once(tmp_path: Path, ended_pid: int) -> None:
    _registered(tmp_path, ended_pid)
    assert _may_go_on(tmp_path, last=timedelta(0)) is False


def test_a_session_whose_process_number_was_given_to_another_is_over(tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid(), procStart=str(int(_started(os.getpid())) - 1))
    assert _may_go_on(tmp_path, last=timedelta(0)) is False


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    sleeping = tmp_path / "a (b) c) d"
    sleeping.symlink_to(sys.executable)
    process = subprocess.Popen([str(sleeping), "-c", "input()"], stdin=subprocess.PIPE)
    try:
        _registered(tmp_path, process.pid, procStart=_started(process.pid))
        assert _may_go_on(tmp_path) is True
    finally:
        process.communicate()


def test_a_session_that_the_register_does_not_name_is_over(tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid(), sessionId=OTHER_SESSION)
    assert _may_go_on(tmp_path, last=timedelta(0)) is False


def test_an_empty_register_tells_that_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    assert _may_go_on(tmp_path, last=timedelta(0)) is False


@pytest.mark.parametrize(
    ("version", "has_register"),
    [
        pytest.param(NEWEST, False, id="no client ever kept a register"),
        pytest.param(OLD, True, id="a client that does not know the register"),
        pytest.param(None, True, id="a client that does not tell its version"),
        pytest.param("not.a.version", True, id="a version that is none"),
    ],
)
@pytest.mark.parametrize(
    ("last", "told"),
    [
        pytest.param(timedelta(0), None, id="just now"),
        pytest.param(-QUIET_AFTER + timedelta(seconds=1), None, id="not yet silent for long"),
        pytest.param(-QUIET_AFTER, False, id="silent for long"),
        pytest.param(timedelta(minutes=1), None, id="a clock that is a little wrong"),
        pytest.param(timedelta(days=9), False, id="a clock that is quite wrong"),
    ],
)
def test_without_a_register_only_silence_tells(
    version: str | None,
    has_register: bool,  # noqa: FBT001 - a table of cases
    last: timedelta,
    told: bool | None,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    if has_register:
        _registered(tmp_path, os.getpid(), sessionId=OTHER_SESSION)
    assert _may_go_on(tmp_path, version, last) is told


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"pid":"x"}', b'{"pid":-1,"sessionId":"x"}', b'{"sessionId":{}}', b"\xff\xfe"],
    ids=repr,
)
def test_an_entry_that_cannot_be_read_takes_nothing_from_the_others(content: bytes, tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid())
    (tmp_path / "sessions" / "1.json").write_bytes(content)
    (tmp_path / "sessions" / "folder.json").mkdir()
    (tmp_path / "sessions" / "dangling.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "sessions" / "notes.txt").write_bytes(content)
    assert _may_go_on(tmp_path) is True


def test_an_entry_without_a_process_is_none_of_a_running_session(tmp_path: Path) -> None:
    _registered(tmp_path, os.getpid(), pid=None)
    assert _may_go_on(tmp_path) is False


def _open_delegation(folder: Path) -> None:
    """An agent in the middle of its work."""
    main = Transcript().asked("Do it.").delegated("toolu_1", "Survey.")
    agent = Transcript(agent_id=AGENT).asked("Survey.").used("toolu_x", command="sleep 999")
    scripted.write(scripted.main_file(folder), main)
    scripted.described(scripted.write(scripted.agent_file(folder), agent), toolUseId="toolu_1")


async def test_an_open_delegation_runs_as_long_as_its_process_and_is_lost_then(store: Store, tmp_path: Path) -> None:
    _open_delegation(tmp_path / "projects")
    _registered(tmp_path, os.getpid())
    span_id = delegation_span_id(SESSION, AGENT)
    for _ in range(2):
        await captured.importing(store, config=tmp_path).paths([tmp_path / "projects"])
        assert (await store.spans([span_id]))[span_id].status is Status.RUNNING
    (tmp_path / "sessions" / f"{os.getpid()}.json").unlink()
    await captured.importing(store, config=tmp_path).paths([tmp_path / "projects"])
    span = (await store.spans([span_id]))[span_id]
    assert (span.status, span.error) == (Status.LOST, "client_killed")


async def test_a_lost_delegation_runs_again_once_its_session_is_resumed(store: Store, tmp_path: Path) -> None:
    _open_delegation(tmp_path / "projects")
    (tmp_path / "sessions").mkdir()
    span_id = delegation_span_id(SESSION, AGENT)
    await captured.importing(store, config=tmp_path).paths([tmp_path / "projects"])
    assert (await store.spans([span_id]))[span_id].status is Status.LOST
    _registered(tmp_path, os.getpid())
    more = Transcript(agent_id=AGENT, start=START + timedelta(minutes=5)).result("toolu_x").used("toolu_y")
    with scripted.agent_file(tmp_path / "projects").open("ab") as file:
        file.write(more.bytes())
    await captured.importing(store, config=tmp_path).paths([tmp_path / "projects"])
    span = (await store.spans([span_id]))[span_id]
    assert (span.status, span.ended_at, span.error) == (Status.RUNNING, None, None)
