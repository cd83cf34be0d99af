"""Putting calls below the agents that made them."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.analysis.repair import Evidence, repair, undone
from mcp_server.analysis.trees import place
from storage.records import Span
from storage.vocabulary import Source, SpanKind, Status
from tests.analysis.trajectories import a_team, forests
from tests.factories import a_span, at


def a_run(span_id: str, start: float, end: float | None, **changes: Any) -> Span:
    times = {"started_at": at(start), "ended_at": None if end is None else at(end)}
    return a_span(**({"span_id": span_id, "agent_type": span_id, "parent_span_id": "main"} | times | changes))


def a_call(span_id: str, start: float, end: float | None, **changes: Any) -> Span:
    return a_run(span_id, start, end, **({"kind": SpanKind.LLM_CALL, "agent_type": "unknown"} | changes))


def main(end: float | None = 100) -> Span:
    return a_run("main", 0, end, kind=SpanKind.SESSION, parent_span_id=None)


def moves(*spans: Span, **options: Any) -> dict[str, tuple[str, Evidence]]:
    return {move.span_id: (move.to_parent, move.evidence) for move in repair(spans, **options).moves}


def test_a_call_goes_to_the_agent_it_names_even_among_parallel_ones() -> None:
    spans = [main(), a_run("writer", 1, 9), a_run("checker", 1, 9), a_call("c", 2, 3, agent_type="checker")]
    assert moves(*spans) == {"c": ("checker", Evidence.AGENT_TYPE)}


def test_a_call_goes_to_the_run_of_its_agent_id_whatever_the_time() -> None:
    spans = [main(), a_run("writer", 1, 9, agent_id="a1"), a_call("c", 20, 30, agent_id="a1")]
    assert moves(*spans) == {"c": ("writer", Evidence.AGENT_ID)}


def test_of_several_runs_of_one_agent_the_one_at_the_time_is_meant() -> None:
    spans = [main(), a_run("one", 1, 9, agent_id="a1"), a_run("two", 11, 19, agent_id="a1")]
    assert moves(*spans, a_call("c", 12, 13, agent_id="a1")) == {"c": ("two", Evidence.AGENT_ID)}
    assert moves(*spans, a_call("c", 9.5, 10, agent_id="a1")) == {}


def test_a_call_that_names_nobody_goes_to_the_only_agent_that_was_running() -> None:
    spans = [main(), a_run("writer", 1, 9), a_run("checker", 8, 12)]
    assert moves(*spans, a_call("c", 2, 3)) == {"c": ("writer", Evidence.TIME)}
    assert moves(*spans, a_call("c", 8.2, 8.8)) == {}, "two were running"
    assert moves(*spans, a_call("c", 13, 14)) == {}, "none was running"


def test_every_level_is_repaired() -> None:
    spans = [main(), a_run("outer", 1, 50), a_run("inner", 2, 40, parent_span_id="outer")]
    floated = [a_call("low", 3, 4), a_call("middle", 45, 46), a_call("lower", 5, 6, parent_span_id="outer")]
    assert {call: to for call, (to, _) in moves(*spans, *floated).items()} == {
        "low": "inner",
        "middle": "outer",
        "lower": "inner",
    }


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(a_call("c", 0.97, 1.5), id="begins a little early"),
        pytest.param(a_call("c", 8, 9.03), id="ends a little late"),
    ],
)
def test_clocks_may_differ_a_little(call: Span) -> None:
    spans = [main(), a_run("writer", 1, 9), call]
    assert moves(*spans) == {"c": ("writer", Evidence.TIME)}
    assert moves(*spans, skew=timedelta(0)) == {}


def test_at_the_border_of_two_agents_the_exact_one_is_meant() -> None:
    assert moves(main(), a_run("one", 1, 9), a_run("two", 9, 12), a_call("c", 9, 10)) == {"c": ("two", Evidence.TIME)}


def test_open_spans_last_until_now() -> None:
    spans = [main(None), a_run("writer", 1, None, status=Status.RUNNING), a_call("c", 20, 21)]
    assert moves(*spans) == {"c": ("writer", Evidence.TIME)}
    assert moves(*spans, now=at(10)) == {}
    assert moves(*spans[:2], a_call("open", 5, None, status=Status.RUNNING)) == {"open": ("writer", Evidence.TIME)}


def test_delegations_are_never_nested_because_their_times_overlap() -> None:
    assert moves(main(), a_run("long", 1, 50), a_run("short", 2, 3)) == {}


def test_a_call_never_goes_below_what_it_started() -> None:
    started = a_run("writer", 1, 9, tool_use_id="t1")
    assert moves(main(), started, a_call("c", 1.01, 8.9, tool_use_id="t1")) == {}
    below = [a_call("c", 0.9, 9.1, agent_type="writer"), a_run("writer", 1, 9, parent_span_id="c")]
    assert moves(main(), *below) == {}
    assert moves(main(), a_run("writer", 1, 9), a_call("wraps", 0.98, 9.02)) == {}


def test_an_agent_that_talks_while_others_work_keeps_its_calls() -> None:
    own = a_call("own", 2, 3, agent_type="main")
    spans = [main(), a_run("writer", 1, 9), a_call("of-writer", 4, 5, parent_span_id="writer", agent_type="writer")]
    assert moves(*spans, own) == {}
    assert moves(*spans[:2], own) == {"own": ("writer", Evidence.TIME)}, "nothing else is known of the writer"


def test_a_type_moves_no_call_up() -> None:
    spans = [main(), a_run("writer", 1, 9), a_call("own", 2, 3, agent_type="main", parent_span_id="writer")]
    assert moves(*spans) == {}
    floated = [*spans[:2], a_call("own", 2, 3, agent_type="main")]
    assert repair(repair(floated).spans).moves == []


def test_what_was_captured_stays() -> None:
    assert moves(main(), a_run("writer", 1, 9), a_call("c", 2, 3, source=Source.CAPTURED)) == {}


def test_a_move_tells_its_reason_and_can_be_undone() -> None:
    spans = [main(), a_run("writer", 1, 9), a_call("c", 2, 3, parent_span_id="main")]
    repaired = repair(spans)
    assert [span.parent_span_id for span in repaired.spans] == [None, "main", "writer"]
    assert repaired.moves[0].from_parent == "main"
    assert "only agent" in repaired.moves[0].reason
    assert undone(repaired.spans, repaired.moves) == spans


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
def test_floated_calls_come_back_to_their_agents(overlap: float) -> None:
    for seed in range(20):
        team = a_team(seed, overlap=overlap, floated=True)
        parents = {span.span_id: span.parent_span_id for span in repair(team.spans).spans}
        assert {call: parents[call] for call in team.callers} == team.callers


@given(forests(), st.randoms())
@example([a_run("s0", 0, 5, parent_span_id="s0"), a_call("c", 1, 2, parent_span_id="c")], Random(0))
def test_no_span_is_lost_no_cycle_arises_and_twice_is_once(spans: list[Span], rng: Random) -> None:
    repaired = repair(spans)
    assert [span.span_id for span in repaired.spans] == [span.span_id for span in spans]
    before, after = place(spans), place(repaired.spans)
    assert {r.span_id for r in after.repairs} <= {r.span_id for r in before.repairs}
    assert repair(repaired.spans).moves == []
    shuffled = list(spans)
    rng.shuffle(shuffled)
    assert repair(shuffled).moves == repaired.moves
    if len({span.span_id for span in spans}) == len(spans):
        assert undone(repaired.spans, repaired.moves) == spans
