"""Lessons: which delegations teach, what they add up to, what was learned of them, and how they are found."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from storage.lessons import ArmState, DaySum, Learned, Lesson, LessonSum, Taught
from storage.queries import Batch
from storage.records import Reward
from storage.store import Store
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status, Tier
from storage.words import HEAD
from tests.factories import a_reward, a_span, at

pytestmark = pytest.mark.anyio

DAY_S = 86_400
NOON_DAY = 20_777  # 2026-11-20


async def judge(store: Store, span_id: str, value: float = 1.0, **changes: Any) -> Reward:
    """Add a delegation with a reward."""
    reward = a_reward(span_id=span_id, value=value, source=changes.pop("source", RewardSource.TEST))
    await store.add(Batch(spans=[a_span(span_id=span_id, **changes)], rewards=[reward]))
    return reward


async def every(store: Store) -> list[Lesson]:
    return await store.lessons.after(0, 1000)


async def ids(store: Store) -> list[str]:
    return [one.span_id for one in await every(store)]


def tiers(found: list[LessonSum]) -> dict[Tier, Sequence[DaySum]]:
    """Of the one sum there is."""
    (one,) = found
    return dict(one.tiers)


async def test_a_judged_delegation_is_a_lesson_with_all_that_a_router_asks(store: Store) -> None:
    await judge(
        store, "one", 0.7, model="large", agent_version="v1", task_type="search", complexity=Level.LOW,
        ended_at=at(DAY_S), tool_call_count=3,
    )  # fmt: skip
    assert await every(store) == [
        Lesson(
            number=1, span_id="one", agent_type="Explore", model="large", agent_version="v1", task_type="search",
            complexity=Level.LOW, day=NOON_DAY + 1, reward=0.7, source=RewardSource.TEST, epoch=0.0, tool_call_count=3,
        )
    ]  # fmt: skip
    assert await store.lessons.sums() == [
        LessonSum(
            agent_type="Explore", model="large", task_type="search", complexity=Level.LOW, epoch=0.0,
            tiers={Tier.VERIFIED: [DaySum(NOON_DAY + 1, 1, 0.7, 0)]},
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "changes", "teaches"),
    [
        pytest.param(RewardSource.KEYWORD, {}, False, id="a keyword"),
        pytest.param(RewardSource.STRUCTURE, {}, True, id="its structure"),
        pytest.param(RewardSource.STRUCTURE, {"status": Status.RUNNING}, False, id="its structure while it runs"),
        pytest.param(RewardSource.STRUCTURE, {"status": Status.LOST}, False, id="the structure of a lost one"),
        pytest.param(RewardSource.STRUCTURE, {"status": Status.CANCELLED}, False, id="that of a cancelled one"),
        pytest.param(RewardSource.BEHAVIOUR, {"status": Status.CANCELLED}, True, id="what was done about it"),
        pytest.param(RewardSource.HUMAN, {"kind": SpanKind.TOOL_CALL}, False, id="a call"),
        pytest.param(RewardSource.HUMAN, {"kind": SpanKind.SESSION}, False, id="the main agent"),
    ],
)
async def test_what_teaches(store: Store, source: RewardSource, changes: dict[str, Any], *, teaches: bool) -> None:
    await judge(store, "one", source=source, **changes)
    assert (await ids(store) == ["one"]) is teaches
    assert bool(await store.lessons.sums()) is teaches
    assert (await store.lessons.version() > 0) is teaches


async def test_lessons_that_are_alike_add_up_by_tier(store: Store) -> None:
    for number, (value, source) in enumerate(
        [(1.0, RewardSource.HUMAN), (0.75, RewardSource.TEST), (0.5, RewardSource.VERIFIER), (0.1, RewardSource.MODEL)]
    ):
        await judge(store, f"s{number}", value, source=source, session_id=f"session-{number}")
    today = {Tier.VERIFIED: DaySum(NOON_DAY, 3, 2.25, 2), Tier.MODEL: DaySum(NOON_DAY, 1, 0.1, 0)}
    assert tiers(await store.lessons.sums()) == {tier: [one] for tier, one in today.items()}
    await judge(store, "other day", ended_at=at(DAY_S))
    assert sorted(tiers(await store.lessons.sums())[Tier.VERIFIED]) == [
        today[Tier.VERIFIED], DaySum(NOON_DAY + 1, 1, 1.0, 1)
    ]  # fmt: skip
    await judge(store, "other type", task_type="docs")
    await judge(store, "other arm", model="large")
    assert len(await store.lessons.sums()) == 3


async def test_numbers_follow_the_ends_within_a_batch_and_the_batches_otherwise(store: Store) -> None:
    spans = [a_span(span_id=name, ended_at=at(end)) for name, end in (("b", 9), ("c", 5), ("a", 9))]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id=span.span_id) for span in spans]))
    await judge(store, "later told", ended_at=at(1))
    assert await ids(store) == ["c", "a", "b", "later told"]
    assert [one.span_id for one in await store.lessons.after(1, 2)] == ["a", "b"]


async def test_telling_the_same_again_teaches_nothing(store: Store) -> None:
    reward = await judge(store, "one", 0.5, task="find it")
    version, before = await store.lessons.version(), await every(store)
    await store.add(Batch(spans=list((await store.spans(["one"])).values()), rewards=[reward]))
    await store.add(Batch(rewards=[a_reward(span_id="one", value=0.5, source=RewardSource.TEST, given_at=at(9))]))
    assert (await store.lessons.version(), await every(store)) == (version, before)


async def test_another_judgement_changes_the_lesson_on_its_day_and_keeps_its_number(store: Store) -> None:
    await judge(store, "one", 0.2, source=RewardSource.STRUCTURE)
    version = await store.lessons.version()
    await store.add(Batch(rewards=[a_reward(span_id="one", value=1.0, given_at=at(40 * DAY_S))]))
    (lesson,) = await every(store)
    assert (lesson.number, lesson.reward, lesson.source, lesson.day) == (1, 1.0, RewardSource.HUMAN, NOON_DAY)
    assert tiers(await store.lessons.sums()) == {Tier.VERIFIED: [DaySum(NOON_DAY, 1, 1.0, 1)]}
    assert await store.lessons.version() > version


async def test_a_reward_may_come_before_its_delegation(store: Store) -> None:
    await store.add(Batch(rewards=[a_reward(span_id="one")]))
    assert await every(store) == []
    await store.add(Batch(spans=[a_span(span_id="one")]))
    assert await ids(store) == ["one"]


async def test_a_withdrawn_reward_and_a_pruned_session_leave_nothing(store: Store) -> None:
    await judge(store, "pruned", session_id="old", task="find it")
    await store.add(Batch(spans=[a_span(span_id="one", ended_at=at(99), task="find that")]))
    given = a_reward(reward_id="r:1", span_id="one", source=RewardSource.TEST)
    await store.add(Batch(rewards=[given], reconsidered=["r:"]))
    assert await ids(store) == ["pruned", "one"]
    await store.add(Batch(reconsidered=["r:"]))
    assert await ids(store) == ["pruned"]
    await store.prune(before=at(50))
    assert (await every(store), await store.lessons.sums()) == ([], [])
    assert await store.lessons.holding(["find"], 9) == []
    assert (await store.lessons.vocabulary(["find"])).total == 0
    # A number is never used twice.
    await store.add(Batch(rewards=[given]))
    assert [one.number for one in await every(store)] == [3]


async def test_twins_are_one_lesson_under_the_number_of_the_first(store: Store) -> None:
    await judge(store, "stated", tool_use_id="toolu_1", task="find it")
    await judge(store, "between")
    await store.add(Batch(spans=[a_span(span_id="captured", tool_use_id="toolu_1", source=Source.CAPTURED, model="x")]))
    assert [(one.number, one.span_id, one.model) for one in await every(store)] == [
        (1, "captured", "x"), (2, "between", None),
    ]  # fmt: skip


async def test_what_was_learned_is_remembered(store: Store, open_another: Callable[[], Store]) -> None:
    assert await store.lessons.learned() == Learned()
    await judge(store, "one")
    await judge(store, "two", model="large")
    arm = ArmState(agent_type="Explore", model=None, agent_version="v1", epoch=1.5, shortfall=0.25, since_alarm=3)
    version = await store.lessons.version()
    assert await store.lessons.learn(0, Learned(through=2, arms=[arm]), {1: 1.5, 77: 9.0})
    assert await open_another().lessons.learned() == Learned(through=2, arms=(arm,))
    assert [one.epoch for one in await every(store)] == [1.5, 0.0]
    assert sorted(one.epoch for one in await store.lessons.sums()) == [0.0, 1.5]
    assert await store.lessons.version() > version
    # The next one of that arm begins where the arm is, and a change of the reward stays in its epoch.
    await judge(store, "three")
    await store.add(Batch(rewards=[a_reward(span_id="one", value=0.0)]))
    assert [one.epoch for one in await every(store)] == [1.5, 0.0, 1.5]
    changed = ArmState(agent_type="Explore", model=None, epoch=2.0)
    assert await store.lessons.learn(2, Learned(through=3, arms=[changed]), {})
    assert (await store.lessons.learned()).arms == (changed,)


async def test_of_two_that_learn_at_once_one_does(store: Store, open_another: Callable[[], Store]) -> None:
    await judge(store, "one")
    assert await store.lessons.learn(0, Learned(through=1), {})
    late = ArmState(agent_type="Explore", model=None, epoch=5.0)
    assert not await open_another().lessons.learn(0, Learned(through=1, arms=[late]), {1: 5.0})
    assert await store.lessons.learned() == Learned(through=1)
    assert [one.epoch for one in await every(store)] == [0.0]


async def test_a_rebuild_keeps_numbers_epochs_and_what_was_learned(store: Store) -> None:
    for number in range(3):
        await judge(store, f"s{number}", number / 7, task=f"task {number}")
    arm = ArmState(agent_type="Explore", model=None, epoch=1.0)
    await store.lessons.learn(0, Learned(through=2, arms=[arm]), {2: 1.0})
    before = (await every(store), await store.lessons.learned(), await store.lessons.vocabulary(["task", "0"]))
    sums = await store.lessons.sums()
    await store.rebuild()
    assert (await every(store), await store.lessons.learned(), await store.lessons.vocabulary(["task", "0"])) == before
    assert sorted(map(repr, await store.lessons.sums())) == sorted(map(repr, sums))


async def test_lessons_are_found_by_the_words_of_their_tasks(store: Store) -> None:
    await judge(store, "parser", task="Find the parser of the configuration")
    await judge(store, "roof", task="Mend the roof, mend the_roof")
    await judge(store, "without a task")
    await judge(store, "without a word", task="?!")
    found = await store.lessons.vocabulary(["the", "parser", "the_roof", "unheard"])
    assert found.frequencies == {"the": 2, "parser": 1, "the_roof": 1}
    assert (found.total, found.mean_length) == (2, 5.5)
    best = await store.lessons.holding(["the", "parser"], 9)
    assert [one.lesson.span_id for one in best] == ["parser", "roof"]
    assert best[0] == Taught((await every(store))[0], "find the parser of the configuration")
    assert len(await store.lessons.holding(["the", "parser"], 1)) == 1
    assert await store.lessons.holding(["unheard"], 9) == []
    assert await store.lessons.holding([], 9) == []


async def test_of_equally_good_ones_the_newest_come_first(store: Store) -> None:
    for number in range(4):
        await judge(store, f"s{number}", task="find it")
    assert [one.lesson.number for one in await store.lessons.holding(["find"], 2)] == [4, 3]


async def test_a_task_that_becomes_known_or_another_is_found_by_its_new_words(store: Store) -> None:
    await judge(store, "one", task="find it")
    await store.add(Batch(spans=[a_span(span_id="one", task="mend that", observed_at=at(5))]))
    assert (await store.lessons.vocabulary(["find", "mend"])).frequencies == {"mend": 1}
    assert await store.lessons.holding(["find"], 9) == []


async def test_only_the_head_of_a_task_is_searched(store: Store) -> None:
    await judge(store, "long", task="word " * (HEAD // 5) + "tail")
    assert (await store.lessons.vocabulary(["word", "tail"])).frequencies == {"word": 1}


@pytest.mark.parametrize(
    ("task", "word"),
    [
        pytest.param('say "quoted" or not', "quoted", id="quotes"),
        pytest.param("a AND b NEAR(c, 2) col: ^x*", "near", id="operators"),
        pytest.param("before\0after", "after", id="NUL"),
        pytest.param("Найди дверь", "найди", id="another script"),
        pytest.param("数据库 备份", "数据库", id="a script without spaces"),
        pytest.param("Öffne die Tür", "offne", id="accents"),
        pytest.param("cafe\u0301", "cafe", id="accents of their own"),
        pytest.param("यह हिन्दी है", "यह", id="marks inside words"),
        pytest.param("broken \ud800 half", "half", id="half a character"),
    ],
)
async def test_hostile_tasks_are_found_like_any_other(store: Store, task: str, word: str) -> None:
    await judge(store, "one", task=task)
    assert (await store.lessons.vocabulary([word])).frequencies == {word: 1}
    assert [one.lesson.span_id for one in await store.lessons.holding([word], 9)] == ["one"]


@pytest.mark.parametrize("word", ['"', "or", "a b", "x*", "\0", "\ud800", "words : x", "-", "", "(", "NEAR(a b)"])
async def test_hostile_words_find_nothing_and_break_nothing(store: Store, word: str) -> None:
    await judge(store, "one", task="find it")
    assert (await store.lessons.vocabulary([word])).frequencies == {}
    assert await store.lessons.holding([word], 9) == []
