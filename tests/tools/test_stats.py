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
    assert small["duration_ms"] == pytest.approx({"median": 200, "p95": 290}, rel=0.02)
    assert answer["Explore", "large"]["statuses"] == {"error": 1}
    assert answer["Explore", "large"]["cost_usd"] is None


async def test_short_durations_are_as_exact_as_long_ones(ask: Ask, store: Store) -> None:
    for ms in (33, 99):
        await store.add(Batch(spans=[a_span(agent_type=f"of {ms} ms", duration_ms=ms)]))
        (group,) = (await ask("get_stats", group_by=[], agent_match=f"^of {ms} ms$"))["groups"]
        assert group["duration_ms"] == pytest.approx({"median": ms, "p95": ms}, rel=0.02)


async def test_success_is_a_share_of_what_was_judged_with_its_interval(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{i}") for i in range(12)]
    judged = [a_reward(span_id=f"s{i}", value=float(i < 8)) for i in range(10)]
    hints = [a_reward(span_id=f"s{i}", source=RewardSource.KEYWORD) for i in range(10, 12)]
    await store.add(Batch(spans=spans, rewards=[*judged, *hints]))
    group = (await groups(ask, group_by=["agent_type"]))["Explore",]
    assert (group["n"], group["verified_n"], group["verified_success_n"]) == (12, 10, 8)
    assert group["success"]["shrunken"]
    assert group["success"]["low"] < 0.6 < group["success"]["rate"] < 0.8
    assert group["success"]["high"] > 0.9
    assert (group["mean_reward"], group["reward_weight"]) == (0.8, 10)
    assert group["mean_reward_interval"] == {name: group["success"][name] for name in ("low", "high")}
    assert group["outcomes"] == {"success": 8, "failure": 2, "unknown": 2}


async def test_too_few_judgements_give_no_rate_and_none_no_mean(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id=f"s{i}", cost_usd=1.0) for i in range(5)]))
    group = (await groups(ask))["Explore", None]
    assert (group["success"], group["mean_reward"], group["reward_weight"]) == (None, None, 0)
    await store.add(Batch(rewards=[a_reward(span_id=f"s{i}") for i in range(4)]))
    group = (await groups(ask))["Explore", None]
    assert (group["success"], group["cost_per_success_usd"], group["mean_reward"]) == (None, None, 1.0)
    assert group["mean_reward_interval"] is None
    await store.add(Batch(rewards=[a_reward(span_id="s4")]))
    assert (await groups(ask))["Explore", None]["success"]["high"] == 1.0


async def test_a_mean_reward_counts_each_judgement_as_far_as_it_is_believed(ask: Ask, store: Store) -> None:
    sources = [RewardSource.TEST, RewardSource.MODEL, RewardSource.BEHAVIOUR, RewardSource.KEYWORD]
    spans = [a_span(span_id=source.value) for source in sources]
    lost = [a_span(span_id="late", status=Status.ERROR), a_span(span_id="lost", status=Status.LOST, ended_at=None)]
    judged = [
        a_reward(span_id=source.value, value=float(source is RewardSource.TEST), source=source) for source in sources
    ]
    ends = [a_reward(span_id=span.span_id, value=0.0, source=RewardSource.STRUCTURE) for span in lost]
    await store.add(Batch(spans=spans + lost, rewards=judged + ends))
    totals = (await ask("get_stats"))["totals"]
    assert totals["reward_weight"] == pytest.approx(1 + 0.3 + 0.3 + 0.1)
    assert totals["mean_reward"] == pytest.approx(1 / 1.7)


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


