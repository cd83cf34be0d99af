"""Callers that give up at any moment leave no open transaction and nothing half-written."""

import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from storage.opening import open_store
from storage.queries import Batch, PageRequest
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore
from tests.factories import a_span
from tests.storage.contents import contents

pytestmark = pytest.mark.anyio

BATCH_SIZE = 6


async def cancelled_after(turns: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Run `work`, and cancel it after so many turns of the event loop; whether it came to its end."""
    done = False

    async def run() -> None:
        nonlocal done
        await work()
        done = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    return done


def a_batch(number: int) -> Batch:
    return Batch(spans=[a_span(span_id=f"{number}-{place}", session_id=str(number)) for place in range(BATCH_SIZE)])


async def test_writers_that_are_cancelled_leave_whole_batches_and_no_open_transaction(tmp_path: Path) -> None:
    engine, rng = Engine(tmp_path / "x.db"), random.Random(3)
    store = SqliteStore(engine)
    acknowledged = set()
    for number in range(150):
        # From before the first step to long after the last: a write takes some hundred turns.
        if await cancelled_after(int(10 ** rng.uniform(0, 3.5)) - 1, lambda number=number: store.add(a_batch(number))):  # type: ignore[misc]
            acknowledged.add(str(number))
        assert not await engine.outside(lambda connection: connection.in_transaction)
    found = await contents(store)
    assert acknowledged <= found.sessions.keys()
    assert {session.span_count for session in found.sessions.values()} == {BATCH_SIZE}
    assert (await store.health()).sound
    await store.close()


async def test_a_store_may_be_cancelled_while_it_opens_and_asked_again(tmp_path: Path) -> None:
    rng = random.Random(4)
    for number in range(20):
        store = open_store(str(tmp_path / f"{number}.db"))
        await cancelled_after(int(10 ** rng.uniform(0, 2.5)) - 1, lambda store=store: store.sessions(PageRequest()))  # type: ignore[misc]
        await store.add(a_batch(number))
        assert len((await contents(store)).spans) == BATCH_SIZE
        await store.close()


async def test_whoever_waits_for_a_lock_may_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(Engine(path, busy_timeout_s=0.2))
    await store.add(a_batch(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    assert not await cancelled_after(50, lambda: store.add(a_batch(2)))
    other.execute("rollback")
    other.close()
    await store.add(a_batch(3))
    found = (await contents(store)).sessions
    assert {"1", "3"} <= found.keys()
    await store.close()


async def test_readers_and_writers_at_once_some_of_them_cancelled(tmp_path: Path) -> None:
    store, rng = open_store(str(tmp_path / "x.db")), random.Random(5)

    async def write(number: int, turns: int) -> None:
        await cancelled_after(turns, lambda: store.add(a_batch(number)))

    async def read(turns: int) -> None:
        await cancelled_after(turns, lambda: contents(store))

    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(write, number, rng.randint(0, 2000))
            tasks.start_soon(read, rng.randint(0, 2000))
    found = await contents(store)
    assert {session.span_count for session in found.sessions.values()} <= {BATCH_SIZE}
    await store.close()
    await store.close()
