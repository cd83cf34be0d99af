"""Sessions with transcripts and hook events: catching up ends where importing ends."""

import json
import os
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id
from mcp_server.service.recording import Recording
from mcp_server.service.stated import StatedSpan
from storage.store import Store
from storage.vocabulary import SpanKind, Status
from tests.claude_code import captured, growing, scripted, telling
from tests.claude_code.growing import Growing
from tests.claude_code.scripted import AGENT, SESSION, START, Transcript
from tests.claude_code.telling import Clock, Event

pytestmark = pytest.mark.anyio

DELEGATION: Final = delegation_span_id(SESSION, AGENT)
WATCHED: Final = ("success", "parallel_five", "nested_bg", "sendmessage_twice", "workflow", "success_v2.0.77")
OFTEN: Final = frozenset(
    (
        *WATCHED,
        "api_error_on_main",
        "branch_while_bg",
        "clear_while_bg",
        "compact_between",
        "fork_session_continued",
        "sigkill_bg_resume",
        "sigkill_resume_v2.0.77",
        "taskstop",
        "worktree",
    )
)
"""Of every layout one: the default suite is to stay quick."""
MEANWHILE: Final = datetime(2026, 11, 20, 13, tzinfo=UTC)
"""While it was captured."""


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Where the client keeps its transcripts."""
    return tmp_path / "config" / "projects"


def about(transcript: Path, name: str = "Stop", **fields: Any) -> dict[str, Any]:
    """What a hook is given."""
    given = {"session_id": transcript.stem, "transcript_path": str(transcript), "cwd": "/home/user/project"}
    return given | {"hook_event_name": name} | fields


def mains(projects: Path) -> list[Path]:
    """The main transcripts that there are, or would be where only agents' are."""
    found = {path for path in projects.glob("*/*.jsonl") if not path.name.startswith("agent-")}
    return sorted(found | {path.with_suffix(".jsonl") for path in projects.glob("*/*") if path.is_dir()})


def tell(spool: Path, projects: Path, name: str = "Stop", at: datetime = MEANWHILE) -> None:
    """Have something happen in every session."""
    for path in mains(projects):
        telling.leave(spool, Event(at, about(path, name)))


def _whole(projects: Path, scenario: str) -> None:
    shutil.copytree(captured.projects(scenario), projects)
    _touch(projects, at=MEANWHILE)


@pytest.mark.parametrize(
    "scenario",
    [
        scenario if scenario in OFTEN else pytest.param(scenario, marks=pytest.mark.slow)
        for scenario in captured.SCENARIOS
    ],
)
async def test_catching_up_is_importing(
    scenario: str, empty_store: Callable[[], Store], projects: Path, spool: Path
) -> None:
    _whole(projects, scenario)
    tell(spool, projects, "SessionEnd")
    store = empty_store()
    await telling.capturing(store, [spool], config=projects.parent).catch_up()
    expected = await captured.whole(empty_store, projects)
    found = await captured.contents(store)
    assert found.told() == expected.told()
    assert await store.open_sources() == []
    assert list(spool.iterdir()) == []
    await store.close()


@pytest.mark.parametrize("scenario", WATCHED)
async def test_a_session_that_grows_under_its_hooks_ends_as_the_whole(
    scenario: str, empty_store: Callable[[], Store], projects: Path, spool: Path
) -> None:
    grow, clock, rng = Growing(captured.projects(scenario), projects), Clock(), random.Random(scenario)
    store = empty_store()
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    for number, cut in enumerate(growing.CUTS):
        clock.now = MEANWHILE + timedelta(seconds=number)
        sizes = {path: size for path, content in grow.files.items() if (size := cut(rng, path, content)) is not None}
        grow.grow(sizes)
        tell(spool, projects, at=clock.now)
        await capturing.catch_up()
    grow.complete()
    clock.now = captured.LONG_AFTER
    tell(spool, projects, "SessionEnd", at=clock.now)
    await capturing.catch_up()
    expected = await captured.whole(empty_store, captured.projects(scenario))
    assert (await captured.contents(store)).told() == expected.told()
    await store.close()


async def test_one_event_at_any_time_is_enough(empty_store: Callable[[], Store], projects: Path, spool: Path) -> None:
    grow = Growing(captured.projects("nested"), projects)
    store, clock = empty_store(), Clock()
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    clock.now = MEANWHILE
    first = next(path for path in grow.files if not path.name.startswith("agent-") and path.suffix == ".jsonl")
    telling.leave(spool, Event(clock.now, about(projects / first, "SessionStart")))
    await capturing.catch_up()
    grow.complete()
    clock.now = captured.LONG_AFTER
    await capturing.catch_up()
    expected = await captured.whole(empty_store, captured.projects("nested"))
    found = await captured.contents(store)
    assert [span.status for span in found.spans.values()] == [span.status for span in expected.spans.values()]
    assert found.told() == expected.told()
    await store.close()


