"""Pruning, copying, checking and closing."""

import random
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from storage.opening import open_store
from storage.queries import Batch, Change, PageRequest, SpanFilter, Target
from storage.records import ReadPosition
from storage.store import Store
from storage.vocabulary import Source, SpanKind
from tests.factories import a_reward, a_span, at
from tests.storage.contents import contents

pytestmark = pytest.mark.anyio

POSITION = ReadPosition(source="/a.jsonl", identity="i", offset=1)


async def three_sessions(store: Store, text: str = "The door.") -> None:
    """Sessions whose last activity is 1, 2 and 3 seconds after noon, with a span, a call and two rewards each."""
    for number in range(1, 4):
        session_id = f"s{number}"
        await store.add(
            Batch(
                spans=[
                    a_span(span_id=f"run-{number}", session_id=session_id, ended_at=at(number), task=text),
                    a_span(session_id=session_id, kind=SpanKind.TOOL_CALL, ended_at=at(0)),
                ],
                rewards=[a_reward(session_id=session_id), a_reward(span_id=f"run-{number}")],
                positions=[POSITION],
            )
        )


async def test_pruning_by_age_removes_sessions_without_activity_since(store: Store) -> None:
    await three_sessions(store)
    done = await store.prune(before=at(3))
    assert (done.sessions, done.spans, done.rewards) == (2, 4, 4)
    assert set((await contents(store)).sessions) == {"s3"}
    assert await store.rewards(Target(session_id="s1", span_id="run-1")) == []
    assert await store.resolve("run-1") == []
    assert (await store.find(SpanFilter(words="door"), PageRequest())).total == 1
    assert await store.positions(["/a.jsonl"]) == {"/a.jsonl": POSITION}


async def test_a_session_that_was_active_at_that_very_time_stays(store: Store) -> None:
    await three_sessions(store)
    assert (await store.prune(before=at(1))).sessions == 0
    assert (await store.prune(before=at(1.000001))).sessions == 1


async def test_pruning_to_a_size_removes_the_oldest_until_it_fits_and_no_more(store: Store) -> None:
    words = [f"word{number:04}" for number in range(3000)]
    rng = random.Random(1)
    for number in range(60):
        texts = [" ".join(rng.choices(words, k=300)) for _ in range(20)]
        await store.add(
            Batch(spans=[a_span(session_id=f"s{number:02}", ended_at=at(number), task=text) for text in texts])
        )
    size = (await store.prune(max_bytes=10**12)).size_after_bytes
    done = await store.prune(max_bytes=size // 2)
    left = sorted((await contents(store)).sessions)
    assert done.size_before_bytes == size
    assert done.size_after_bytes <= size // 2
    assert 25 <= done.sessions <= 40
    assert left == [f"s{number:02}" for number in range(done.sessions, 60)]
    health = await store.health()
    assert health.sound
    assert health.size_bytes < size


async def test_more_sessions_than_one_round_takes_are_removed(store: Store) -> None:
    await store.add(Batch(spans=[a_span(session_id=f"s{number}") for number in range(50)]))
    assert (await store.prune(before=at(60))).sessions == 50
    assert (await store.sessions(PageRequest())).total == 0


async def test_pruning_for_no_reason_or_to_nothing_at_all(store: Store) -> None:
    await three_sessions(store)
    done = await store.prune()
    assert (done.sessions, done.spans, done.rewards) == (0, 0, 0)
    assert done.size_before_bytes == done.size_after_bytes > 0
    assert (await store.prune(max_bytes=0)).sessions == 3
    assert (await contents(store)).spans == {}


async def test_what_was_pruned_may_be_added_again(store: Store) -> None:
    twins = [
        a_span(span_id="stated", tool_use_id="toolu_1", cost_usd=1.0, task="door"),
        a_span(span_id="captured", tool_use_id="toolu_1", source=Source.CAPTURED),
    ]
    await store.add(Batch(spans=twins, rewards=[a_reward(span_id="stated")]))
    before = await contents(store)
    await store.prune(before=at(60))
    assert await store.resolve("stated") == []
    added = await store.add(Batch(spans=twins, rewards=list(before.rewards.values())))
    assert Change.CREATED in added.spans
    assert await contents(store) == before
    assert (await store.health()).sound


async def test_others_go_on_after_a_prune(store: Store, open_another: Callable[[], Store]) -> None:
    other = open_another()
    await three_sessions(other)
    await store.prune(before=at(3))
    assert set((await contents(other)).sessions) == {"s3"}
    await three_sessions(other)
    assert set((await contents(store)).sessions) == {"s1", "s2", "s3"}


async def test_a_copy_holds_what_was_there(store: Store, tmp_path: Path) -> None:
    await three_sessions(store)
    target = tmp_path / "copy.db"
    size = await store.backup(target)
    assert (size, target.stat().st_mode & 0o777) == (target.stat().st_size, 0o600)
    assert list(tmp_path.iterdir()) == [target]
    before = await contents(store)
    await store.add(Batch(spans=[a_span(session_id="later")]))
    copy = open_store(str(target))
    assert await contents(copy) == before
    await copy.close()


async def test_a_copy_never_overwrites(store: Store, tmp_path: Path) -> None:
    await three_sessions(store)
    target = tmp_path / "there"
    target.write_text("precious")
    with pytest.raises(FileExistsError, match="name a new file"):
        await store.backup(target)
    assert target.read_text() == "precious"


async def test_a_copy_that_is_made_while_others_write_is_of_one_moment(
    store: Store, open_another: Callable[[], Store], tmp_path: Path
) -> None:
    other, copied = open_another(), anyio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not copied.is_set():
            # Two spans at a time: a copy with an odd number of them would be torn.
            await other.add(Batch(spans=[a_span(parent_span_id="x", cost_usd=1.0) for _ in range(2)]))
            written += 2

    async with anyio.create_task_group() as tasks:
        await store.add(Batch(spans=[a_span(span_id="x", cost_usd=0.0)]))
        tasks.start_soon(write)
        for number in range(5):
            await store.backup(tmp_path / f"{number}.db")
        copied.set()
    for number in range(5):
        copy = open_store(str(tmp_path / f"{number}.db"))
        spans = (await contents(copy)).spans
        assert (await copy.health()).sound
        await copy.close()
        assert len(spans) % 2 == 1
        assert spans["x"].subtree_cost_usd == len(spans) - 1
    assert written > 0


async def test_health_counts_and_finds_nothing_wrong(store: Store) -> None:
    await three_sessions(store)
    health = await store.health()
    assert (health.sound, health.complaints) == (True, [])
    assert health.counts == {"span": 6, "reward": 6, "session": 3, "read_position": 1, "hook_event": 0}
    assert health.schema == health.newest_schema > 0
    assert health.size_bytes > 0
    assert Path(health.location).exists()


async def test_a_store_may_be_closed_twice_unopened_and_asked_again(store: Store) -> None:
    await store.close()
    await store.add(Batch(spans=[a_span(span_id="one")]))
    await store.close()
    await store.close()
    assert set(await store.spans(["one"])) == {"one"}
