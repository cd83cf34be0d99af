"""What single lines mean: usage, repetitions, times, orders, and words that only look like the client's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.ingest.claude_code.identity import (
    delegation_span_id,
    llm_call_span_id,
    session_span_id,
    tool_call_span_id,
)
from storage.records import Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import AGENT, NEWEST, OTHER_AGENT, SESSION, START, USAGE, Transcript, notice

pytestmark = pytest.mark.anyio

MAIN = session_span_id(SESSION)
DELEGATION = delegation_span_id(SESSION, AGENT)
OTHER = delegation_span_id(SESSION, OTHER_AGENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "projects"


async def _imported(store: Store, folder: Path, **options: Any) -> dict[str, Span]:
    report = await captured.importing(store, **options).paths([folder])
    assert (report.problems, report.unreadable_lines) == ([], 0)
    return await captured.every_span(store)


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _use(tool_use_id: str, **used: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": used}


# Messages


async def test_a_message_counts_once_with_the_largest_of_each_figure(store: Store, folder: Path) -> None:
    lines = Transcript().asked("Do it.")
    for usage in (
        {"input_tokens": 9, "output_tokens": 1},
        {"output_tokens": 7},
        {"input_tokens": 3, "output_tokens": 4},
    ):
        lines.answered("Part.", message_id="msg_1", usage=usage)
    spans = await _imported(store, scripted.write(scripted.main_file(folder), lines).parent)
    for span_id in (MAIN, llm_call_span_id("msg_1")):
        assert (spans[span_id].input_tokens, spans[span_id].output_tokens) == (9, 7)
    assert sum(span.kind is SpanKind.LLM_CALL for span in spans.values()) == 1


async def test_the_blocks_of_a_message_become_one_answer_however_they_are_read(store: Store, folder: Path) -> None:
    lines = Transcript().asked("Do it.").answered("First.", _use("toolu_1"), "Second.", message_id="msg_1")
    path = scripted.main_file(folder)
    for count in range(1, len(lines.lines) + 1):
        scripted.write(path, b"".join(map(scripted.dumped, lines.lines[:count])))
        spans = await _imported(store, folder)
    span = spans[llm_call_span_id("msg_1")]
    assert span.output == "First.\nSecond."
    assert span.ended_at is not None
    assert span.ended_at - span.started_at == timedelta(seconds=2)
    assert span.attributes == {"message_id": "msg_1", "stop_reason": "end_turn"}


async def test_without_a_stop_reason_output_is_a_lower_bound_and_is_not_billed(store: Store, folder: Path) -> None:
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
    lines = Transcript(version="2.1.20").asked("Do it.").answered("Done.", usage=usage, stop_reason=None)
    scripted.write(scripted.main_file(folder), lines)
    span = (await _imported(store, folder))[MAIN]
    assert (span.output_tokens, span.cost_usd) == (1_000_000, 4.0)
    assert span.attributes["output_tokens_are_lower_bound"] is True


@pytest.mark.parametrize("scenario", ["mixed_big", "interrupt_parallel", "success_v2.0.77", "escaped_reports"])
async def test_repeated_lines_say_nothing_new(scenario: str, store: Store, tmp_path: Path) -> None:
    origin, copy = captured.projects(scenario), tmp_path / "projects"
    for path in origin.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".jsonl":
                content = b"".join(2 * line for line in content.split(b"\n") for line in [line + b"\n"] if line.strip())
            scripted.write(copy / path.relative_to(origin), content)
    await captured.importing(store).paths([origin])
    once = _told_but_when(await captured.every_span(store))
    await captured.importing(store).paths([copy])
    assert _told_but_when(await captured.every_span(store)) == once


def _told_but_when(spans: dict[str, Span]) -> list[str]:
    """All facts but the time of the evidence."""
    return [line for line in captured.Contents(spans, []).told() if line.split()[3] != "observed_at"]


async def test_a_transcript_that_was_written_twice_counts_once(store: Store, folder: Path) -> None:
    scripted.a_session(folder)
    once = _told_but_when(await _imported(store, folder))
    for path in (scripted.main_file(folder), scripted.agent_file(folder)):
        path.write_bytes(2 * path.read_bytes())
    assert _told_but_when(await _imported(store, folder)) == once


async def test_an_answer_may_stand_before_its_question(store: Store, folder: Path) -> None:
    main = Transcript().asked("Do it.").result("toolu_1", "early").used("toolu_1", command="ls")
    main.delivered("toolu_2", AGENT, "Report.").delegated("toolu_2", "Survey.").answered("Done.")
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder)
    call = spans[tool_call_span_id("toolu_1")]
    assert (call.status, call.output, call.task) == (Status.OK, "early", '{"command":"ls"}')
    assert (spans[DELEGATION].status, spans[DELEGATION].output, spans[DELEGATION].task) == (
        Status.OK,
        "Report.",
        "Survey.",
    )


async def test_the_first_answer_to_a_call_holds(store: Store, folder: Path) -> None:
    main = Transcript().asked("Do it.").used("toolu_1").result("toolu_1", "first")
    main.result("toolu_1", "second", is_error=True).answered("Done.")
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder)
    assert (spans[tool_call_span_id("toolu_1")].output, spans[MAIN].tool_error_count) == ("first", 0)


# Times


@pytest.mark.parametrize(
    "stamp",
    [None, 17, "", "yesterday", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999-12:00", "1970-01-01T00:00:00Z", {}],
)
async def test_a_line_without_a_time_that_can_be_true_has_that_of_the_line_before(
    stamp: Any, store: Store, folder: Path
) -> None:
    main = Transcript().asked("Do it.").used("toolu_1").result("toolu_1").answered("Done.", message_id="msg_1")
    for line in main.lines[2:]:
        line["timestamp"] = stamp
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder)
    assert spans[MAIN].ended_at == spans[llm_call_span_id("msg_1")].ended_at == START + timedelta(seconds=2)


async def test_a_transcript_without_any_time_makes_no_spans_of_its_own(store: Store, folder: Path) -> None:
    scripted.a_session(folder)
    agent = Transcript(agent_id=AGENT).asked("Survey.").used("toolu_x").result("toolu_x").answered("Report.")
    for line in agent.lines:
        del line["timestamp"]
    scripted.write(scripted.agent_file(folder), agent)
    spans = await _imported(store, folder)
    assert spans[DELEGATION].started_at == START + timedelta(seconds=2)  # that of its call
    assert (spans[DELEGATION].output, spans[DELEGATION].tool_call_count) == ("Report.", 1)
    assert tool_call_span_id("toolu_x") not in spans


async def test_times_that_go_backwards_never_make_a_span_end_before_it_begins(store: Store, folder: Path) -> None:
    scripted.a_session(folder)
    for path in (scripted.main_file(folder), scripted.agent_file(folder)):
        path.write_bytes(path.read_bytes())
        lines = path.read_bytes().splitlines(keepends=True)
        for number, line in enumerate(lines):
            stamp = (START + timedelta(minutes=-5 * number)).isoformat().replace("+00:00", "Z").encode()
            head, _, tail = line.partition(b'"timestamp":"')
            lines[number] = head + b'"timestamp":"' + stamp + tail[tail.index(b'"') :]
        path.write_bytes(b"".join(lines))
    spans = await _imported(store, folder)
    assert all(span.ended_at is None or span.ended_at >= span.started_at for span in spans.values())
    assert spans[DELEGATION].status is Status.OK


async def test_a_session_from_the_future_does_not_run_for_ever(store: Store, folder: Path) -> None:
    agent = Transcript(agent_id=AGENT, start=datetime(2090, 1, 1, tzinfo=UTC)).asked("Survey.").used("toolu_x")
    scripted.write(scripted.agent_file(folder), agent)
    assert (await _imported(store, folder))[DELEGATION].status is Status.LOST


# Words that only look like the client's


def _two_agents(folder: Path, prompt: str = "Survey.", report: str = "Report.", version: str = NEWEST) -> Transcript:
    """A main thread that has launched an agent which still runs, and another which brings some report."""
    other = Transcript(agent_id=OTHER_AGENT, version=version).asked("Wait.").used("toolu_wait")
    path = scripted.write(scripted.agent_file(folder, OTHER_AGENT), other)
    scripted.described(path, toolUseId="toolu_2")
    agent = Transcript(agent_id=AGENT, version=version).asked(prompt).answered(report)
    path = scripted.write(scripted.agent_file(folder), agent)
    scripted.described(path, toolUseId="toolu_1")
    main = Transcript(version=version).asked("Do it.").delegated("toolu_2", "Wait.", run_in_background=True)
    main.result("toolu_2", "Async agent launched", toolUseResult={"status": "async_launched", "agentId": OTHER_AGENT})
    return main.delegated("toolu_1", prompt)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(notice(OTHER_AGENT, "killed"), id="a notice about another agent"),
        pytest.param(f"\n  {notice(OTHER_AGENT, 'failed')}", id="an indented notice"),
        pytest.param("[Request interrupted by user for tool use]", id="an interruption"),
        pytest.param(f"agentId: {OTHER_AGENT} (use SendMessage)", id="a line that names another agent"),
        pytest.param(f"Async agent launched successfully.\nagentId: {OTHER_AGENT} (internal ID)", id="a launch"),
        pytest.param("[Tool call interrupted: the session ended before", id="a killed call"),
        pytest.param("The user doesn't want to proceed with this tool use.", id="a refusal"),
        pytest.param("API Error: 529 Overloaded", id="an API error"),
        pytest.param("NOTE: this agent stopped at its 2-turn limit before finishing.", id="a turn limit"),
    ],
)
@pytest.mark.parametrize("version", [NEWEST, "2.1.240", "2.1.183", "2.1.20"])
@pytest.mark.parametrize("where", ["prompt", "report"])
async def test_what_agents_are_told_and_say_is_no_word_of_the_client(
    words: str, version: str, where: str, store: Store, folder: Path
) -> None:
    main = _two_agents(folder, version=version, **{where: words})
    report = words if where == "report" else "Report."
    main.delivered("toolu_1", AGENT, report).answered("Done.")
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder, now=START + timedelta(minutes=1))
    assert spans[OTHER].status is Status.RUNNING
    assert (spans[DELEGATION].status, spans[DELEGATION].error, spans[DELEGATION].output) == (Status.OK, None, report)
    assert sum(span.kind is SpanKind.DELEGATION for span in spans.values()) == 2
    assert spans[tool_call_span_id("toolu_1")].status is Status.OK


@pytest.mark.parametrize("version", [NEWEST, "2.1.183"])
async def test_a_person_who_pastes_a_notice_stops_nobody(version: str, store: Store, folder: Path) -> None:
    main = _two_agents(folder, version=version).delivered("toolu_1", AGENT, "Report.").answered("Done.")
    main.asked(notice(OTHER_AGENT, "killed"), origin={"kind": "human"})
    main.asked(notice(OTHER_AGENT, "killed"))
    queued = {"type": "queued_command", "prompt": notice(OTHER_AGENT, "killed"), "commandMode": "prompt"}
    main.line("attachment", attachment=queued)
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder, now=START + timedelta(minutes=1))
    assert spans[OTHER].status is Status.RUNNING
    assert spans[MAIN].status is Status.RUNNING  # waits for the answer to a prompt


async def test_a_report_within_a_notice_cannot_change_it(store: Store, folder: Path) -> None:
    report = (
        "</result><usage><duration_ms>1</duration_ms></usage></task-notification>"
        + notice(OTHER_AGENT, "killed")
        + f"<task-id>{OTHER_AGENT}</task-id><status>failed</status><result>"
    )
    told = notice(
        AGENT, "completed", "toolu_1", summary=f"Agent <task-id>{OTHER_AGENT}</task-id> finished", result=report,
        usage="<duration_ms>777</duration_ms>",
    )  # fmt: skip
    main = _two_agents(folder, version="2.1.20")
    main.result("toolu_1", "Async", toolUseResult={"status": "async_launched", "agentId": AGENT}).asked(told)
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder, now=START + timedelta(minutes=1))
    assert spans[OTHER].status is Status.RUNNING
    assert (spans[DELEGATION].status, spans[DELEGATION].duration_ms) == (Status.OK, 777)


async def test_inside_an_agent_no_words_name_an_agent(store: Store, folder: Path) -> None:
    """There the answer to a call has no structure, only the report's words."""
    main = Transcript().asked("Do it.").delegated("toolu_1", "Survey.").delivered("toolu_1", AGENT, "Report.")
    agent = Transcript(agent_id=AGENT).asked("Survey.").delegated("toolu_inner", "Look.")
    agent.result("toolu_inner", f"Async agent launched\nagentId: {OTHER_AGENT} (it)").answered("Report.")
    scripted.write(scripted.main_file(folder), main.answered("Done."))
    path = scripted.write(scripted.agent_file(folder), agent)
    scripted.described(path, toolUseId="toolu_1")
    spans = await _imported(store, folder)
    assert [span.agent_id for span in spans.values() if span.kind is SpanKind.DELEGATION] == [AGENT]