def _session(projects: Path) -> tuple[Path, Path]:
    """A session with one delegation that went well: its main transcript, its agent's."""
    scripted.a_session(projects)
    return scripted.main_file(projects), scripted.agent_file(projects)


def _touch(folder: Path, at: datetime) -> None:
    for path in folder.rglob("*"):
        os.utime(path, (at.timestamp(), at.timestamp()))


async def test_a_late_last_line_is_read_by_the_next_who_asks(store: Store, projects: Path, spool: Path) -> None:
    main, agent = _session(projects)
    whole, clock = agent.read_bytes(), Clock(START)
    agent.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    telling.leave(spool, Event(clock.now, about(main, "SessionEnd")))
    _touch(projects, at=clock.now)
    await capturing.catch_up()
    before = (await captured.every_span(store))[DELEGATION]
    agent.write_bytes(whole)
    _touch(projects, at=clock.now + timedelta(seconds=1))
    await telling.capturing(store, [spool], config=projects.parent, clock=clock).catch_up()
    after = (await captured.every_span(store))[DELEGATION]
    assert (before.input_tokens, after.input_tokens, after.output) == (10, 20, "Report.")


async def test_a_session_is_looked_at_until_its_files_have_been_still_for_a_while(
    store: Store, projects: Path, spool: Path
) -> None:
    main, _ = _session(projects)
    clock = Clock(START)
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    telling.leave(spool, Event(clock.now, about(main, "SessionEnd")))
    _touch(projects, at=clock.now)
    open_after: list[bool] = []
    for seconds in (1, 59, 61):
        clock.now = START + timedelta(seconds=seconds)
        await capturing.catch_up()
        open_after.append(bool(await store.open_sources()))
    assert open_after == [True, True, False]


def _unfinished(projects: Path) -> tuple[Path, Path]:
    """A session in the middle of its delegation."""
    main = Transcript().asked("Do it.").delegated("toolu_1", "Survey.")
    agent = Transcript(agent_id=AGENT).asked("Survey.").used("toolu_2", command="ls")
    scripted.write(scripted.main_file(projects), main)
    path = scripted.write(scripted.agent_file(projects), agent)
    scripted.described(path, toolUseId="toolu_1", description="Some job")
    return scripted.main_file(projects), path


async def _status(store: Store) -> tuple[Status, str | None]:
    span = (await captured.every_span(store))[DELEGATION]
    return span.status, span.error


async def test_an_open_delegation_of_a_session_that_is_over_is_lost_until_the_session_is_resumed(
    store: Store, projects: Path, spool: Path
) -> None:
    main, agent = _unfinished(projects)
    clock = Clock(START + timedelta(seconds=10))
    _touch(projects, at=clock.now)
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    telling.leave(spool, Event(clock.now, about(main, "PreToolUse")))
    await capturing.catch_up()
    assert await _status(store) == (Status.RUNNING, None)
    clock.now += timedelta(seconds=1)
    telling.leave(spool, Event(clock.now, about(main, "SessionEnd", reason="other")))
    await capturing.catch_up()
    assert (await _status(store))[0] is Status.LOST
    clock.now += timedelta(days=1)
    await capturing.catch_up()
    assert await store.open_sources() == []
    telling.leave(spool, Event(clock.now, about(main, "SessionStart", source="resume")))
    with agent.open("ab") as file:
        later = Transcript(agent_id=AGENT, start=clock.now)
        file.write(later.result("toolu_2").answered("Report.", message_id="msg_later").bytes())
    await capturing.catch_up()
    assert await _status(store) == (Status.OK, None)


async def test_a_client_that_was_killed_tells_nothing_and_its_delegation_is_lost(
    store: Store, projects: Path, spool: Path
) -> None:
    main, _ = _unfinished(projects)
    clock = Clock(START + timedelta(seconds=10))
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    telling.leave(spool, Event(clock.now, about(main, "PreToolUse")), os.getpid())
    await capturing.catch_up()
    assert await _status(store) == (Status.RUNNING, None)
    clock.now += timedelta(seconds=1)
    telling.leave(spool, Event(clock.now, about(main, "Stop")), _gone())
    await capturing.catch_up()
    assert (await _status(store))[0] is Status.LOST


