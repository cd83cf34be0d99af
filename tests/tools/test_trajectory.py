"""One session as a tree."""

from datetime import timedelta
from typing import Any

import pytest

from storage.queries import Batch
from storage.records import Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.factories import a_reward, a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio


def a_session() -> list[Span]:
    """main > (Explore > reviewer, Plan), with a call below Explore."""
    return [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", cost_usd=1.0),
        a_span(span_id="plan", parent_span_id="main", agent_type="Plan", started_at=at(30), ended_at=at(31)),
        a_span(span_id="explore", parent_span_id="main", started_at=at(10), ended_at=at(20), cost_usd=0.5, task="look"),
        a_span(
            span_id="review", parent_span_id="explore", agent_type="reviewer", started_at=at(12), ended_at=at(13),
            cost_usd=0.25,
        ),
        a_span(
            span_id="read", parent_span_id="explore", kind=SpanKind.TOOL_CALL, name="Read", started_at=at(11),
            ended_at=at(11),
        ),
    ]  # fmt: skip


async def ids(ask: Ask, **arguments: Any) -> list[str]:
    return [span["span_id"] for span in (await ask("get_trajectory", **arguments))["spans"]]


async def test_parents_come_before_children_and_siblings_by_start(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    answer = await ask("get_trajectory", session_id="session-1")
    assert [(span["span_id"], span["depth"]) for span in answer["spans"]] == [
        ("main", 0),
        ("explore", 1),
        ("review", 2),
        ("plan", 1),
    ]


async def test_own_and_subtree_cost_are_two_fields(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    costs = {
        span["span_id"]: (span["cost_usd"], span["subtree_cost_usd"])
        for span in (await ask("get_trajectory", session_id="session-1"))["spans"]
    }
    assert costs == {"main": (1.0, 1.75), "explore": (0.5, 0.75), "review": (0.25, 0.25), "plan": (None, None)}


async def test_full_detail_shows_calls_and_every_field(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    answer = await ask("get_trajectory", session_id="session-1", detail="full")
    assert [span["span_id"] for span in answer["spans"]] == ["main", "explore", "read", "review", "plan"]
    assert answer["spans"][1]["task"] == "look"
    assert await ids(ask, session_id="session-1", kinds=["tool_call"]) == ["read"]


async def test_a_skeleton_has_exactly_the_figures(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    spans = (await ask("get_trajectory", session_id="session-1", detail="skeleton"))["spans"]
    assert set(spans[1]) == {
        "span_id", "parent_span_id", "depth", "kind", "agent_type", "model", "status", "outcome", "cost_usd",
        "subtree_cost_usd", "duration_ms",
    }  # fmt: skip


async def test_totals_are_of_the_whole_session_whatever_is_shown(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    totals = (await ask("get_trajectory", session_id="session-1", limit=1, agent_match="Plan"))["totals"]
    assert totals["spans"] == {"session": 1, "delegation": 3, "llm_call": 0, "tool_call": 1}
    assert (totals["delegations"], totals["cost_usd"], totals["unpriced"]) == (3, 1.75, 1)
    assert totals["duration_ms"] == 31_000


@pytest.mark.parametrize("status", [Status.RUNNING, Status.OK])
async def test_a_session_of_which_no_end_is_known_has_no_duration(ask: Ask, store: Store, status: Status) -> None:
    same = {"session_id": "s", "ended_at": None, "status": status, "observed_at": at(0) + timedelta(microseconds=300)}
    await store.add(Batch(spans=[a_span(**same), a_span(**same | {"started_at": at(0) + timedelta(microseconds=100)})]))
    assert (await ask("get_trajectory", session_id="s"))["totals"]["duration_ms"] is None
    await store.add(Batch(spans=[a_span(session_id="s", ended_at=at(0))]))
    assert (await ask("get_trajectory", session_id="s"))["totals"]["duration_ms"] == 0


async def test_agent_match_keeps_agents_in_whose_type_it_is_found(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    assert await ids(ask, session_id="session-1", agent_match="re|Pl") == ["explore", "review", "plan"]
    assert await ids(ask, session_id="session-1", agent_match="^Plan$") == ["plan"]


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        pytest.param("(", "no regular expression", id="unbalanced"),
        pytest.param("(a|a)*$", "too long to match", id="catastrophic"),
        pytest.param("((a{1000}){1000}){1000}", "repeats too often", id="would fill memory"),
        pytest.param("x" * 201, "agent_match is 'xxx", id="endless"),
    ],
)
async def test_a_bad_pattern_is_refused_in_bounded_time(ask: Ask, store: Store, pattern: str, complaint: str) -> None:
    await store.add(Batch(spans=[a_span(agent_type="a" * 100 + "b")]))
    assert complaint in await ask.refused("get_trajectory", session_id="session-1", agent_match=pattern)


async def test_pages_together_are_the_whole(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await ask("get_trajectory", session_id="session-1", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [span["span_id"] for span in page["spans"]]
        assert page["returned"] == 1
        assert page["total"] == 4
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["main", "explore", "review", "plan"]


async def test_a_cursor_holds_while_new_spans_arrive(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    page = await ask("get_trajectory", session_id="session-1", limit=2)
    await store.add(Batch(spans=[a_span(span_id="early", parent_span_id="main", started_at=at(1), ended_at=at(2))]))
    assert await ids(ask, session_id="session-1", cursor=page["next_cursor"]) == ["review", "plan"]


async def test_a_huge_session_is_answered_within_the_cap_and_to_its_end(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{i:04}", started_at=at(i), ended_at=at(i), task="x" * 5000) for i in range(300)]
    await store.add(Batch(spans=spans))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await ask("get_trajectory", session_id="session-1", max_chars=5000, limit=250, **cursor)
        seen += [span["span_id"] for span in page["spans"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [span.span_id for span in spans]


async def test_a_span_keeps_its_names_whole_and_loses_its_texts_where_there_is_little_room(
    ask: Ask, store: Store
) -> None:
    names = {"agent_type": "a" * 200, "model": "m" * 200, "project": "/" + "p" * 400, "agent_version": "v" * 200}
    told = {"model": "x" * 9000, "key": ["y" * 9000]}  # an attribute of any name is a text like others
    await store.add(Batch(spans=[a_span(span_id=f"s{i}", **names, task="x" * 9000, attributes=told) for i in range(9)]))
    page = await ask("get_trajectory", session_id="session-1", detail="full", max_chars=4000)
    assert 0 < page["returned"] < page["total"] == 9
    for span in page["spans"]:
        assert {name: span[name] for name in names} == names
        assert len(span["task"]) < 100


async def test_the_current_session_is_meant_where_none_is_named(ask: Ask, store: Store) -> None:
    await store.add(
        Batch(spans=[a_span(session_id="session-of-the-process"), a_span(started_at=at(99), ended_at=at(99))])
    )
    assert (await ask("get_trajectory"))["session_id"] == "session-of-the-process"


async def test_the_latest_session_is_meant_where_the_current_one_has_nothing(ask: Ask, store: Store) -> None:
    await store.add(
        Batch(spans=[a_span(session_id="old"), a_span(session_id="new", started_at=at(99), ended_at=at(99))])
    )
    assert (await ask("get_trajectory"))["session_id"] == "new"


async def test_an_unknown_session_is_an_error_with_a_way_out(ask: Ask) -> None:
    assert "delegation://sessions" in await ask.refused("get_trajectory", session_id="nope")
    assert "delegation-telemetry import" in await ask.refused("get_trajectory")


async def test_a_parent_that_never_arrives_is_reported_and_its_child_shown(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="child", parent_span_id="nobody")]))
    answer = await ask("get_trajectory", session_id="session-1")
    assert [span["span_id"] for span in answer["spans"]] == ["child"]
    assert answer["spans"][0]["parent_span_id"] == "nobody"
    assert [repair["fault"] for repair in answer["repairs"]] == ["orphan"]


async def test_spans_that_are_each_others_parents_are_shown_and_reported(ask: Ask, store: Store) -> None:
    spans = [
        a_span(span_id="a", parent_span_id="b", started_at=at(1), ended_at=at(9)),
        a_span(span_id="b", parent_span_id="a", started_at=at(2), ended_at=at(9)),
        a_span(span_id="c", parent_span_id="c", started_at=at(3), ended_at=at(9)),
    ]
    await store.add(Batch(spans=spans))
    answer = await ask("get_trajectory", session_id="session-1")
    assert [(span["span_id"], span["depth"]) for span in answer["spans"]] == [("a", 0), ("b", 1), ("c", 0)]
    assert [(repair["span_id"], repair["fault"]) for repair in answer["repairs"]] == [("a", "cycle"), ("c", "cycle")]


async def test_a_delegation_below_a_call_hangs_on_the_agent_above_it(ask: Ask, store: Store) -> None:
    spans = [
        a_span(span_id="outer"),
        a_span(span_id="call", parent_span_id="outer", kind=SpanKind.TOOL_CALL),
        a_span(span_id="inner", parent_span_id="call", cost_usd=2.0),
    ]
    await store.add(Batch(spans=spans))
    answer = await ask("get_trajectory", session_id="session-1")
    assert [(span["span_id"], span["depth"]) for span in answer["spans"]] == [("outer", 0), ("inner", 1)]
    assert answer["spans"][0]["subtree_cost_usd"] == 2.0
    assert answer["repairs"] == []


async def test_the_critical_path_says_for_how_long_all_waited_for_a_run(ask: Ask, store: Store) -> None:
    spans = [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", ended_at=at(100)),
        a_span(span_id="quick", parent_span_id="main", started_at=at(10), ended_at=at(20)),
        a_span(span_id="slow", parent_span_id="main", started_at=at(10), ended_at=at(90)),
    ]
    await store.add(Batch(spans=spans))
    for detail in ("skeleton", "summary", "full"):
        answer = await ask("get_trajectory", session_id="session-1", detail=detail)
        waited = {span["span_id"]: span.get("critical_ms") for span in answer["spans"]}
        assert waited == {"main": 20_000, "slow": 80_000, "quick": None}
        assert sum(filter(None, waited.values())) == answer["totals"]["duration_ms"]


async def test_an_outcome_says_what_it_rests_on(ask: Ask, store: Store) -> None:
    spans = [
        a_span(span_id="tested", started_at=at(1)),
        a_span(span_id="broken", started_at=at(2), ended_at=at(3), status=Status.ERROR),
        a_span(span_id="praised", started_at=at(3), ended_at=at(4)),
        a_span(span_id="silent", started_at=at(4), ended_at=at(5)),
    ]
    rewards = [
        a_reward(span_id="tested", source=RewardSource.TEST),
        a_reward(span_id="praised", source=RewardSource.KEYWORD),
    ]
    await store.add(Batch(spans=spans, rewards=rewards))
    answer = await ask("get_trajectory", session_id="session-1", detail="skeleton")
    assert {span["span_id"]: (span["outcome"], span.get("outcome_source")) for span in answer["spans"]} == {
        "tested": ("success", "test"),
        "broken": ("failure", "structure"),
        "praised": ("unknown", None),
        "silent": ("unknown", None),
    }


async def test_a_call_that_floated_up_is_shown_below_its_agent_and_the_move_is_reported(ask: Ask, store: Store) -> None:
    floated = a_span(
        span_id="floated", parent_span_id="main", kind=SpanKind.TOOL_CALL, agent_type="Plan", started_at=at(30.2),
        ended_at=at(30.4),
    )  # fmt: skip
    await store.add(Batch(spans=[*a_session(), floated]))
    answer = await ask("get_trajectory", session_id="session-1", detail="full")
    assert [(span["span_id"], span["depth"]) for span in answer["spans"]][-2:] == [("plan", 1), ("floated", 2)]
    assert answer["spans"][-1]["parent_span_id"] == "plan"
    (repair,) = answer["repairs"]
    assert (repair["span_id"], repair["fault"], repair["from_parent"], repair["to_parent"]) == (
        "floated",
        "misplaced",
        "main",
        "plan",
    )
    assert "names Plan" in repair["reason"]
    assert answer["totals"]["repairs"] == 1


async def test_agent_match_keeps_all_below_an_agent_where_that_is_asked_for(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    assert await ids(ask, session_id="session-1", agent_match="^Explore$") == ["explore"]
    below = {"agent_match": "^Explore$", "agent_mode": "ancestor"}
    assert await ids(ask, session_id="session-1", **below) == ["explore", "review"]
    assert await ids(ask, session_id="session-1", **below, kinds=["delegation"]) == ["explore", "review"]


async def test_totals_are_of_the_whole_session_also_where_no_run_is_shown(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=a_session()))
    totals = (await ask("get_trajectory", session_id="session-1", kinds=["tool_call"]))["totals"]
    assert (totals["delegations"], totals["cost_usd"]) == (3, 1.75)