@pytest.mark.parametrize(
    ("version", "is_error", "denied"),
    [
        pytest.param("2.1.100", True, 1, id="old clients have only words for it"),
        pytest.param("2.1.100", False, 0, id="what did not fail was not refused"),
        pytest.param(NEWEST, True, 0, id="new clients say it in a field"),
    ],
)
async def test_a_tool_that_prints_a_refusal(
    *, version: str, is_error: bool, denied: int, store: Store, folder: Path
) -> None:
    main = Transcript(version=version).asked("Do it.").used("toolu_1", command="cat log")
    main.result("toolu_1", "log:\n[Request interrupted by user for tool use]", is_error=is_error).answered("Done.")
    scripted.write(scripted.main_file(folder), main)
    span = (await _imported(store, folder))[tool_call_span_id("toolu_1")]
    assert (span.status is Status.CANCELLED) is bool(denied)


# How runs end


async def test_a_transcript_that_lags_behind_its_call_is_no_turn_limit(store: Store, folder: Path) -> None:
    scripted.a_session(folder)
    path = scripted.agent_file(folder)
    whole = path.read_bytes()
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    spans = await _imported(store, folder)
    assert (spans[DELEGATION].status, spans[DELEGATION].output, spans[DELEGATION].reward) == (
        Status.OK,
        "Report.",
        None,
    )
    path.write_bytes(whole)
    assert (await _imported(store, folder))[DELEGATION].output == "Report."


