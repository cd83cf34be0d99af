"""Agents below agents: whose lines they hold, and how they end with those above them."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id, llm_call_span_id
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Status
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import AGENT, OTHER_AGENT, SESSION, START, USAGE, Transcript, notice

pytestmark = pytest.mark.anyio

THIRD_AGENT: Final = "a3333333333333333"
BOILERPLATE: Final = "<fork-boilerplate>\nYou are a fork.\n</fork-boilerplate>\n\nYour directive: Look."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "projects"


async def _imported(store: Store, folder: Path) -> dict[str, Span]:
    report = await captured.importing(store).paths([folder])
    assert report.problems == []
    spans = await captured.every_span(store)
    return {agent_id: spans[delegation_span_id(SESSION, agent_id)] for agent_id in _agents(folder)} | spans


def _agents(folder: Path) -> list[str]:
    return [path.stem.removeprefix("agent-") for path in folder.rglob("agent-*.jsonl")]


def _agent(folder: Path, agent_id: str, transcript: Transcript, tool_use_id: str, **meta: Any) -> None:
    path = scripted.write(scripted.agent_file(folder, agent_id), transcript)
    scripted.described(path, toolUseId=tool_use_id, **meta)


def _forked_within_an_agent(folder: Path) -> None:
    """A fork that an agent launched: it begins with all that the agent had said and heard so far."""
    main = Transcript().asked("Do it.").delegated("toolu_1", "Survey.")
    scripted.write(scripted.main_file(folder), main.delivered("toolu_1", AGENT, "All.").answered("Done."))
    outer = Transcript(agent_id=AGENT).asked("Survey.").used("toolu_a", command="ls").result("toolu_a")
    outer.delegated("toolu_fork", "Look.", "fork")
    fork = Transcript(agent_id=OTHER_AGENT, start=START + timedelta(seconds=5))
    for line in outer.lines:
        fork.raw(**(line | {"agentId": OTHER_AGENT}))
    block = {"type": "tool_result", "tool_use_id": "toolu_fork", "content": "Fork started — that fork is you."}
    content = [block, {"type": "text", "text": BOILERPLATE}]
    fork.line("user", message={"role": "user", "content": content})
    fork.used("toolu_f", "Read", file_path="x").result("toolu_f").answered("Seen.", message_id="msg_fork")
    outer.result("toolu_fork", "Seen.").answered("All.")
    _agent(folder, AGENT, outer, "toolu_1")
    _agent(folder, OTHER_AGENT, fork, "toolu_fork", agentType="fork", isFork=True, parentAgentId=AGENT)


async def test_what_a_fork_took_over_from_the_agent_that_launched_it_counts_there(store: Store, folder: Path) -> None:
    _forked_within_an_agent(folder)
    spans = await _imported(store, folder)
    outer, fork = spans[AGENT], spans[OTHER_AGENT]
    assert (outer.tool_sequence, outer.input_tokens) == (("Bash", "Agent"), 3 * USAGE["input_tokens"])
    assert (fork.tool_sequence, fork.input_tokens) == (("Read",), 2 * USAGE["input_tokens"])
    assert (fork.task, fork.output, fork.agent_type) == ("Look.", "Seen.", "fork")
    assert fork.started_at > outer.started_at
    assert spans[llm_call_span_id("msg_fork")].parent_span_id == fork.span_id
    assert [span.agent_id for span in spans.values() if span.name == "Bash"] == [AGENT]


@pytest.mark.parametrize("version", ["2.0.77", "2.1.100", scripted.NEWEST])
async def test_an_answer_that_was_written_before_its_question_counts(version: str, store: Store, folder: Path) -> None:
    main = Transcript(version=version).asked("Do it.").delegated("toolu_1", "Survey.")
    scripted.write(scripted.main_file(folder), main.delivered("toolu_1", AGENT, "All.").answered("Done."))
    agent = Transcript(agent_id=AGENT, version=version).asked("Survey.").used("toolu_a", command="ls")
    agent.result("toolu_a").answered("All.")
    question, *others = agent.lines
    agent.lines[:] = [*others[:2], question, *others[2:]]
    _agent(folder, AGENT, agent, "toolu_1")
    span = (await _imported(store, folder))[AGENT]
    assert (span.tool_sequence, span.input_tokens) == (("Bash",), 2 * USAGE["input_tokens"])
    assert (span.task, span.output, span.status) == ("Survey.", "All.", Status.OK)


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("is_described", [True, False])
async def test_a_fork_that_was_read_too_early_is_put_right(
    count: int,
    is_described: bool,  # noqa: FBT001 - a table of cases
    store: Store,
    folder: Path,
    tmp_path: Path,
) -> None:
    _forked_within_an_agent(folder)
    path = scripted.agent_file(folder, OTHER_AGENT)
    whole, meta = path.read_bytes(), path.with_suffix(".meta.json").read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:count]))
    if not is_described:
        path.with_suffix(".meta.json").unlink()
    await captured.importing(store).paths([folder])
    path.write_bytes(whole)
    path.with_suffix(".meta.json").write_bytes(meta)
    spans = await _imported(store, folder)
    assert (spans[OTHER_AGENT].tool_sequence, spans[OTHER_AGENT].input_tokens) == (("Read",), 20)
    assert [span.agent_id for span in spans.values() if span.name == "Bash"] == [AGENT]


def _killed_and_resumed(main: Transcript) -> Transcript:
    """The client is started again, and ends in good order this time."""
    more = Transcript(start=START + timedelta(minutes=5)).asked("What happened?").answered("Resumed.", message_id="m")
    main.lines += more.line("cost-state", totalCostUSD=0.1).lines
    return main


def _nested(folder: Path, *, depth: int = 2) -> None:
    """Each agent waits for the next, and the last for a tool."""
    agents = (AGENT, OTHER_AGENT, THIRD_AGENT)[:depth]
    for number, agent_id in enumerate(agents):
        transcript = Transcript(agent_id=agent_id).asked(f"Level {number}.")
        last = number == depth - 1
        transcript.used("toolu_last") if last else transcript.delegated(f"toolu_{number + 2}", f"Level {number + 1}.")
        parent = {"parentAgentId": agents[number - 1]} if number else {}
        _agent(folder, agent_id, transcript, f"toolu_{number + 1}", **parent)


KILLED: Final = (Status.LOST, "client_killed")
STOPPED: Final = (Status.CANCELLED, "stopped_by_parent")


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_what_ran_below_a_call_that_was_cut_off_was_killed_with_it(
    depth: int, store: Store, folder: Path
) -> None:
    _nested(folder, depth=depth)
    main = Transcript().asked("Do it.").delegated("toolu_1", "Level 0.")
    words = "[Tool call interrupted: the session ended before this call's result was recorded]"
    later = Transcript(start=START + timedelta(minutes=4))
    main.lines += later.result("toolu_1", words, is_error=True, toolDenialKind="interrupted").lines
    scripted.write(scripted.main_file(folder), _killed_and_resumed(main))
    spans = await _imported(store, folder)
    assert {(spans[agent_id].status, spans[agent_id].error) for agent_id in _agents(folder)} == {KILLED}


def _in_the_background(folder: Path, status: str) -> None:
    """The first agent runs in the background, and a notice tells how it ended."""
    main = Transcript().asked("Do it.").delegated("toolu_1", "Level 0.", run_in_background=True)
    main.result("toolu_1", "Async", toolUseResult={"status": "async_launched", "agentId": AGENT}).answered("Waiting.")
    later = Transcript(start=START + timedelta(minutes=4))
    main.lines += later.asked(notice(AGENT, status), origin={"kind": "task-notification"}).lines
    scripted.write(scripted.main_file(folder), _killed_and_resumed(main))


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_what_ran_below_a_background_agent_was_killed_with_it(depth: int, store: Store, folder: Path) -> None:
    _nested(folder, depth=depth)
    _in_the_background(folder, "stopped")
    spans = await _imported(store, folder)
    assert {(spans[agent_id].status, spans[agent_id].error) for agent_id in _agents(folder)} == {KILLED}


@pytest.mark.parametrize("depth", [1, 2, 3])
async def test_what_ran_below_a_stopped_agent_was_stopped_with_it(depth: int, store: Store, folder: Path) -> None:
    _nested(folder, depth=depth)
    for path in folder.rglob("agent-*.jsonl"):
        agent = Transcript(agent_id=path.stem.removeprefix("agent-"), start=START + timedelta(minutes=1))
        words = "[Request interrupted by user for tool use]"
        with path.open("ab") as file:
            file.write(agent.result("toolu_last", words, is_error=True, toolDenialKind="user-rejected").bytes())
            file.write(agent.asked(words).bytes()[len(scripted.dumped(agent.lines[0])) :])
    _in_the_background(folder, "killed")
    spans = await _imported(store, folder)
    assert {(spans[agent_id].status, spans[agent_id].error) for agent_id in _agents(folder)} == {STOPPED}


@pytest.mark.parametrize(
    ("status", "interrupted", "ended"),
    [pytest.param("stopped", False, KILLED, id="killed"), pytest.param("killed", True, STOPPED, id="stopped")],
)
async def test_a_workflows_agents_end_with_it(
    *, status: str, interrupted: bool, ended: tuple[Status, str], store: Store, folder: Path
) -> None:
    main = Transcript().asked("Do it.").used("toolu_w", "Workflow", script="...")
    told = {"status": "async_launched", "taskId": "w1234567", "runId": "wf_1"}
    main.result("toolu_w", "Workflow launched", toolUseResult=told).answered("Started.")
    later = Transcript(start=START + timedelta(minutes=4))
    text = notice("w1234567", status, "toolu_w")
    main.lines += later.asked(text, origin={"kind": "task-notification"}).lines
    scripted.write(scripted.main_file(folder), _killed_and_resumed(main))
    agent = Transcript(agent_id=AGENT).asked("First.").used("toolu_x")
    if interrupted:
        agent.asked("[Request interrupted by user for tool use]")
    run = scripted.agent_file(folder).parent / "workflows" / "wf_1"
    path = scripted.write(run / f"agent-{AGENT}.jsonl", agent)
    scripted.described(path, agentType="workflow-subagent", spawnDepth=1)
    span = (await _imported(store, folder))[AGENT]
    assert (span.status, span.error) == ended


async def test_agents_that_name_each_other_as_their_parents_are_survived(store: Store, folder: Path) -> None:
    _nested(folder)
    scripted.described(scripted.agent_file(folder), toolUseId="toolu_1", parentAgentId=OTHER_AGENT)
    scripted.write(scripted.main_file(folder), Transcript().asked("Do it."))
    spans = await _imported(store, folder)
    assert {spans[agent_id].status for agent_id in _agents(folder)} == {Status.LOST}
