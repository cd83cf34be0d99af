"""What adding promises: joining, all or nothing, rewards that come early, sums that are true afterwards."""

from typing import Any

import pytest

from storage.queries import Added, Batch, Change, Target
from storage.records import ReadPosition, Span
from storage.store import Store
from storage.vocabulary import Level, Outcome, RewardSource, Source, SpanKind, Status
from tests.factories import NOON, a_reward, a_span, at
from tests.storage.contents import add_one_by_one, contents, held

pytestmark = pytest.mark.anyio

FULL = Span(
    span_id="full", session_id="session-1", parent_span_id="above", kind=SpanKind.DELEGATION, name="Look around",
    agent_type="Explore", agent_id="agent-1", tool_use_id="toolu_1", agent_version="0badcafe", model="large",
    effort="high", client="claude-code 2.1", project="/home/user/project", branch="main", task="Find the door.",
    task_type="search", guessed_type="docs", guessed_by="words/1", complexity=Level.LOW,
    criticality=Level.MEDIUM, uncertainty=Level.HIGH, output="It is open.",
    status=Status.OK, started_at=at(0.000001), ended_at=at(2.5), duration_ms=2400, tool_sequence=("Read", "Bash"),
    tool_call_count=2, tool_error_count=1, input_tokens=1, output_tokens=2, cache_read_tokens=3,
    cache_write_5m_tokens=4, cache_write_1h_tokens=5, cost_usd=0.25, error="none", source=Source.CAPTURED,
    attributes={"deep": {"list": [1, 2.5, None, True, "é"]}}, observed_at=at(3),
)  # fmt: skip


async def test_every_field_comes_back_as_it_went_in(store: Store) -> None:
    await store.add(Batch(spans=[FULL]))
    assert FULL.model_fields_set == set(Span.model_fields) - {"outcome", "reward", "reward_source", "subtree_cost_usd"}
    assert await held(store, "full") == FULL.model_copy(update={"subtree_cost_usd": 0.25})


async def test_a_span_is_created_then_unchanged_then_updated(store: Store) -> None:
    span = a_span(span_id="one")
    assert (await store.add(Batch(spans=[span]))).spans == [Change.CREATED]
    assert (await store.add(Batch(spans=[span]))).spans == [Change.UNCHANGED]
    told_more = span.model_copy(update={"model": "large", "observed_at": at(9)})
    assert (await store.add(Batch(spans=[told_more]))).spans == [Change.UPDATED]
    assert (await held(store, "one")).model == "large"


async def test_a_batch_tells_what_became_of_each_of_its_spans_in_their_order(store: Store) -> None:
    known, new = a_span(span_id="known"), a_span(span_id="new")
    await store.add(Batch(spans=[known]))
    later = new.model_copy(update={"output": "done", "observed_at": at(9)})
    added = await store.add(Batch(spans=[new, known, later, later]))
    assert added.spans == [Change.CREATED, Change.UNCHANGED, Change.UPDATED, Change.UNCHANGED]


async def test_a_span_that_knows_less_or_is_older_changes_nothing(store: Store) -> None:
    await store.add(Batch(spans=[FULL]))
    before = await held(store, "full")
    start = a_span(span_id="full", status=Status.RUNNING, source=Source.CAPTURED, task="Something else.")
    stated = a_span(span_id="full", status=Status.ERROR, observed_at=at(99), task="Something else.")
    assert (await store.add(Batch(spans=[start, stated]))).spans == [Change.UNCHANGED] * 2
    assert await held(store, "full") == before


async def test_nothing_at_all_may_be_added(store: Store) -> None:
    assert await store.add(Batch()) == Added(spans=[], rewards=[])


async def test_what_a_caller_says_of_outcome_reward_and_subtree_is_left_out(store: Store) -> None:
    boast: dict[str, Any] = {"outcome": Outcome.SUCCESS, "reward": 1.0, "reward_source": RewardSource.HUMAN}
    await store.add(Batch(spans=[a_span(span_id="one", cost_usd=1.0, subtree_cost_usd=9.0, **boast)]))
    span = await held(store, "one")
    assert (span.outcome, span.reward, span.reward_source) == (Outcome.UNKNOWN, None, None)
    assert span.subtree_cost_usd == 1.0


