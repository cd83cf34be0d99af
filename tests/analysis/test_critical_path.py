"""Which runs decided how long a session took."""

import math

from hypothesis import given

from mcp_server.analysis.critical_path import critical_path
from storage.records import Span
from storage.vocabulary import SpanKind, Status
from tests.analysis.trajectories import a_chain, forests
from tests.factories import a_span, at


def a_run(span_id: str, start: float, end: float | None, parent: str | None = "main") -> Span:
    return a_span(
        span_id=span_id, parent_span_id=parent, started_at=at(start), ended_at=None if end is None else at(end),
        status=Status.RUNNING if end is None else Status.OK,
    )  # fmt: skip


def steps(*spans: Span) -> list[tuple[str | None, float, float]]:
    return [(step.span_id, step.start_s, step.duration_s) for step in critical_path(spans)]


def test_of_parallel_runs_the_one_that_ended_last_was_waited_for() -> None:
    main = a_run("main", 0, 10, None)
    assert steps(main, a_run("short", 1, 3), a_run("long", 2, 8), a_run("inner", 3, 5, "long")) == [
        ("main", 0, 2),
        ("long", 2, 1),
        ("inner", 3, 2),
        ("long", 5, 3),
        ("main", 8, 2),
    ]


def test_runs_one_after_the_other_are_all_on_the_path() -> None:
    assert steps(a_run("main", 0, 10, None), a_run("one", 1, 4), a_run("two", 4, 9)) == [
        ("main", 0, 1),
        ("one", 1, 3),
        ("two", 4, 5),
        ("main", 9, 1),
    ]


def test_what_outlives_its_parent_counts_up_to_the_parents_end() -> None:
    assert steps(a_run("main", 0, 5, None), a_run("background", 1, 50))[:2] == [("main", 0, 1), ("background", 1, 4)]


def test_an_open_run_lasts_as_long_as_anything_below_it() -> None:
    assert steps(a_run("main", 0, None, None), a_run("one", 1, 4)) == [("main", 0, 1), ("one", 1, 3)]


def test_calls_are_looked_through() -> None:
    call = a_span(span_id="call", parent_span_id="main", kind=SpanKind.TOOL_CALL)
    assert steps(a_run("main", 0, 3, None), call, a_run("one", 1, 2, "call")) == [
        ("main", 0, 1),
        ("one", 1, 1),
        ("main", 2, 1),
    ]


def test_time_in_which_nothing_ran_is_nobodys() -> None:
    assert steps(a_run("one", 0, 2, None), a_run("two", 5, 6, None)) == [("one", 0, 2), (None, 2, 3), ("two", 5, 1)]


def test_nothing_has_no_path() -> None:
    assert critical_path([]) == []


def test_a_chain_of_any_depth_has_one() -> None:
    assert math.isclose(sum(step.duration_s for step in critical_path(a_chain(5_000))), 10.0)


@given(forests())
def test_the_steps_follow_each_other_without_gaps(spans: list[Span]) -> None:
    path = critical_path(spans)
    cursor = 0.0
    for step in path:
        assert math.isclose(step.start_s, cursor, abs_tol=1e-9)
        assert step.duration_s > 0
        cursor = step.start_s + step.duration_s
