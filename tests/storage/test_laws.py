"""Laws of a store: what goes in comes out, nothing is counted twice, and no order of arrival matters."""

import math
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.outcomes import OVERALL
from storage.queries import AGENT_RUNS, Batch, Change, Dimension, PageRequest, SpanFilter
from storage.records import Reward, Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind
from tests import strategies
from tests.factories import a_reward, a_span, at
from tests.storage.contents import contents, held
from tests.storage.engines import on_empty_stores

LAW = settings(max_examples=20)
KEPT_BY_STORE = {"outcome", "reward", "reward_source", "subtree_cost_usd"}


def batch_of(told: Sequence[Span | Reward]) -> Batch:
    return Batch(
        spans=[one for one in told if isinstance(one, Span)], rewards=[one for one in told if isinstance(one, Reward)]
    )


@LAW
@given(span=strategies.spans())
def test_what_goes_in_comes_out(engine: str, span: Span) -> None:
    async def check(store: Store) -> None:
        await store.add(Batch(spans=[span]))
        found = await held(store, span.span_id)
        observed_at = span.observed_at or span.ended_at or span.started_at
        assert found.model_dump(exclude=KEPT_BY_STORE) == {
            **span.model_dump(exclude=KEPT_BY_STORE),
            "observed_at": observed_at,
        }
        assert [type(value) for value in found.attributes.values()] == [
            type(value) for value in span.attributes.values()
        ]
        (narrow,) = await store.trajectory(span.session_id)
        without: dict[str, Any] = {"task": None, "output": None, "error": None, "tool_sequence": (), "attributes": {}}
        assert narrow == found.model_copy(update=without)

    on_empty_stores(engine, check)


@LAW
@given(told=strategies.histories())
def test_adding_again_changes_nothing(engine: str, told: list[Span | Reward]) -> None:
    async def check(store: Store) -> None:
        await store.add(batch_of(told))
        before = await contents(store)
        for again in (told, told[::-1], told[: len(told) // 2]):
            added = await store.add(batch_of(again))
            assert set(added.spans) <= {Change.UNCHANGED}
            assert not any(added.rewards)
            assert await contents(store) == before

    on_empty_stores(engine, check)


@LAW
@given(told=strategies.histories(), data=st.data())
def test_any_order_of_arrival_gives_the_same_store(engine: str, told: list[Span | Reward], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(told))
    cut = data.draw(st.integers(0, len(told)))

    async def check(at_once: Store, one_by_one: Store, in_two: Store) -> None:
        await at_once.add(batch_of(told))
        for one in shuffled:
            await one_by_one.add(batch_of([one]))
        await in_two.add(batch_of(told[cut:]))
        await in_two.add(batch_of(told[:cut]))
        expected = await contents(at_once)
        assert await contents(one_by_one) == expected
        assert await contents(in_two) == expected
        for question in (SpanFilter(words="door"), SpanFilter(words="roof mend")):
            pages = [await store.find(question, PageRequest()) for store in (at_once, one_by_one, in_two)]
            assert len({frozenset(span.span_id for span in page.items) for page in pages}) == 1
        groups = [
            await store.group(SpanFilter(), [Dimension.AGENT_TYPE, Dimension.TASK_TYPE])
            for store in (at_once, one_by_one, in_two)
        ]
        assert groups[0] == groups[1] == groups[2]

    on_empty_stores(engine, check, count=3)


@LAW
@given(
    # Few sources and few times: equals must be frequent, or the law of equals is not tried.
    judgements=st.lists(
        st.tuples(
            st.sampled_from(["main", "one", None]),
            st.sampled_from([RewardSource.TEST, RewardSource.MODEL]),
            st.integers(0, 2),
            st.sampled_from([OVERALL, OVERALL, "speed"]),
        ),
        max_size=6,
    ),
    data=st.data(),
)
def test_the_strongest_source_holds_and_among_equals_the_newest(
    engine: str, judgements: list[tuple[str | None, RewardSource, int, str]], data: st.DataObject
) -> None:
    unique = [
        a_reward(
            span_id=span_id,
            session_id=None if span_id else "session-1",
            source=source,
            given_at=at(seconds),
            name=name,
            value=number / 10,
        )
        for number, (span_id, source, seconds, name) in enumerate(judgements)
    ]
    order: list[Span | Reward] = [
        a_span(span_id="main", kind=SpanKind.SESSION), a_span(span_id="one", parent_span_id="main"), *unique,
    ]  # fmt: skip
    order = data.draw(st.permutations(order))
    strongest_first = list(RewardSource)

    async def check(store: Store) -> None:
        for one in order:
            await store.add(batch_of([one]))
        for span_id, of_session in (("main", True), ("one", False)):
            judging = [
                reward for reward in unique
                if reward.name == OVERALL and (reward.span_id == span_id or (of_session and reward.session_id))
            ]  # fmt: skip
            span = await held(store, span_id)
            if not judging:
                assert (span.reward, span.reward_source) == (None, None)
                continue
            source = min((reward.source for reward in judging), key=strongest_first.index)
            equals = [reward for reward in judging if reward.source is source]
            newest = max(reward.given_at for reward in equals)
            assert span.reward_source is source
            assert span.reward in [reward.value for reward in equals if reward.given_at == newest]

    on_empty_stores(engine, check)


@LAW
@given(spans=strategies.forests(), data=st.data())
def test_subtree_costs_equal_a_slow_sum(engine: str, spans: list[Span], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(spans)), max_size=3)))
    batches = [spans[start:end] for start, end in zip([0, *cuts], [*cuts, len(spans)], strict=True)]

    async def check(store: Store) -> None:
        for batch in batches:
            await store.add(Batch(spans=batch))
        found = (await contents(store)).spans
        assert {span_id: span.subtree_cost_usd for span_id, span in found.items()} == {
            span.span_id: _slow_cost(span, spans) if span.kind in AGENT_RUNS else None for span in spans
        }

    on_empty_stores(engine, check)


def _slow_cost(span: Span, spans: Sequence[Span]) -> float | None:
    """Straight from the definition: own cost, and that of each branch below, but for a branch that leads back."""
    known = [span.cost_usd] if span.kind in AGENT_RUNS and span.cost_usd is not None else []
    for below in spans:
        if _parent(below, spans) is span and not _is_above(below, span, spans):
            cost = _slow_cost(below, spans)
            known += [] if cost is None else [cost]
    return math.fsum(known) if known else None


def _parent(span: Span, spans: Sequence[Span]) -> Span | None:
    for one in spans:
        if one.span_id == span.parent_span_id and one.session_id == span.session_id:
            return one
    return None


def _is_above(one: Span, other: Span, spans: Sequence[Span]) -> bool:
    """Whether the way up from `other` meets `one`; each span counts as above itself."""
    above: Span | None = other
    for _ in range(len(spans) + 1):
        if above is one:
            return True
        above = None if above is None else _parent(above, spans)
    return False