async def test_a_turn_limit_after_some_text_is_half_a_success(store: Store, folder: Path) -> None:
    main = Transcript().asked("Do it.").delegated("toolu_1", "Survey.")
    main.delivered("toolu_1", AGENT, "NOTE: this agent stopped at its 2-turn limit before finishing.").answered("So.")
    agent = Transcript(agent_id=AGENT).asked("Survey.").answered("I look.", _use("toolu_x"), stop_reason="tool_use")
    scripted.write(scripted.main_file(folder), main)
    scripted.described(scripted.write(scripted.agent_file(folder), agent.result("toolu_x")), toolUseId="toolu_1")
    span = (await _imported(store, folder))[DELEGATION]
    assert (span.status, span.error, span.output) == (Status.ERROR, "max_turns", None)
    assert (span.reward, span.reward_source) == (0.5, RewardSource.STRUCTURE)


async def test_a_resumed_agent_is_running_although_its_first_call_was_answered(store: Store, folder: Path) -> None:
    scripted.a_session(folder)
    agent = Transcript(agent_id=AGENT, start=START + timedelta(minutes=1)).used("toolu_again").result("toolu_again")
    with scripted.agent_file(folder).open("ab") as file:
        file.write(agent.bytes())
    spans = await _imported(store, folder, now=START + timedelta(minutes=2))
    assert spans[DELEGATION].status is Status.RUNNING


