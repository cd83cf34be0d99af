"""Whatever is wrong with the store or with an event: answers come, and nothing that was spooled is lost."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import anyio
import pytest

from mcp_server.ingest.pricing import cost_usd
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.capturing import Capturing
from mcp_server.service.importing import Importing
from mcp_server.service.reporting import Reporting
from storage.errors import StoreBusy, StoreCorrupt, StoreError
from storage.opening import open_store
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore
from storage.store import Store
from tests.claude_code import captured, telling
from tests.claude_code.telling import Event
from tests.factories import at

pytestmark = pytest.mark.anyio

EVENTS: Final = telling.told("success")
SESSION: Final = EVENTS[0].payload["session_id"]
REST: Final = telling.told("nested")
OTHER_SESSION: Final = REST[0].payload["session_id"]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """With what one session's hooks told."""
    telling.leave_all(tmp_path / "spool", EVENTS)
    return tmp_path / "spool"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


@pytest.fixture
def impatient(database: Path) -> Store:
    """A store that does not wait long for a lock."""
    return SqliteStore(Engine(database, busy_timeout_s=0.01))


def reporting(store: Store, spool: Path, patience_s: float | None = None) -> Reporting:
    return Reporting(store, feed=telling.capturing(store, [spool], patience_s=patience_s))


def waiting(spool: Path) -> int:
    return len(list(spool.iterdir()))


async def told_of(reports: Reporting) -> set[str]:
    """The sessions of which an answer tells."""
    return {session["session_id"] for session in (await reports.sessions())["sessions"]}


async def test_a_locked_database_answers_from_what_it_holds_and_takes_the_rest_when_it_is_free(
    impatient: Store, database: Path, spool: Path
) -> None:
    reports = reporting(impatient, spool)
    assert await told_of(reports) == {SESSION}
    telling.leave_all(spool, REST)
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("begin immediate")
    assert await told_of(reports) == {SESSION}
    assert waiting(spool) == len(REST)
    other.execute("rollback")
    other.close()
    assert await told_of(reports) == {SESSION, OTHER_SESSION}
    assert waiting(spool) == 0
    await impatient.close()


async def test_a_full_database_answers_from_what_it_holds_and_takes_the_rest_when_there_is_room(
    store: Store, database: Path, spool: Path
) -> None:
    assert isinstance(store, SqliteStore)
    reports = reporting(store, spool)
    assert await told_of(reports) == {SESSION}
    telling.leave_all(spool, REST)
    await store._engine.outside(lambda connection: connection.execute("pragma max_page_count = 1").fetchall())
    telling.leave(spool, _large())
    assert await told_of(reports) == {SESSION}
    assert waiting(spool) == len(REST) + 1
    await store._engine.outside(lambda connection: connection.execute("pragma max_page_count = 999999").fetchall())
    assert OTHER_SESSION in await told_of(reports)
    assert waiting(spool) == 0


def _large() -> Event:
    """An event that needs room."""
    return Event(at(60), REST[1].payload | {"prompt": os.urandom(100_000).hex()})


_AS_NOBODY: Final = """
import asyncio, os, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from storage.opening import open_store
from tests.claude_code import telling
from mcp_server.service.reporting import Reporting

async def answers(database, spool):
    store = open_store(database)
    feed = telling.capturing(store, [Path(spool)])
    answer = await Reporting(store, feed=feed).sessions()
    await store.close()
    return [session["session_id"] for session in answer["sessions"]]

if os.environ.get("READS_ONLY"):
    # Once as somebody who may read it all: later not even Python's own modules may be.
    asyncio.run(answers(sys.argv[1] + ".first", sys.argv[1]))
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print(*asyncio.run(answers(*sys.argv[1:3])))
"""


def _program(database: Path, spool: Path) -> list[str]:
    program = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(_AS_NOBODY), str(database), str(spool)]
    return [*program, *(part for part in sys.path if part)]