async def test_a_reward_is_new_once(store: Store) -> None:
    reward = a_reward(span_id="one")
    assert (await store.add(Batch(spans=[a_span(span_id="one")], rewards=[reward, reward]))).rewards == [True, False]
    assert (await store.add(Batch(rewards=[reward]))).rewards == [False]
    assert await store.rewards(Target(session_id="session-1", span_id="one")) == [reward]


@pytest.mark.parametrize("target", [{"span_id": "main"}, {"session_id": "session-1"}], ids=str)
async def test_a_reward_may_come_before_what_it_judges(store: Store, target: dict[str, str]) -> None:
    await store.add(Batch(rewards=[a_reward(value=0.9, **target)]))
    await store.add(Batch(spans=[a_span(span_id="main", kind=SpanKind.SESSION)]))
    span = await held(store, "main")
    assert (span.reward, span.reward_source, span.outcome) == (0.9, RewardSource.HUMAN, Outcome.SUCCESS)


async def test_a_reward_of_a_session_judges_no_other_span_of_it(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one")], rewards=[a_reward(session_id="session-1")]))
    assert (await held(store, "one")).reward is None


async def test_a_reward_of_another_dimension_is_kept_and_decides_nothing(store: Store) -> None:
    speed = a_reward(span_id="one", name="speed")
    await store.add(Batch(spans=[a_span(span_id="one")], rewards=[speed]))
    assert (await held(store, "one")).reward is None
    assert await store.rewards(Target(session_id="session-1", span_id="one")) == [speed]


@pytest.mark.parametrize(
    ("status", "value", "source", "expected"),
    [
        pytest.param(Status.OK, None, None, Outcome.UNKNOWN, id="an end says nothing of success"),
        pytest.param(Status.LOST, None, None, Outcome.UNKNOWN, id="lost is never a success"),
        pytest.param(Status.ERROR, None, None, Outcome.FAILURE, id="an error is a failure"),
        pytest.param(Status.OK, 0.75, RewardSource.MODEL, Outcome.SUCCESS, id="success from 0.75"),
        pytest.param(Status.OK, 0.74, RewardSource.MODEL, Outcome.PARTIAL, id="partial below 0.75"),
        pytest.param(Status.OK, 0.26, RewardSource.MODEL, Outcome.PARTIAL, id="partial above 0.25"),
        pytest.param(Status.OK, 0.25, RewardSource.MODEL, Outcome.FAILURE, id="failure up to 0.25"),
        pytest.param(Status.ERROR, 1.0, RewardSource.TEST, Outcome.SUCCESS, id="a judgement outweighs the status"),
        pytest.param(Status.OK, 1.0, RewardSource.KEYWORD, Outcome.UNKNOWN, id="a keyword is not believed"),
        pytest.param(Status.ERROR, 1.0, RewardSource.KEYWORD, Outcome.FAILURE, id="nor against an error"),
    ],
)
async def test_the_outcome_follows_from_status_and_reward(
    store: Store, status: Status, value: float | None, source: RewardSource | None, expected: Outcome
) -> None:
    rewards = [] if value is None else [a_reward(span_id="one", value=value, source=source)]
    await store.add(Batch(spans=[a_span(span_id="one", status=status)], rewards=rewards))
    span = await held(store, "one")
    assert (span.outcome, span.reward, span.reward_source) == (expected, value, source)


async def test_the_outcome_follows_a_status_that_changes(store: Store) -> None:
    running = a_span(span_id="one", status=Status.RUNNING)
    await store.add(Batch(spans=[running]))
    await store.add(Batch(spans=[a_span(span_id="one", status=Status.ERROR)]))
    assert (await held(store, "one")).outcome is Outcome.FAILURE


async def test_subtree_costs_are_true_after_each_batch_whatever_comes_first(store: Store) -> None:
    grandchild = a_span(span_id="c", parent_span_id="b", cost_usd=4.0)
    child = a_span(span_id="b", parent_span_id="call", cost_usd=2.0)
    call = a_span(span_id="call", parent_span_id="a", kind=SpanKind.TOOL_CALL, cost_usd=100.0)
    top = a_span(span_id="a", kind=SpanKind.SESSION, cost_usd=1.0)
    found = []
    for span in (grandchild, top, child, call):
        await store.add(Batch(spans=[span]))
        found.append({span.span_id: span.subtree_cost_usd for span in await store.trajectory("session-1")})
    assert found == [
        {"c": 4.0},
        {"a": 1.0, "c": 4.0},
        {"a": 1.0, "b": 6.0, "c": 4.0},
        {"a": 7.0, "b": 6.0, "c": 4.0, "call": None},
    ]


async def test_subtree_costs_follow_a_cost_and_a_parent_that_change(store: Store) -> None:
    child = a_span(span_id="child", parent_span_id="one", cost_usd=1.0)
    await store.add(Batch(spans=[a_span(span_id="one", cost_usd=8.0), a_span(span_id="two"), child]))
    assert (await held(store, "one")).subtree_cost_usd == 9.0
    moved = child.model_copy(update={"parent_span_id": "two", "cost_usd": 3.0, "observed_at": at(9)})
    await store.add(Batch(spans=[moved]))
    found = await store.spans(["one", "two"])
    assert {span_id: span.subtree_cost_usd for span_id, span in found.items()} == {"one": 8.0, "two": 3.0}


async def test_a_cost_that_is_unknown_everywhere_stays_unknown(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="a"), a_span(span_id="b", parent_span_id="a")]))
    assert (await held(store, "a")).subtree_cost_usd is None