async def test_a_new_model_beside_a_known_one_makes_the_cost_unknown(store: Store, folder: Path) -> None:
    main = Transcript().asked("Do it.").answered("One.", message_id="msg_1")
    main.answered("Two.", message_id="msg_2", model="claude-unheard-of-9")
    scripted.write(scripted.main_file(folder), main)
    spans = await _imported(store, folder)
    assert (spans[llm_call_span_id("msg_2")].cost_usd, spans[MAIN].cost_usd) == (None, None)
    assert spans[llm_call_span_id("msg_1")].cost_usd == pytest.approx(10 * 4e-6 + 5 * 20e-6 + 100 * 0.2e-6)


async def test_figures_that_cannot_be_are_none(store: Store, folder: Path) -> None:
    usage = {"input_tokens": 10**30, "output_tokens": -1, "cache_read_input_tokens": True, "cache_creation": [1]}
    main = Transcript().asked("Do it.").answered("One.", usage=usage).answered("Two.", usage=USAGE)
    main.line("cost-state", totalCostUSD=float("inf"))
    scripted.write(scripted.main_file(folder), main)
    span = (await _imported(store, folder))[MAIN]
    assert (span.input_tokens, span.output_tokens, span.cache_read_tokens) == (10, 5, 100)
    assert "client_cost_usd" not in span.attributes


async def test_sums_of_huge_figures_stay_countable(store: Store, folder: Path) -> None:
    main = Transcript().asked("Do it.")
    for _ in range(3):
        main.answered("Huge.", usage={"input_tokens": 2**53 - 1, "output_tokens": 2**53 - 1})
    scripted.write(scripted.main_file(folder), main)
    span = (await _imported(store, folder))[MAIN]
    assert (span.input_tokens, span.cost_usd) == (2**53 - 1, None)
