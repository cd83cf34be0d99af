"""What the connections do when they cannot be opened, or when nobody waits for them any longer."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from storage.errors import StoreCorrupt
from storage.opening import open_store
from storage.queries import PageRequest
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What died in a thread."""
    died: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: died.append(repr(told.exc_value)))
    yield died
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(timeout=10)
    assert died == []


def test_an_event_loop_may_end_right_after_a_store_that_could_not_be_opened(
    tmp_path: Path, failures: list[str]
) -> None:
    broken = tmp_path / "x.db"
    broken.write_bytes(b"no database" * 1000)

    async def ask() -> None:
        store = open_store(str(broken))
        with pytest.raises(StoreCorrupt):
            await store.sessions(PageRequest())
        # Not closed: that is what a command does that an error ends.

    for _ in range(100):
        anyio.run(ask)


def test_an_event_loop_may_end_while_a_store_waits_for_a_lock(tmp_path: Path, failures: list[str]) -> None:
    path = tmp_path / "x.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")

    async def ask() -> None:
        store = SqliteStore(Engine(path, busy_timeout_s=0.2))
        with anyio.move_on_after(0.01) as limit:
            await store.sessions(PageRequest())
        assert limit.cancelled_caught

    anyio.run(ask)
    other.close()