def _gone() -> int:
    """The id of a process that has ended."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


@pytest.mark.parametrize(
    "ended", [pytest.param("SessionEnd", id="after its end"), pytest.param("Stop", id="while it goes on")]
)
async def test_a_transcript_that_is_deleted_takes_nothing_with_it(
    ended: str, store: Store, projects: Path, spool: Path
) -> None:
    main, _ = _session(projects)
    capturing = telling.capturing(store, [spool], config=projects.parent)
    telling.leave(spool, Event(MEANWHILE, about(main, ended)))
    await capturing.catch_up()
    before = (await captured.contents(store)).told()
    shutil.rmtree(projects)
    telling.leave(spool, Event(MEANWHILE + timedelta(hours=1), about(main, "SessionEnd")))
    await capturing.catch_up()
    assert (await captured.contents(store)).told() == before


async def test_only_open_sessions_are_looked_at_again(store: Store, projects: Path, spool: Path) -> None:
    _whole(projects, "success")
    tell(spool, projects, "SessionEnd")
    _unfinished(projects)
    clock = Clock(MEANWHILE + timedelta(seconds=10))
    telling.leave(spool, Event(clock.now, about(scripted.main_file(projects), "PreToolUse")), os.getpid())
    capturing = telling.capturing(store, [spool], config=projects.parent, clock=clock)
    await capturing.catch_up()
    clock.now = captured.LONG_AFTER
    await capturing.catch_up()
    (success,) = (path for path in mains(projects) if path.stem != SESSION)
    assert not any(success.stem in source for source in await store.open_sources())
    before = await captured.contents(store)
    with success.open("ab") as file:  # nobody told of it
        file.write(Transcript(success.stem).asked("More.").bytes())
    await capturing.catch_up()
    assert (await captured.contents(store)).told() == before.told()
    tell(spool, projects, "UserPromptSubmit", at=clock.now)
    await capturing.catch_up()
    assert (await captured.contents(store)).told() != before.told()


@pytest.mark.parametrize("first", ["stated", "captured"])
@pytest.mark.parametrize("by", ["agent_id", "tool_use_id"])
async def test_what_a_model_states_of_a_captured_delegation_is_not_counted_twice(
    by: str, first: str, store: Store, projects: Path, spool: Path
) -> None:
    main, _ = _session(projects)
    known = {"agent_id": AGENT, "tool_use_id": f"toolu_{AGENT}"}[by]
    stated = {"agent_type": "general-purpose", "session_id": SESSION, "task_type": "survey", by: known}
    row = StatedSpan.model_validate(stated)
    recording = Recording(store, captured.VERBATIM, session_id=SESSION, clock=lambda: captured.LONG_AFTER)
    telling.leave(spool, Event(MEANWHILE, about(main, "SessionEnd")))
    if first == "stated":
        await recording.spans([row])
    await telling.capturing(store, [spool], config=projects.parent).catch_up()
    if first == "captured":
        await recording.spans([row])
    (span,) = (span for span in (await captured.every_span(store)).values() if span.kind is SpanKind.DELEGATION)
    assert (span.agent_id, span.tool_use_id, span.input_tokens) == (AGENT, f"toolu_{AGENT}", 20)
    assert (span.task_type, span.output) == ("survey", "Report.")


@pytest.mark.parametrize("by", ["agent_id", "tool_use_id"])
async def test_what_a_model_states_of_a_delegation_that_only_hooks_told_of_is_not_counted_twice(
    by: str, store: Store, spool: Path
) -> None:
    events = telling.told("success")
    told = captured.expected("success")["sessions"][0]
    (one,) = told["delegations"]
    telling.leave_all(spool, events)
    await telling.capturing(store, [spool]).catch_up()
    recording = Recording(store, captured.VERBATIM, clock=lambda: captured.LONG_AFTER)
    stated = {"agent_type": one["agent_type"], "session_id": told["session_id"], "task_type": "survey", by: one[by]}
    await recording.spans([StatedSpan.model_validate(stated)])
    (span,) = (span for span in (await captured.every_span(store)).values() if span.kind is SpanKind.DELEGATION)
    assert (span.task_type, span.output) == ("survey", one["report"])


async def test_what_hooks_told_first_is_what_the_transcript_tells_in_the_end(
    empty_store: Callable[[], Store], projects: Path, spool: Path
) -> None:
    store = empty_store()
    events = telling.told("nested")
    capturing = telling.capturing(store, [spool], config=projects.parent)
    main = projects / "-home-user-project" / Path(events[0].payload["transcript_path"]).name
    telling.leave_all(spool, [Event(event.at, event.payload | {"transcript_path": str(main)}) for event in events])
    await capturing.catch_up()
    assert {span.tool_sequence for span in (await captured.every_span(store)).values()} == {()}
    _whole(projects, "nested")
    telling.leave(spool, Event(MEANWHILE, about(main, "SessionStart")))
    await capturing.catch_up()
    expected = await captured.whole(empty_store, projects)
    assert (await captured.contents(store)).spans == expected.spans
    await store.close()


async def test_a_payload_that_names_another_transcript_touches_nothing_there(
    store: Store, projects: Path, spool: Path
) -> None:
    main, _ = _session(projects)
    odd = about(main) | {"session_id": "another-session"}
    telling.leave(spool, Event(MEANWHILE, json.loads(json.dumps(odd))))
    await telling.capturing(store, [spool], config=projects.parent).catch_up()
    assert {span.session_id for span in (await captured.every_span(store)).values()} <= {"another-session"}
