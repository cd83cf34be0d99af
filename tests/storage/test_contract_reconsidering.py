"""What is concluded from evidence is replaced as a whole when there is more of it."""

import pytest

from storage.queries import Batch, Target
from storage.store import Store
from storage.vocabulary import Outcome, RewardSource
from tests.factories import NOON, a_reward, a_span, at

pytestmark = pytest.mark.anyio

ONE = Target(session_id="session-1", span_id="one")


async def concluded(store: Store, *rewards: tuple[str, float]) -> None:
    given = [a_reward(reward_id=name, span_id="one", value=value, source=RewardSource.TEST) for name, value in rewards]
    await store.add(Batch(rewards=given, reconsidered=["evidence:1:"]))


async def test_what_is_concluded_no_more_is_gone_and_decides_nothing(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one")]))
    await concluded(store, ("evidence:1:a", 1.0))
    assert (await store.spans(["one"]))["one"].outcome is Outcome.SUCCESS
    await concluded(store)
    held = (await store.spans(["one"]))["one"]
    assert (held.reward, held.reward_source, held.outcome) == (None, None, Outcome.UNKNOWN)
    assert await store.rewards(ONE) == []


async def test_a_conclusion_under_a_known_id_takes_the_place_of_the_earlier_one(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one")]))
    await concluded(store, ("evidence:1:a", 1.0))
    later = a_reward(reward_id="evidence:1:a", span_id="one", value=0.0, given_at=at(9))
    await store.add(Batch(rewards=[later], reconsidered=["evidence:1:"]))
    assert await store.rewards(ONE) == [later]
    assert (await store.spans(["one"]))["one"].outcome is Outcome.FAILURE


async def test_all_other_rewards_stay(store: Store) -> None:
    verdict = a_reward(span_id="one", given_at=NOON)
    others = [verdict, *(a_reward(reward_id=name, span_id="one") for name in ("evidence:10:a", "evidence:1", "f"))]
    await store.add(Batch(spans=[a_span(span_id="one")], rewards=others))
    await concluded(store, ("evidence:1:a", 1.0))
    await concluded(store)
    assert {reward.reward_id for reward in await store.rewards(ONE)} == {reward.reward_id for reward in others}


async def test_concluding_the_same_again_changes_nothing(store: Store) -> None:
    reward = a_reward(reward_id="evidence:1:a", session_id="session-1")
    batch = Batch(spans=[a_span(span_id="one")], rewards=[reward], reconsidered=["evidence:1:"])
    assert (await store.add(batch)).rewards == [True]
    assert (await store.add(batch)).rewards == [False]
    assert await store.rewards(Target(session_id="session-1", span_id=None)) == [reward]
