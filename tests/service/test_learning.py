"""What is judged is learned from once, by whichever process comes first."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import anyio
import pytest

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.service.learning import LESSONS_AT_ONCE, Learning
from storage.errors import StoreReadOnly
from storage.lessons import Learned, LessonSum
from storage.queries import Batch
from storage.store import Lessons, Store
from tests.factories import a_reward, a_span, at

pytestmark = pytest.mark.anyio

ARM = Arm("Explore", "haiku")


async def _judge(store: Store, rewards: Sequence[float], *, start: int = 0, version: str | None = None) -> list[str]:
    """One delegation after the other, each with a person's verdict."""
    spans = [
        a_span(
            agent_type=ARM.agent_type,
            model=ARM.model,
            agent_version=version,
            task_type="search",
            started_at=at(start + place),
            ended_at=at(start + place + 1),
        )
        for place in range(len(rewards))
    ]
    given = [a_reward(span_id=span.span_id, value=value) for span, value in zip(spans, rewards, strict=True)]
    for span, reward in zip(spans, given, strict=True):
        await store.add(Batch(spans=[span], rewards=[reward]))
    return [span.span_id for span in spans]


async def _expected(learning: Learning) -> float:
    return (await learning.known()).router.forecasts(Profile("search"), [ARM])[ARM].p


async def test_verdicts_move_the_forecast(store: Store) -> None:
    learning = Learning(store.lessons)
    before = await _expected(learning)
    await _judge(store, [1] * 10)
    assert await _expected(learning) > before + 0.1


async def test_a_verdict_that_is_changed_or_taken_away_moves_it_again(store: Store) -> None:
    learning = Learning(store.lessons)
    span_ids = await _judge(store, [1] * 30)
    good = await _expected(learning)
    await store.add(Batch(rewards=[a_reward(span_id=span_ids[0], value=0.0, given_at=at(9000))]))
    assert await _expected(learning) < good


async def test_the_lesson_that_raises_the_alarm_is_the_first_of_the_new_epoch(store: Store) -> None:
    learning = Learning(store.lessons)
    await _judge(store, [1] * 30)
    await learning.known()
    for place in range(10):
        await _judge(store, [0], start=100 + place)
        await learning.known()
    lessons = await store.lessons.after(0, 100)
    epochs = [lesson.epoch for lesson in lessons]
    assert epochs == sorted(epochs)
    assert set(epochs) == {0.0, 1.0}
    assert epochs.index(1.0) > 30
    [state] = (await store.lessons.learned()).arms
    assert state.epoch == 1.0
    assert state.since_alarm == len(epochs) - epochs.index(1.0) - 1


async def test_an_alarm_makes_the_past_of_an_arm_count_less(store: Store) -> None:
    learning = Learning(store.lessons)
    await _judge(store, [1] * 60)
    await learning.known()
    for place in range(12):
        await _judge(store, [0], start=100 + place)
        await learning.known()
    evidence = sum(one.weight for one in (await learning.known()).history.evidence.values())
    assert evidence < 30


async def test_a_new_version_of_an_agent_makes_half_an_epoch(store: Store) -> None:
    await _judge(store, [1] * 5, version="one")
    await _judge(store, [1] * 5, start=100)  # of unknown version
    await _judge(store, [1] * 5, start=200, version="two")
    await Learning(store.lessons).known()
    assert [lesson.epoch for lesson in await store.lessons.after(0, 100)] == [0.0] * 10 + [0.5] * 5


async def test_of_many_lessons_some_are_learned_from_before_each_answer(store: Store) -> None:
    rewards = [a_reward(span_id=f"many-{place}", value=1.0) for place in range(LESSONS_AT_ONCE + 10)]
    spans = [a_span(span_id=reward.span_id, agent_type="Explore", model="haiku") for reward in rewards]
    await store.add(Batch(spans=spans, rewards=rewards))
    learning = Learning(store.lessons)
    first = await learning.known()
    numbers = [lesson.number for lesson in await store.lessons.after(0, 1000)]
    assert (await store.lessons.learned()).through == numbers[LESSONS_AT_ONCE - 1]
    assert first.lessons_n == len(numbers), "they count all the same"
    await learning.caught_up()
    assert (await store.lessons.learned()).through == numbers[-1]


class _Counted:
    """Lessons, with how often all of them were read; implements `Lessons`."""

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons
        self.read_n = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lessons, name)

    async def sums(self) -> list[LessonSum]:
        self.read_n += 1
        return await self._lessons.sums()


@pytest.mark.parametrize(
    ("value", "read_n"),
    [pytest.param(None, 1, id="nobody judged otherwise meanwhile"), pytest.param(0.0, 2, id="all judged otherwise")],
)
async def test_many_lessons_are_read_once_unless_they_change(store: Store, value: float | None, read_n: int) -> None:
    rewards = [a_reward(span_id=f"many-{place}", value=1.0) for place in range(LESSONS_AT_ONCE + 10)]
    await store.add(Batch(spans=[a_span(span_id=reward.span_id) for reward in rewards], rewards=rewards))
    lessons = _Counted(store.lessons)
    learning = Learning(cast("Lessons", lessons))
    await learning.known()
    if value is not None:
        again = [a_reward(span_id=reward.span_id, value=value, given_at=at(9000)) for reward in rewards]
        await store.add(Batch(rewards=again))
    found = await learning.caught_up()
    assert lessons.read_n == read_n
    assert found.history.total.success_n == (len(rewards) if value is None else 0)


async def test_several_processes_learn_each_lesson_once(store: Store) -> None:
    """Each lesson that falls behind moves the watch once, whoever looks at it."""
    alone = Learning(store.lessons)
    others = [Learning(store.lessons) for _ in range(4)]
    await _judge(store, [1] * 20)
    await alone.known()
    for place in range(4):
        await _judge(store, [0], start=100 + place)
        async with anyio.create_task_group() as tasks:
            for one in others:
                tasks.start_soon(one.known)
    [state] = (await store.lessons.learned()).arms
    assert state.since_alarm == 24


class _Unwritable:
    """Lessons of which nothing can be remembered; implements `Lessons`."""

    def __init__(self, lessons: Lessons) -> None:
        self._lessons = lessons

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lessons, name)

    async def learn(self, before: int, learned: Learned, epochs: Mapping[int, float]) -> bool:
        raise StoreReadOnly("telemetry.db")


async def test_what_cannot_be_remembered_can_be_asked_all_the_same(store: Store) -> None:
    learning = Learning(cast("Lessons", _Unwritable(store.lessons)))
    await _judge(store, [1] * 10)
    few = await _expected(learning)
    await _judge(store, [1] * 30, start=100)
    assert (await learning.caught_up()).lessons_n == 40
    assert await _expected(learning) > few
    assert (await store.lessons.learned()).through == 0