async def test_a_span_is_not_below_one_of_another_session(store: Store) -> None:
    other = a_span(parent_span_id="a", session_id="session-2", cost_usd=5.0)
    await store.add(Batch(spans=[a_span(span_id="a", cost_usd=1.0), other]))
    assert (await held(store, "a")).subtree_cost_usd == 1.0


async def test_a_session_is_the_sum_of_its_spans(store: Store) -> None:
    main = a_span(
        span_id="main", kind=SpanKind.SESSION, task="The first prompt.", client="claude-code", project="/p",
        branch="main", cost_usd=1.0, status=Status.RUNNING, started_at=at(5),
    )  # fmt: skip
    early = a_span(parent_span_id="main", cost_usd=2.0, started_at=at(-5), ended_at=at(50))
    call = a_span(parent_span_id="main", kind=SpanKind.LLM_CALL, cost_usd=1.0, observed_at=at(70))
    await add_one_by_one(store, early, main, call)
    session = await store.session("session-1")
    assert session is not None
    assert session.model_dump() == {
        "session_id": "session-1", "client": "claude-code", "project": "/p", "branch": "main",
        "task": "The first prompt.", "status": Status.RUNNING, "started_at": at(-5), "last_activity_at": at(70),
        "span_count": 3, "delegation_count": 1, "cost_usd": 3.0,
    }  # fmt: skip


async def test_a_session_of_delegations_alone_has_no_status(store: Store) -> None:
    await store.add(Batch(spans=[a_span(task="Second.", started_at=at(0.5)), a_span(task="First.")]))
    session = await store.session("session-1")
    assert session is not None
    assert (session.status, session.cost_usd, session.task) == (None, None, "First.")


async def test_a_span_that_moves_to_another_session_leaves_the_first(store: Store) -> None:
    span = a_span(span_id="one")
    await store.add(Batch(spans=[span]))
    await store.add(Batch(spans=[span.model_copy(update={"session_id": "session-2", "observed_at": at(9)})]))
    assert await store.session("session-1") is None
    assert (await contents(store)).sessions["session-2"].span_count == 1


async def test_a_position_takes_the_place_of_the_one_before(store: Store) -> None:
    first = ReadPosition(source="/a.jsonl", identity="inode 1", offset=10, state=b"\x00\xff memory")
    second = ReadPosition(source="/a.jsonl", identity="inode 2", offset=5)
    other = ReadPosition(source="/b.jsonl", identity="inode 3", offset=2**53 - 1)
    await store.add(Batch(positions=[first, other]))
    assert await store.positions(["/a.jsonl", "/b.jsonl", "/c.jsonl"]) == {"/a.jsonl": first, "/b.jsonl": other}
    await store.add(Batch(positions=[second]))
    assert await store.positions(["/a.jsonl"]) == {"/a.jsonl": second}


async def test_what_was_added_is_there_for_others_at_once(store: Store, open_another: Any) -> None:
    other = open_another()
    for number in range(3):
        await store.add(Batch(spans=[a_span(span_id=f"span-{number}", started_at=NOON)]))
        assert len(await other.trajectory("session-1")) == number + 1
