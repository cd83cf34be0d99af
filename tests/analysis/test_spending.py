"""Waste, budgets, and work that needed no delegation."""

from datetime import date
from typing import Any

import pytest

from mcp_server.analysis.changes import of_waste
from mcp_server.analysis.delegations import arm_of
from mcp_server.analysis.spending import (
    Budget,
    Per,
    Reason,
    exceeded,
    inline_candidates,
    wasted,
)
from storage.records import Span
from storage.vocabulary import Level, Outcome, Status
from tests.analysis.judged import a_delegation
from tests.factories import at


def test_what_failed_was_abandoned_or_repeated_is_waste_once_each() -> None:
    failed = a_delegation(outcome=Outcome.FAILURE, status=Status.ERROR, cost_usd=2.0, duration_ms=100)
    lost = a_delegation(status=Status.LOST, cost_usd=1.0, duration_ms=10)
    first, second = (a_delegation(task="find it", cost_usd=0.5, duration_ms=5) for _ in range(2))
    fine = a_delegation(cost_usd=9.0, task="other")
    found = wasted([fine, second, first, lost, failed])
    assert [(waste.reason, list(waste.spans), waste.usd, waste.ms) for waste in found] == [
        (Reason.FAILED, [failed], 2.0, 100),
        (Reason.ABANDONED, [lost], 1.0, 10),
        (Reason.REPEATED, [first], 0.5, 5),
    ]


def test_of_many_arms_that_fail_the_dearest_are_told_apart_and_the_rest_together() -> None:
    spans = [
        a_delegation(agent_type=f"agent-{place}", outcome=Outcome.FAILURE, cost_usd=float(place + 1), duration_ms=10)
        for place in range(6)
    ]
    found = wasted([*spans, a_delegation(agent_type="agent-0", task="another")])
    assert [(str(waste.arm), len(waste.spans), waste.usd) for waste in found if waste.arm is not None] == [
        (str(arm_of(spans[place])), 1, place + 1.0) for place in (5, 4, 3)
    ]
    (rest,) = [waste for waste in found if waste.arm is None]
    assert (len(rest.spans), rest.usd, rest.ms) == (3, 6.0, 30)
    assert of_waste(rest).text.startswith(
        f"3 of 4 delegations to 3 other pairs of agent and model, such as {arm_of(spans[2])}, failed: "
    )


def test_a_cancelled_delegation_that_was_judged_a_success_is_none() -> None:
    assert wasted([a_delegation(1.0, outcome=Outcome.SUCCESS, status=Status.CANCELLED)]) == []


def test_the_same_task_in_another_session_is_no_repetition() -> None:
    assert wasted([a_delegation(task="find it", session_id=f"s{place}") for place in range(3)]) == []


def test_an_unknown_cost_is_not_nothing() -> None:
    (found,) = wasted([a_delegation(status=Status.LOST)])
    assert found.usd is None


def test_an_unknown_time_is_not_nothing_and_comes_behind_what_took_none() -> None:
    lost = a_delegation(status=Status.LOST, ended_at=None, duration_ms=None)
    failed = a_delegation(outcome=Outcome.FAILURE, duration_ms=0)
    assert [(waste.reason, waste.ms) for waste in wasted([lost, failed])] == [
        (Reason.FAILED, 0),
        (Reason.ABANDONED, None),
    ]


def test_small_tasks_could_have_been_done_without_delegating() -> None:
    small = [
        a_delegation(complexity=Level.LOW, task_type="search", tool_call_count=count, cost_usd=0.1)
        for count in (1, 1, 2, 2, 9)
    ]
    (found,) = inline_candidates(small)
    assert (found.agent_type, found.task_type, found.median_calls) == ("Explore", "search", 2)
    assert found.usd == pytest.approx(0.5)


@pytest.mark.parametrize(
    "change",
    [{"complexity": Level.MEDIUM}, {"task_type": None}, {"tool_call_count": 3}, {"tool_call_count": None}],
    ids=["not low", "no type", "more calls", "calls unknown"],
)
def test_other_tasks_could_not(change: dict[str, Any]) -> None:
    given: dict[str, Any] = {"complexity": Level.LOW, "task_type": "search", "tool_call_count": 1} | change
    assert inline_candidates([a_delegation(**given) for _ in range(9)]) == []


def test_a_budget_for_a_day_is_that_of_utc_and_of_its_agent() -> None:
    def costing(usd: float | None, seconds: float, agent_type: str = "Explore") -> Span:
        return a_delegation(cost_usd=usd, agent_type=agent_type, started_at=at(seconds), ended_at=at(seconds + 1))

    day = 86_400
    spans = [costing(3, 0), costing(4, 60), costing(None, 90), costing(9, 5, "Plan"), costing(6, day)]
    (found,) = exceeded(spans, [Budget(usd=6, agent_type="Explore")])
    assert (found.day, found.usd, found.unpriced) == (date(2026, 11, 20), 7, 1)
    assert [span.cost_usd for span in found.spans] == [4, 3, None]
    assert [excess.usd for excess in exceeded(spans, [Budget(usd=6)])] == [16]


def test_a_budget_for_a_delegation_counts_what_lies_below() -> None:
    dear = a_delegation(cost_usd=1.0, subtree_cost_usd=5.0)
    found = exceeded([dear, a_delegation(cost_usd=1.0)], [Budget(usd=2, per=Per.DELEGATION)])
    assert [(excess.usd, list(excess.spans)) for excess in found] == [(5.0, [dear])]


def test_what_is_unpriced_exceeds_nothing() -> None:
    assert exceeded([a_delegation()], [Budget(usd=0), Budget(usd=0, per=Per.DELEGATION)]) == []
