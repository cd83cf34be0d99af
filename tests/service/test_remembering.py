"""A suggestion is written down; where that cannot be done, the answer comes all the same and says so."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.advice_asked import Asked
from mcp_server.service.advising import Advising
from mcp_server.service.present import Present
from storage.queries import Batch
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore
from tests.factories import a_span

pytestmark = pytest.mark.anyio


def _advising(store: SqliteStore, folder: Path) -> Advising:
    return Advising(store, Present(store), TextKeeper(lambda text: text), config=folder)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


@pytest.fixture
def other(path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, as far as SQLite can tell."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


async def test_an_answer_does_not_wait_for_another_process_to_let_go(
    path: Path, other: sqlite3.Connection, tmp_path: Path
) -> None:
    store = SqliteStore(Engine(path, busy_timeout_s=3_600))
    await store.add(Batch(spans=[a_span()]))
    advising = _advising(store, tmp_path)
    assert (await advising.suggest(Asked(task="look")))["decision_id"] is not None
    other.execute("begin immediate")
    with anyio.fail_after(120):
        answer = await advising.suggest(Asked(task="look"))
    other.execute("rollback")
    assert answer["decision_id"] is None
    assert answer["cautions"][0] == "this suggestion may not be remembered: the database is busy"
    assert (await advising.suggest(Asked(task="look")))["decision_id"] is not None
    await store.close()


async def test_why_nothing_is_remembered_is_said_in_a_whole_sentence(
    path: Path, other: sqlite3.Connection, tmp_path: Path
) -> None:
    store = SqliteStore(Engine(path, busy_timeout_s=0))
    await store.add(Batch(spans=[a_span()]))
    advising = _advising(store, tmp_path)
    other.execute("begin immediate")
    answer = await advising.suggest(Asked(task="look"))
    assert answer["decision_id"] is None
    assert answer["cautions"][0] == "this suggestion is not remembered: the database is locked by another process"
    await store.close()
