"""Importing a captured session finds exactly what really happened in it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio
import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id, llm_call_span_id, session_span_id
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome, RewardSource, SpanKind, Status
from tests.claude_code import captured
from tests.stores import new_folder, open_empty

_TOKENS: Final = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cache_read",
    "cache_write_5m_tokens": "cache_write_5m",
    "cache_write_1h_tokens": "cache_write_1h",
}

# What the client knew and its transcripts do not tell. Each entry replaces what is expected by what we say instead.
_UNTOLD_ERRORS: Final = dict.fromkeys(
    ("sigint_v2.0.77", "sigint_v2.1.20", "sigint_v2.1.100"),
    ("client_killed", "up to 2.1.100 the client writes nothing at all when it gets SIGINT, as if killed"),
)
_UNTOLD_DURATIONS: Final = {
    "nested": "the answer to a call inside an agent of a `-p` run carries no figures",
    "nested_v2.1.183": "as above",
    "nested_v2.1.240": "as above",
    "mixed_big": "as above, for its one nested agent",
    "branch_while_bg": "its notice stands in the transcript of the session that followed, with figures of its part",
    "clear_while_bg": "as above",
}

# Sessions in which the client's own running total covers other requests than the transcripts do.
_OTHER_TOTALS: Final = {
    "sigkill": "after SIGKILL the total starts anew",
    "sigkill_bg_resume": "as above",
    "sigkill_resume_sendmessage": "as above",
    "compact": "the requests of a compaction are in no transcript",
    "compact_between": "as above",
    "hook_types": "the requests of `prompt` hooks are in no transcript",
    "fork_session": "a forked session's total includes what it inherited",
    "fork_session_continued": "as above",
    "fork_of_fork": "as above",
    "interactive_fork": "as above",
    "fork_command": "as above",
    "branch_while_bg": "an agent that outlives its session is billed in both, by halves",
    "clear_while_bg": "as above",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of one scenario left in a store."""

    spans: dict[str, Span]

    def of(self, session_id: str, kind: SpanKind) -> list[Span]:
        return [span for span in self.spans.values() if span.session_id == session_id and span.kind is kind]

    def calls_of(self, owner: Span, kind: SpanKind) -> list[Span]:
        return [span for span in self.spans.values() if span.parent_span_id == owner.span_id and span.kind is kind]


