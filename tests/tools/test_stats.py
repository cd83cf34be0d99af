"""Delegations summed up."""

from typing import Any

import pytest

from storage.queries import Batch
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.factories import a_reward, a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio


async def groups(ask: Ask, **question: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(group["key"].values()): group for group in (await ask("get_stats", **question))["groups"]}


async def test_delegations_are_grouped_by_agent_and_model(ask: Ask, store: Store) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(model="small", cost_usd=0.25, input_tokens=10, duration_ms=100, tool_call_count=3),
                a_span(model="small", cost_usd=0.5, input_tokens=20, duration_ms=300, tool_error_count=1),
                a_span(model="large", status=Status.ERROR),
                a_span(kind=SpanKind.SESSION, model="small", cost_usd=9.0),
            ]
        )
    )
    answer = await groups(ask)
    small = answer["Explore", "small"]
    assert (small["n"], small["cost_usd"], small["priced_n"]) == (2, 0.75, 2)
    assert small["tokens"] == {"input_tokens": 30}
    assert (small["tool_calls"], small["tool_errors"]) == (3, 1)
    assert small["duration_ms"] == {"median": 200, "p95": 290}
    assert answer["Explore", "large"]["statuses"] == {"error": 1}
    assert answer["Explore", "large"]["cost_usd"] is None


async def test_success_is_a_share_of_what_was_judged_with_its_interval(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{i}") for i in range(12)]
    judged = [a_reward(span_id=f"s{i}", value=float(i < 8)) for i in range(10)]
    hints = [a_reward(span_id=f"s{i}", source=RewardSource.KEYWORD) for i in range(10, 12)]
    await store.add(Batch(spans=spans, rewards=[*judged, *hints]))
    group = (await groups(ask, group_by=["agent_type"]))["Explore",]
    assert (group["n"], group["verified_n"], group["success"]["rate"]) == (12, 10, 0.8)
    assert group["success"]["low"] < 0.6
    assert group["success"]["high"] > 0.9
    assert group["mean_reward"] == 0.8
    assert group["outcomes"] == {"success": 8, "failure": 2, "unknown": 2}


async def test_without_a_judgement_there_is_no_rate(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span()]))
    group = (await groups(ask))["Explore", None]
    assert (group["success"], group["mean_reward"], group["cost_per_success_usd"]) == (None, None, None)


async def test_days_and_weeks_are_in_utc_and_weeks_begin_on_monday(ask: Ask, store: Store) -> None:
    sunday, monday = at(2 * 86_400), at(3 * 86_400)  # 2026-11-22 and -23
    await store.add(
        Batch(spans=[a_span(started_at=sunday, ended_at=sunday), a_span(started_at=monday, ended_at=monday)])
    )
    assert set(await groups(ask, group_by=["day"])) == {("2026-11-22",), ("2026-11-23",)}
    assert set(await groups(ask, group_by=["week"])) == {("2026-11-16",), ("2026-11-23",)}


async def test_windows_patterns_and_projects_restrict(ask: Ask, store: Store) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(agent_type="Plan", project="/a"),
                a_span(project="/b", started_at=at(3000), ended_at=at(3000)),
                a_span(project="/b"),
            ]
        )
    )
    assert (await ask("get_stats", agent_match="Pl"))["totals"]["n"] == 1
    assert (await ask("get_stats", project="/b"))["totals"]["n"] == 2
    assert (await ask("get_stats", since="20m"))["totals"]["n"] == 1
    assert (await ask("get_stats", until="20m"))["totals"]["n"] == 2


async def test_no_delegations_is_an_answer(ask: Ask) -> None:
    answer = await ask("get_stats")
    assert (answer["groups"], answer["totals"], answer["total"]) == ([], {"n": 0}, 0)


async def test_many_groups_come_in_pages(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(agent_type=f"agent-{i:03}") for i in range(40)]))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await ask("get_stats", group_by=["agent_type"], limit=15, max_chars=5000, **cursor)
        seen += [group["key"]["agent_type"] for group in page["groups"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == [f"agent-{i:03}" for i in range(40)]


async def test_a_cost_per_success_needs_every_outcome_and_every_cost(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id="good", cost_usd=0.5), a_span(span_id="bad", cost_usd=0.25)]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id="good"), a_reward(span_id="bad", value=0.0)]))
    assert (await groups(ask, group_by=["agent_type"]))["Explore",]["cost_per_success_usd"] == 0.75
    await store.add(Batch(spans=[a_span(cost_usd=0.1)]))
    assert (await groups(ask, group_by=["agent_type"]))["Explore",]["cost_per_success_usd"] is None


async def test_all_below_an_agent_can_be_summed_up(ask: Ask, store: Store) -> None:
    """main > (Explore > call > reviewer, Plan), and an Explore of another session."""
    below = {"started_at": at(5), "ended_at": at(6)}
    spans = [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main"),
        a_span(span_id="explore", parent_span_id="main", project="/a"),
        a_span(span_id="call", parent_span_id="explore", kind=SpanKind.TOOL_CALL, agent_type="Explore"),
        a_span(span_id="review", parent_span_id="call", agent_type="reviewer", cost_usd=0.5, project="/b", **below),
        a_span(span_id="plan", parent_span_id="main", agent_type="Plan"),
        a_span(session_id="session-2"),
    ]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id="review")]))
    whole = await groups(ask, group_by=["agent_type"])
    explore = {"agent_match": "^Explore$", "group_by": ["agent_type"]}
    assert await groups(ask, **explore) == {("Explore",): whole["Explore",]}
    assert await groups(ask, **explore, agent_mode="ancestor") == {
        ("Explore",): whole["Explore",],
        ("reviewer",): whole["reviewer",],
    }
    assert (await ask("get_stats", agent_match="^main$"))["totals"]["n"] == 0
    for question, n in (({}, 3), ({"project": "/a"}, 1), ({"since": "3597s"}, 1), ({"until": "3597s"}, 2)):
        answer = await ask("get_stats", agent_match="^main$", agent_mode="ancestor", **question)
        assert answer["totals"]["n"] == n, question
