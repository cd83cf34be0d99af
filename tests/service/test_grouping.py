"""Sums made here are those that a store makes."""

from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.service.grouping import summed
from storage.queries import Batch, Dimension, Group, SpanFilter
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind
from tests import strategies
from tests.factories import a_reward
from tests.stores import new_folder, open_empty

delegations = st.lists(
    strategies.spans(
        kind=SpanKind.DELEGATION, session_id="session-1", parent_span_id=None, agent_id=None, tool_use_id=None
    ),
    max_size=8,
    unique_by=lambda span: span.span_id,
)
verdicts = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from(RewardSource)))


def figures(group: Group) -> dict[str, object]:
    rewards = {tier: (sums.n, sums.reward, sums.reward_squared) for tier, sums in group.rewards.items()}
    return {name: getattr(group, name) for name in Group.__slots__} | {"rewards": rewards}


def about(group: Group) -> dict[str, object]:
    """The same; a store's sums of counts are exact up to 2^53 only, those of fractions up to rounding."""
    exact = figures(group)
    rewards = {tier: pytest.approx(sums, abs=1e-5) for tier, sums in exact["rewards"].items()}  # type: ignore[attr-defined]
    sums = {name: pytest.approx(getattr(group, name)) for name in ("tool_calls", "tokens")}
    return exact | sums | {"rewards": rewards, "cost_usd": pytest.approx(group.cost_usd, abs=1e-8)}


@settings(max_examples=25)
@given(delegations, verdicts, st.lists(st.sampled_from(Dimension), max_size=3, unique=True))
def test_delegations_are_summed_up_as_a_store_does_it(
    spans: list[Span], given_verdicts: list[tuple[int, float, RewardSource]], by: Sequence[Dimension]
) -> None:
    rewards = [
        a_reward(span_id=spans[place].span_id, value=value, source=source)
        for place, value, source in given_verdicts
        if place < len(spans)
    ]

    async def both(folder: Path) -> tuple[list[Group], list[Group]]:
        store = open_empty(folder / "groups.db")
        try:
            await store.add(Batch(spans=spans, rewards=rewards))
            return summed(await store.trajectory("session-1"), by), await store.group(SpanFilter(), by)
        finally:
            await store.close()

    with new_folder() as folder:
        ours, theirs = anyio.run(both, folder, backend="asyncio")
    assert [figures(group) for group in ours] == [about(group) for group in theirs]