@pytest.mark.parametrize(
    ("by", "names"),
    [
        pytest.param(
            "project", [f"/home/alice/customers/acme/services/repository-{i:02}" for i in range(60)], id="paths"
        ),
        pytest.param(
            "agent_type", [f"plugin-of-my-company:senior-code-reviewer-{i:02}" for i in range(60)], id="agents"
        ),
        pytest.param("model", [f"{'m' * 197}-{i:02}" for i in range(60)], id="names as long as any"),
    ],
)
async def test_groups_that_do_not_fit_go_to_the_next_page_under_their_whole_names(
    ask: Ask, store: Store, by: str, names: list[str]
) -> None:
    await store.add(Batch(spans=[a_span(**{by: name}, cost_usd=0.1234567, input_tokens=1000) for name in names]))
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = await ask("get_stats", group_by=[by], limit=60, **cursor)
        assert page["returned"] == len(page["groups"]) < page["total"] == 60
        seen += [group["key"][by] for group in page["groups"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert sorted(seen) == names


async def test_one_group_is_told_under_its_whole_names_however_long(ask: Ask, store: Store) -> None:
    longest = {"project": "/" + "p" * 4095, "agent_type": "a" * 200, "model": "m" * 200, "agent_version": "v" * 200}
    await store.add(Batch(spans=[a_span(**longest), a_span(**{**longest, "model": "n" * 200})]))
    answer = (
        await ask.client.call_tool("get_stats", {"group_by": list(longest), "max_chars": 2000})
    ).structured_content
    assert answer is not None
    assert [group["key"] for group in answer["groups"]] == [longest]
    assert (answer["returned"], answer["total"]) == (1, 2)
    rest = await ask("get_stats", group_by=list(longest), cursor=answer["next_cursor"])
    assert [group["key"]["model"] for group in rest["groups"]] == ["n" * 200]


async def test_a_cost_per_success_is_the_mean_cost_over_the_share_of_successes(ask: Ask, store: Store) -> None:
    judged = [a_span(span_id=f"s{i}", cost_usd=0.5) for i in range(40)]
    rewards = [a_reward(span_id=f"s{i}", value=float(i < 20)) for i in range(40)]
    await store.add(Batch(spans=[*judged, *(a_span(cost_usd=1.5) for _ in range(40)), a_span()], rewards=rewards))
    explore = (await groups(ask, group_by=["agent_type"]))["Explore",]
    assert (explore["cost_usd"], explore["priced_n"], explore["mean_cost_usd"]) == (80, 80, 1)
    assert explore["cost_per_success_usd"] == 2


@pytest.mark.parametrize("n", [10, 40])
async def test_what_never_succeeds_has_no_cost_per_success(n: int, ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{i}", cost_usd=0.5) for i in range(n)]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id=f"s{i}", value=0.0) for i in range(n)]))
    assert (await groups(ask))["Explore", None]["cost_per_success_usd"] is None


async def test_where_all_succeeded_a_success_cost_what_one_costs(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{i}", cost_usd=8.0) for i in range(10)]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id=f"s{i}", value=1.0) for i in range(10)]))
    assert (await groups(ask))["Explore", None]["cost_per_success_usd"] == 8


async def test_shares_of_cost_are_of_what_is_known(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(agent_type="Plan"), a_span(cost_usd=0.0)]))
    assert {group["cost_share"] for group in (await groups(ask)).values()} == {None}
    await store.add(Batch(spans=[a_span(cost_usd=1.0), a_span(agent_type="dear", cost_usd=3.0)]))
    shares = {key[0]: group["cost_share"] for key, group in (await groups(ask)).items()}
    assert shares == {"Plan": None, "Explore": 0.25, "dear": 0.75}


async def test_a_trend_compares_with_the_window_before(ask: Ask, store: Store) -> None:
    """The clock stands an hour after noon: 30 minutes are compared with the 30 before them."""
    early, late = at(900), at(2700)
    before = [a_span(span_id=f"b{i}", started_at=early, ended_at=early, cost_usd=1.0) for i in range(10)]
    now = [a_span(span_id=f"n{i}", started_at=late, ended_at=late, cost_usd=1.0) for i in range(20)]
    new = a_span(agent_type="Plan", started_at=late, ended_at=late)
    rewards = [a_reward(span_id=f"b{i}", value=0.0) for i in range(10)] + [a_reward(span_id=f"n{i}") for i in range(20)]
    await store.add(Batch(spans=[*before, *now, new, a_span()], rewards=rewards))
    answer = await ask("get_stats", since="30m", group_by=["agent_type"])
    assert answer["compared_with"] == {"since": "2026-11-20T12:00:00Z", "until": "2026-11-20T12:30:00Z"}
    explore, plan = (group["trend"] for group in answer["groups"])
    assert (explore["n"], explore["n_before"], explore["cost_usd"]) == (9, 11, 10)
    assert explore["success"]["change"] == 1
    assert explore["success"]["low"] > 0.5
    assert plan == {"n": 1, "n_before": 0, "cost_usd": None, "success": None}
    assert answer["totals"]["trend"]["n"] == 10
    assert await ask("get_stats", since="30m", until="2027-01-01", group_by=["agent_type"]) == answer
    ancestor = {"agent_match": "Explore|Plan", "agent_mode": "ancestor"}
    assert await ask("get_stats", since="30m", group_by=["agent_type"], **ancestor) == answer


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({}, id="no window"),
        pytest.param({"until": "30m"}, id="a window without a beginning"),
        pytest.param({"since": "7d"}, id="nothing is known of the window before"),
        pytest.param({"since": "0001-01-02"}, id="a window before the beginning of time"),
    ],
)
async def test_without_a_window_before_there_is_no_trend(ask: Ask, store: Store, question: dict[str, str]) -> None:
    await store.add(Batch(spans=[a_span(started_at=at(900), ended_at=at(900)), a_span()]))
    answer = await ask("get_stats", **question)
    assert answer["compared_with"] is None
    assert all(group["trend"] is None for group in answer["groups"])
    assert answer["totals"].get("trend") is None


async def test_a_day_is_compared_with_no_other(ask: Ask, store: Store) -> None:
    spans = [a_span(started_at=at(hours * 3600), ended_at=at(hours * 3600)) for hours in (-30, -20, 0)]
    await store.add(Batch(spans=spans))
    answer = await ask("get_stats", since="24h", group_by=["day"])
    assert [group["trend"] for group in answer["groups"]] == [None, None]
    assert (answer["totals"]["trend"]["n"], answer["totals"]["trend"]["n_before"]) == (1, 1)


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


async def test_a_cursor_whose_group_is_gone_is_refused(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(agent_type=f"agent-{i}", session_id=f"s{i}") for i in range(3)]))
    question = {"group_by": ["agent_type"], "limit": 1}
    cursor = (await ask("get_stats", **question))["next_cursor"]
    await store.prune(before=at(86_400))
    assert "begin again" in await ask.refused("get_stats", **question, cursor=cursor)