def _asked(database: Path, spool: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = _program(database, spool)
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
async def test_a_database_that_may_only_be_read_answers_and_the_events_wait(spool: Path) -> None:
    place = Path(f"/tmp/read-only-{os.getpid()}")  # every folder above pytest's own belongs to its user alone
    place.mkdir()
    try:
        store = open_store(str(place / "t.db"))
        assert await told_of(reporting(store, spool)) == {SESSION}
        await store.close()
        telling.leave_all(place / "spool", REST)
        for path in (place / "spool", *(place / "spool").iterdir()):
            os.chown(path, 65534, 65534)
        (place / "t.db").chmod(0o444)
        place.chmod(0o555)
        run = _asked(place / "t.db", place / "spool", {**os.environ, "READS_ONLY": "1"})
        assert (run.stderr, run.stdout.split()) == ("", [SESSION])
        assert waiting(place / "spool") == len(REST)
        for path in (place / "t.db", place / "spool", *(place / "spool").iterdir()):
            os.chown(path, 0, 0)
        store = open_store(str(place / "t.db"))
        assert await told_of(reporting(store, place / "spool")) == {SESSION, OTHER_SESSION}
        assert waiting(place / "spool") == 0
        await store.close()
    finally:
        shutil.rmtree(place)


async def test_a_corrupt_database_is_named_and_the_events_wait_until_there_is_another(
    store: Store, database: Path, spool: Path
) -> None:
    database.write_bytes(b"no database at all" * 1000)
    reports = reporting(store, spool)
    with pytest.raises(StoreCorrupt, match="restore a backup"):
        await reports.sessions()
    assert waiting(spool) == len(EVENTS)
    database.unlink()
    assert await told_of(reports) == {SESSION}
    assert waiting(spool) == 0


async def test_a_database_that_is_deleted_begins_anew_with_what_comes(
    store: Store, database: Path, spool: Path
) -> None:
    reports = reporting(store, spool)
    assert await told_of(reports) == {SESSION}
    for path in database.parent.glob("telemetry.db*"):
        path.unlink()
    telling.leave_all(spool, REST)
    assert await told_of(reports) == {OTHER_SESSION}
    assert waiting(spool) == 0


async def test_who_waits_for_everything_is_told_why_it_cannot_be_kept(
    impatient: Store, database: Path, spool: Path
) -> None:
    await impatient.open_sources()
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(StoreBusy):
        await telling.capturing(impatient, [spool]).catch_up()
    with pytest.raises(StoreError):
        await telling.capturing(impatient).event(EVENTS[0].payload)
    other.close()
    assert waiting(spool) == len(EVENTS)
    await impatient.close()


class _Slow:
    """A reader of transcripts that a test holds back."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def price(self, *arguments: Any, **options: Any) -> float | None:
        self.begun.set()
        assert self.go_on.wait(60), "the test lets it go on"
        return cost_usd(*arguments, **options)


@pytest.fixture
def slow() -> Iterator[_Slow]:
    held = _Slow()
    yield held
    held.go_on.set()


async def test_an_answer_waits_no_longer_than_its_patience_and_the_next_one_has_what_came_in_meanwhile(
    store: Store, tmp_path: Path, slow: _Slow
) -> None:
    spool, config = tmp_path / "spool", tmp_path / "config"
    shutil.copytree(captured.projects("parallel"), config / "projects")
    (main,) = (config / "projects").glob("*/*.jsonl")
    telling.leave(
        spool,
        Event(at(0), {"session_id": main.stem, "transcript_path": str(main), "hook_event_name": "SessionEnd"}),
    )
    importing = Importing(store, captured.VERBATIM, slow.price, config, clock=lambda: captured.LONG_AFTER)
    feed = Capturing(
        store, importing, captured.VERBATIM, config=config, spools=[spool], patience_s=0.01, clock=lambda: at(0)
    )
    reports = Reporting(store, feed=feed)
    while not slow.begun.is_set():  # one answer or another finds it at work
        assert await told_of(reports) == set()
    assert await told_of(reports) == set(), "the one that is at work is not started again"
    slow.go_on.set()
    await _until_done(feed)
    found = await reports.sessions()
    assert [session["session_id"] for session in found["sessions"]] == [main.stem]
    expected = captured.expected("parallel")["sessions"][0]
    assert found["sessions"][0]["delegation_count"] == len(expected["delegations"])


async def _until_done(feed: Capturing) -> None:
    assert feed._catching is not None
    with anyio.fail_after(60):
        await feed._catching


async def test_what_is_given_up_at_the_end_is_taken_in_by_the_next(
    store: Store, tmp_path: Path, spool: Path, slow: _Slow
) -> None:
    feed = telling.capturing(store, [spool], patience_s=0)
    await feed.fresh()
    await feed.close()
    await feed.close()
    assert await told_of(reporting(store, spool)) == {SESSION}
    assert waiting(spool) == 0


def _asked_at_once(database: Path, spool: Path) -> list[subprocess.Popen[str]]:
    program = _program(database, spool)
    return [subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]


async def test_two_processes_that_take_in_one_spool_store_each_event_once(
    store: Store, database: Path, spool: Path
) -> None:
    telling.leave_all(spool, REST)
    running = _asked_at_once(database, spool)
    for one in running:
        output, errors = one.communicate(timeout=60)
        assert (one.returncode, errors) == (0, "")
        assert set(output.split()) <= {SESSION, OTHER_SESSION}
    await telling.capturing(store, [spool]).catch_up()
    assert waiting(spool) == 0
    assert len(await store.events(SESSION)) == len(EVENTS)
    assert len(await store.events(OTHER_SESSION)) == len(REST)
    assert len(await captured.every_span(store)) == 1 + 1 + 1 + 2


_HOSTILE: Final = {
    "no event": {"session_id": "x"},
    "a session that is no text": {"session_id": ["x"], "hook_event_name": "Stop"},
    "empty names": {"session_id": "", "hook_event_name": ""},
    "white space": {"session_id": " ", "hook_event_name": " "},
    "NUL in a path": {"session_id": "x", "hook_event_name": "Stop", "transcript_path": "/tmp/\0/x.jsonl"},
    "half a character": {
        "session_id": "\ud800",
        "hook_event_name": "\ud800",
        "transcript_path": "/\udfff/\ud800.jsonl",
    },
    "long names": {"session_id": "x" * 9999, "hook_event_name": "S" * 9999, "transcript_path": "/x" * 9999},
    "a path that leads elsewhere": {"session_id": "..", "hook_event_name": "Stop", "transcript_path": "../../.."},
    "a session named like a folder": {"session_id": "a/../b", "hook_event_name": "Stop", "transcript_path": "a/../b"},
    "a path that cannot be": {
        "session_id": "x",
        "hook_event_name": "Stop",
        "transcript_path": f"/{'y' * 300}/x.jsonl",
    },
    "a path below a file": {"session_id": "x", "hook_event_name": "Stop", "transcript_path": "/etc/passwd/x.jsonl"},
    "numbers": {"session_id": "x", "hook_event_name": "PreToolUse", "tool_name": 1, "tool_input": 2, "agent_id": 3},
    "no inner object": {"session_id": "x", "hook_event_name": "PostToolUse", "tool_name": "Agent", "tool_input": "{["},
    "an agent without a name": {"session_id": "x", "hook_event_name": "SubagentStart", "agent_id": "a"},
    "an odd answer": {
        "session_id": "x",
        "hook_event_name": "PostToolUse",
        "tool_name": "Agent",
        "tool_use_id": "t",
        "tool_input": {"prompt": ["x"], "subagent_type": {"a": 1}, "description": 7},
        "tool_response": {"agentId": "a" * 999, "totalDurationMs": 1e300, "content": "x", "status": "completed"},
    },
    "a time without end": {
        "session_id": "x",
        "hook_event_name": "PostToolUse",
        "tool_name": "Agent",
        "tool_use_id": "t",
        "tool_response": {"agentId": "a1", "totalDurationMs": 10**30, "status": "completed"},
    },
    "an endless path to a project": {
        "session_id": "x",
        "hook_event_name": "Stop",
        "cwd": "/\0" * 5000,
        "effort": "high",
    },
}


@pytest.mark.parametrize("payload", _HOSTILE.values(), ids=_HOSTILE.keys())
async def test_a_strange_event_costs_nothing_but_itself(payload: dict[str, Any], store: Store, spool: Path) -> None:
    telling.leave(spool, Event(at(-1), payload))
    for _ in range(2):
        await telling.capturing(store, [spool]).catch_up()
    assert waiting(spool) == 0
    assert await store.session(SESSION) is not None


async def test_an_event_that_cannot_be_removed_is_taken_in_once(
    store: Store, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    for _ in range(2):
        await telling.capturing(store, [spool]).catch_up()
    assert waiting(spool) == len(EVENTS) == len(await store.events(SESSION))


async def test_secrets_are_gone_before_anything_is_kept(store: Store, database: Path, spool: Path) -> None:
    keep = TextKeeper(lambda text: text.replace("hunter2", "[redacted]"))
    telling.leave_all(
        spool,
        [
            Event(one.at + timedelta(hours=1), json.loads(json.dumps(one.payload).replace("Report", "hunter2")))
            for one in EVENTS
        ],
    )
    importing = Importing(store, keep, cost_usd, Path("/nowhere"))
    await Capturing(store, importing, keep, config=Path("/nowhere"), spools=[spool]).catch_up()
    kept = b"".join(event.body for event in await store.events(SESSION))
    assert b"[redacted]" in kept
    assert b"hunter2" not in kept
