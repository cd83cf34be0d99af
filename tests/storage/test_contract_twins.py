"""One delegation that a model stated and a client captured: whichever comes first, it is one span."""

import itertools
from typing import Final

import pytest

from storage.queries import Batch, Change, PageRequest, SpanFilter, Target
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome, Source, SpanKind
from tests.factories import a_reward, a_span, at
from tests.storage.contents import Contents, add_one_by_one, contents, held

pytestmark = pytest.mark.anyio

STATED: Final = a_span(
    span_id="stated", tool_use_id="toolu_1", task_type="search", task="As the model told it.", cost_usd=9.0
)
CAPTURED: Final = a_span(
    span_id="captured", tool_use_id="toolu_1", source=Source.CAPTURED, task="As it was.", cost_usd=1.0,
    agent_id="agent-1", parent_span_id="main", observed_at=at(1),
)  # fmt: skip
MAIN: Final = a_span(span_id="main", kind=SpanKind.SESSION, cost_usd=2.0)
CHILD: Final = a_span(span_id="child", parent_span_id="stated", cost_usd=4.0)
ORDERS: Final = list(itertools.permutations([STATED, CAPTURED, MAIN, CHILD]))


@pytest.mark.parametrize(
    "order", [pytest.param(order, id=" ".join(span.span_id for span in order)) for order in ORDERS]
)
async def test_both_orders_end_in_one_span(store: Store, order: list[Span]) -> None:
    await add_one_by_one(store, *order)
    found = (await contents(store)).spans
    assert set(found) == {"captured", "main", "child"}
    one = found["captured"]
    assert (one.task, one.task_type, one.cost_usd, one.source) == ("As it was.", "search", 1.0, Source.CAPTURED)
    assert found["child"].parent_span_id == "captured"
    assert {span_id: span.subtree_cost_usd for span_id, span in found.items()} == {
        "main": 7.0, "captured": 5.0, "child": 4.0,
    }  # fmt: skip


async def test_in_one_batch_they_are_one_span_too(store: Store) -> None:
    added = await store.add(Batch(spans=[STATED, CAPTURED]))
    assert sorted(added.spans) == [Change.CREATED, Change.UPDATED]
    assert set((await contents(store)).spans) == {"captured"}


async def test_the_stated_id_stays_another_name_of_it(store: Store) -> None:
    await add_one_by_one(store, STATED, CAPTURED)
    one = await held(store, "captured")
    assert await store.spans(["stated", "captured", "toolu_1"]) == {"stated": one, "captured": one}
    for name in ("stated", "captured", "toolu_1", "agent-1"):
        assert await store.resolve(name) == [Target(session_id="session-1", span_id="captured")]


async def test_stating_it_again_creates_nothing(store: Store) -> None:
    await add_one_by_one(store, STATED, CAPTURED)
    before = await contents(store)
    assert (await store.add(Batch(spans=[STATED]))).spans == [Change.UNCHANGED]
    assert await contents(store) == before


@pytest.mark.parametrize("when", range(3), ids=["before both", "between", "after both"])
@pytest.mark.parametrize("spans", [[STATED, CAPTURED], [CAPTURED, STATED]], ids=["stated first", "captured first"])
async def test_a_reward_of_the_stated_id_judges_the_one_span(store: Store, spans: list[Span], when: int) -> None:
    reward = a_reward(reward_id="judgement", span_id="stated", value=0.0)
    batches = [Batch(spans=[span]) for span in spans]
    batches.insert(when, Batch(rewards=[reward]))
    for batch in batches:
        await store.add(batch)
    assert (await held(store, "captured")).outcome is Outcome.FAILURE
    found = await store.rewards(Target(session_id="session-1", span_id="stated"))
    assert found == [reward.model_copy(update={"span_id": "captured"})]


async def test_a_reward_is_taken_over_even_from_a_twin_that_knows_nothing_new(store: Store) -> None:
    silent = a_span(span_id="stated", tool_use_id="toolu_1")
    await store.add(Batch(spans=[CAPTURED], rewards=[a_reward(span_id="stated", value=0.0)]))
    await store.add(Batch(spans=[silent]))
    assert (await held(store, "captured")).outcome is Outcome.FAILURE


async def test_the_words_of_a_stated_span_are_found_once(store: Store) -> None:
    await add_one_by_one(store, STATED, CAPTURED)
    for words, total in (("model told", 0), ("as it was", 1)):
        assert (await store.find(SpanFilter(words=words), PageRequest())).total == total


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(a_span(span_id="other", tool_use_id="toolu_2"), id="another tool use"),
        pytest.param(a_span(span_id="other", tool_use_id=None), id="no tool use"),
        pytest.param(a_span(span_id="other", tool_use_id="toolu_1", kind=SpanKind.TOOL_CALL), id="the tool call"),
        pytest.param(a_span(span_id="other", tool_use_id="toolu_1", source=Source.CAPTURED), id="captured as well"),
    ],
)
async def test_others_stay_apart(store: Store, other: Span) -> None:
    await add_one_by_one(store, CAPTURED, other)
    found: Contents = await contents(store)
    assert set(found.spans) == {"captured", "other"}


async def test_a_twin_in_another_session_leaves_that_session(store: Store) -> None:
    await add_one_by_one(store, STATED.model_copy(update={"session_id": "session-2"}), CAPTURED)
    assert set((await contents(store)).sessions) == {"session-1"}