@pytest.fixture(scope="module", params=captured.SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def imported(scenario: str) -> Imported:
    """Once for all that is asked of it."""

    async def into(store: Store) -> Imported:
        try:
            report = await captured.importing(store).paths([captured.projects(scenario)])
            assert report.problems == []
            assert report.unreadable_lines == 0
            return Imported(await captured.every_span(store))
        finally:
            await store.close()

    with new_folder() as folder:
        return anyio.run(into, open_empty(folder / "telemetry.db"), backend="asyncio")


def test_there_are_captured_sessions() -> None:
    assert len(captured.SCENARIOS) == 145


def test_a_captured_session_is_read_as_it_happened(scenario: str, imported: Imported) -> None:
    expectation = captured.expected(scenario)
    for session in expectation["sessions"]:
        session_id = session["session_id"]
        found = {span.agent_id: span for span in imported.of(session_id, SpanKind.DELEGATION)}
        assert found.keys() == {one["agent_id"] for one in session["delegations"]}
        for one in session["delegations"]:
            span = found[one["agent_id"]]
            assert _said(span) == _to_be_said(scenario, session_id, one)
            _check_status(scenario, span, one)
            _check_tokens(span, one["tokens"], output_is_exact=one["output_tokens_reliable"])
            _check_calls(imported, span)
        _check_main_thread(imported, session)
        _check_what_never_started(imported, session)
    _check_that_nothing_counts_twice(imported, expectation)


def _said(span: Span) -> dict[str, Any]:
    attributes = span.attributes
    return {
        "agent_type": span.agent_type,
        "requested_agent_type": attributes.get("requested_agent_type"),
        "tool_use_id": span.tool_use_id,
        "launched_by": attributes.get("launched_by"),
        "parent": span.parent_span_id,
        "name": span.name,
        "model": span.model,
        "models": attributes.get("models", [span.model]),
        "prompt": span.task,
        "report": span.output,
        "tool_names": list(span.tool_sequence),
        "tool_call_count": span.tool_call_count,
        "tool_error_count": span.tool_error_count,
        "tool_denied_count": attributes.get("tool_denied_count", 0),
        "tool_unanswered_count": attributes["tool_unanswered_count"],
        "llm_call_count": attributes["llm_call_count"],
        "runs": attributes.get("runs", 1),
        "background": attributes.get("background", False),
        "workflow_run_id": attributes.get("workflow_run_id"),
        "started_at": span.started_at,
        "ended_at": span.ended_at,
        "duration_ms": span.duration_ms,
    }


def _to_be_said(scenario: str, session_id: str, one: dict[str, Any]) -> dict[str, Any]:
    parent, tools = one["parent_agent_id"], one["tool_names"]
    started_at, ended_at = _first_own_line(scenario, one), _time(one["last_line_at"])
    stated = one["duration_ms_stated"]
    if scenario in _UNTOLD_DURATIONS and (parent is not None or "transcript_continued_in" in one):
        stated = None
    if one["runs"] > 1:  # what is stated is of one run; ours is of all of them
        stated = None
    if "workflow" in one:
        stated = _in_the_workflows_record(scenario, one)
    skill = one["launched_by"] == "Skill"
    return {
        "agent_type": one["agent_type"],
        "requested_agent_type": (one["requested"] or {}).get("agent_type"),
        "tool_use_id": one["tool_use_id"],
        "launched_by": one["launched_by"],
        "parent": session_span_id(session_id) if parent is None else delegation_span_id(session_id, parent),
        # The client gives a skill's agent no description; the skill's name tells more than none.
        "name": "survey" if skill else one["description"],
        "model": one["model"],
        "models": one["models_seen"] or [one["model"]],
        "prompt": one["prompt"],
        "report": one["report"],
        "tool_names": tools,
        "tool_call_count": len(tools),
        "tool_error_count": one["tool_error_count"],
        "tool_denied_count": one["tool_denied_count"],
        "tool_unanswered_count": one["tool_unanswered_count"],
        "llm_call_count": one["api_messages"],
        "runs": one["runs"],
        "background": bool(one["background"]),
        "workflow_run_id": one.get("workflow", {}).get("run_id"),
        "started_at": started_at,
        "ended_at": ended_at,
        "duration_ms": (ended_at - started_at) // timedelta(milliseconds=1) if stated is None else stated,
    }


def _first_own_line(scenario: str, one: dict[str, Any]) -> datetime:
    """A forked agent's transcript begins with a copy of its parent's call, under the time of that."""
    if one["agent_type"] != "fork":
        return _time(one["first_line_at"])
    lines = (captured.SESSIONS / scenario / one["transcript"]).read_text(encoding="utf-8").split("\n")
    return _time(next(line["timestamp"] for line in map(json.loads, lines) if line["type"] == "user"))


def _in_the_workflows_record(scenario: str, one: dict[str, Any]) -> int:
    """The record of a workflow run stands beside the transcripts."""
    (record,) = captured.projects(scenario).rglob(f"workflows/{one['workflow']['run_id']}.json")
    progress = json.loads(record.read_text(encoding="utf-8"))["workflowProgress"]
    return next(int(step["durationMs"]) for step in progress if step.get("agentId") == one["agent_id"])


def _check_status(scenario: str, span: Span, one: dict[str, Any]) -> None:
    assert span.status in (one["status"], *one["status_also_acceptable"])
    error, _ = _UNTOLD_ERRORS.get(scenario, (one["error"], ""))
    assert (span.error or "").partition(":")[0] == (error or "")
    if span.reward is not None and span.reward_source is not RewardSource.KEYWORD:
        assert (span.reward_source, one["error"]) == (RewardSource.STRUCTURE, "max_turns")
    elif span.status is Status.ERROR:
        assert span.outcome is Outcome.FAILURE
    else:
        assert span.outcome is Outcome.UNKNOWN


def _check_tokens(span: Span, tokens: dict[str, int], *, output_is_exact: bool) -> None:
    assert {name: getattr(span, name) for name in _TOKENS} == {name: tokens[word] for name, word in _TOKENS.items()}
    assert span.attributes["output_tokens_are_lower_bound"] is not output_is_exact


def _check_calls(imported: Imported, owner: Span) -> None:
    """Calls add up to their owner."""
    llm_calls = imported.calls_of(owner, SpanKind.LLM_CALL)
    for name in _TOKENS:
        assert sum(getattr(call, name) for call in llm_calls) == getattr(owner, name)
    costs = [call.cost_usd for call in llm_calls]
    if None not in costs and costs:
        assert owner.cost_usd == pytest.approx(sum(cost for cost in costs if cost is not None), abs=1e-12)
    tool_calls = sorted(imported.calls_of(owner, SpanKind.TOOL_CALL), key=lambda call: call.started_at)
    assert sorted(call.name or "" for call in tool_calls) == sorted(owner.tool_sequence)
    assert sum(call.status is Status.ERROR for call in tool_calls) == owner.tool_error_count
    assert {(call.agent_type, call.agent_id) for call in (*llm_calls, *tool_calls)} <= {
        (owner.agent_type, owner.agent_id)
    }


def _check_main_thread(imported: Imported, session: dict[str, Any]) -> None:
    totals = session["totals"]
    spans = imported.of(session["session_id"], SpanKind.SESSION)
    if not spans:  # a session of which only an empty file was ever written
        assert not any(totals["all"].values())
        return
    (main,) = spans
    _check_tokens(main, totals["main"], output_is_exact=main.attributes["output_tokens_are_lower_bound"] is False)
    _check_calls(imported, main)
    llm_calls = imported.calls_of(main, SpanKind.LLM_CALL)
    assert len(llm_calls) == totals["main_api_messages"]
    by_model = {
        model: {
            word: sum(getattr(call, name) for call in llm_calls if call.model == model)
            for name, word in _TOKENS.items()
        }
        for model in {call.model for call in llm_calls}
    }
    assert by_model == totals["main_by_model"]
    assert main.attributes.get("warm_up_agents", 0) == len(session["other_agents"])
    assert main.attributes.get("warm_up_tokens", 0) == sum(totals["other_agents"].values())


def _check_what_never_started(imported: Imported, session: dict[str, Any]) -> None:
    by_use = {span.tool_use_id: span for span in imported.of(session["session_id"], SpanKind.TOOL_CALL)}
    for call in session["not_started"]:
        span = by_use[call["tool_use_id"]]
        assert span.name in ("Agent", "Task")
        assert span.status in (Status.ERROR, Status.CANCELLED)
        assert call["error_starts_with"][:40] in (span.output or "")
        assert span.error


def _check_that_nothing_counts_twice(imported: Imported, expectation: dict[str, Any]) -> None:
    sessions = expectation["sessions"]
    assert {span.session_id for span in imported.spans.values()} <= {session["session_id"] for session in sessions}
    calls = [span for span in imported.spans.values() if span.kind is SpanKind.LLM_CALL]
    owned = sum(
        session["totals"]["main_api_messages"] + sum(one["api_messages"] for one in session["delegations"])
        for session in sessions
    )
    assert len(calls) == owned
    known = imported.spans.keys()
    assert [span.span_id for span in imported.spans.values() if span.parent_span_id not in {None, *known}] == []
    assert all(llm_call_span_id(str(call.attributes["message_id"])) == call.span_id for call in calls)


@pytest.mark.parametrize("scenario", [name for name in captured.SCENARIOS if name not in _OTHER_TOTALS], indirect=True)
def test_our_cost_is_the_one_the_client_states(scenario: str, imported: Imported) -> None:
    for session in captured.expected(scenario)["sessions"]:
        stated = session["client_stated"]
        if stated is None:
            continue
        runs = [
            *imported.of(session["session_id"], SpanKind.SESSION),
            *imported.of(session["session_id"], SpanKind.DELEGATION),
        ]
        assert sum(span.cost_usd or 0 for span in runs) == pytest.approx(stated["cost_usd"], abs=1e-9)
        (main,) = imported.of(session["session_id"], SpanKind.SESSION)
        assert (main.subtree_cost_usd or 0) == pytest.approx(stated["cost_usd"], abs=1e-9)
        assert main.attributes["client_cost_usd"] == stated["cost_usd"]


@pytest.mark.parametrize("scenario", sorted(_OTHER_TOTALS), indirect=True)
def test_where_the_client_states_another_cost_there_is_a_reason(scenario: str, imported: Imported) -> None:
    differing = [
        session["session_id"]
        for session in captured.expected(scenario)["sessions"]
        if session["client_stated"] is not None
        and abs(
            sum(
                span.cost_usd or 0
                for span in imported.spans.values()
                if span.session_id == session["session_id"] and span.kind in (SpanKind.SESSION, SpanKind.DELEGATION)
            )
            - session["client_stated"]["cost_usd"]
        )
        > 1e-9
    ]
    assert differing, f"{scenario} needs no exception any more: {_OTHER_TOTALS[scenario]}"


@pytest.mark.parametrize("scenario", sorted(_UNTOLD_ERRORS | _UNTOLD_DURATIONS))
def test_every_exception_is_about_a_captured_session(scenario: str) -> None:
    assert scenario in captured.SCENARIOS


@pytest.mark.anyio
async def test_importing_again_reads_nothing(scenario: str, store: Store) -> None:
    folder = captured.projects(scenario)
    await captured.importing(store).paths([folder])
    before = await captured.contents(store)
    again = await captured.importing(store).paths([folder])
    assert (again.created, again.updated, again.sessions_read, again.bytes_read, again.problems) == (0, 0, 0, 0, [])
    assert await captured.contents(store) == before


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
