"""What one process has counted of common words is known to the others, and costs nobody a wait."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import anyio
import pytest

from storage.queries import Batch
from storage.sqlite import common_words
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore
from storage.store import Store
from tests.factories import a_reward, a_span, at

pytestmark = pytest.mark.anyio

_A_DAY_S: Final = 86_400.0
"""Whoever waits so long for a writer has no answer while there is one."""
_HANGS_S: Final = 20.0


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of fifty texts are common."""
    monkeypatch.setattr(common_words, "_FEW", 50)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """As two processes have them, of which neither gives up waiting for the other."""
    both = [SqliteStore(Engine(tmp_path / "x.db", busy_timeout_s=_A_DAY_S)) for _ in range(2)]
    yield both[0], both[1]
    for store in both:
        await store.close()


@contextmanager
def a_writer(path: Path) -> Iterator[None]:
    """Somebody else who writes meanwhile, and gives up before a test that waits for that hangs for ever."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection, anyio.fail_after(_HANGS_S):
        connection.execute("begin immediate")
        yield


def kept(path: Path) -> list[str]:
    """The words that one process leaves to the others."""
    with closing(sqlite3.connect(path)) as connection:
        return [word for (word,) in connection.execute("select word from common_word order by word")]


async def learn(store: Store, count: int, task: str) -> None:
    spans = [a_span(task=task) for _ in range(count)]
    await store.add(Batch(spans=spans, rewards=[a_reward(span_id=span.span_id) for span in spans]))


async def test_what_one_process_counted_another_need_not_count(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await learn(one, 100, "all")
    assert (await one.vocabulary(["all"])).frequencies == {"all": 100}
    await learn(one, 1, "all rare")
    assert (await other.vocabulary(["all", "rare"])).frequencies == {"all": 100, "rare": 1}
    await learn(one, 2, "all")
    assert (await other.vocabulary(["all"])).frequencies == {"all": 103}
    assert (await one.vocabulary(["all"])).frequencies == {"all": 103}


async def test_words_of_lessons_are_remembered_apart_from_those_of_delegations(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await one.add(Batch(spans=[a_span(task="all") for _ in range(60)]))
    await learn(one, 100, "all")
    assert (await one.vocabulary(["all"])).frequencies == {"all": 160}
    assert (await one.lessons.vocabulary(["all"])).frequencies == {"all": 100}
    await learn(one, 1, "all")
    assert (await other.lessons.vocabulary(["all"])).frequencies == {"all": 100}
    assert (await other.vocabulary(["all"])).frequencies == {"all": 160}


async def test_nobody_who_asks_for_words_waits_for_whoever_writes(stores: tuple[Store, Store], tmp_path: Path) -> None:
    one, other = stores
    await learn(one, 100, "all")
    # That there is an answer is the proof, not how soon.
    with a_writer(tmp_path / "x.db"):
        assert (await one.vocabulary(["all"])).frequencies == {"all": 100}
    await learn(one, 1, "all")
    assert (await other.vocabulary(["all"])).frequencies == {"all": 101}
    assert (await one.vocabulary(["all"])).frequencies == {"all": 100}
    # What could not be left to others then is now, and waiting for a writer is what a writer does again.
    assert await _timeout_ms(one) == _A_DAY_S * 1e3


async def _timeout_ms(store: Store) -> int:
    assert isinstance(store, SqliteStore)
    return await store._engine.outside(lambda connection: int(connection.execute("pragma busy_timeout").fetchone()[0]))


async def test_what_is_pruned_leaves_no_word_behind(stores: tuple[Store, Store], tmp_path: Path) -> None:
    one, other = stores
    await learn(one, 100, "all")
    await one.vocabulary(["all"])

    assert kept(tmp_path / "x.db") == ["all"]
    await one.prune(before=at(10**9))
    assert kept(tmp_path / "x.db") == []
    assert (await other.vocabulary(["all"])).frequencies == {}


async def test_nor_does_it_once_a_process_may_write_that_had_counted_before(
    stores: tuple[Store, Store], tmp_path: Path
) -> None:
    one, other = stores
    await learn(one, 100, "all")
    with a_writer(tmp_path / "x.db"):
        await other.vocabulary(["all"])
        await other.lessons.vocabulary(["all"])
    await one.prune(before=at(10**9))
    await other.vocabulary(["all"])
    await other.lessons.vocabulary(["all"])
    assert kept(tmp_path / "x.db") == []


async def test_as_many_others_after_a_prune_are_counted_as_they_are(stores: tuple[Store, Store]) -> None:
    one, other = stores
    await learn(one, 100, "all")
    assert (await other.vocabulary(["all"])).frequencies == {"all": 100}
    await one.prune(before=at(10**9))
    await learn(one, 100, "new")
    assert (await other.vocabulary(["all", "new"])).frequencies == {"new": 100}


async def test_a_file_that_replaces_another_gets_none_of_its_words(stores: tuple[Store, Store], tmp_path: Path) -> None:
    one, other = stores
    path, replacement = tmp_path / "x.db", tmp_path / "y.db"
    await learn(one, 100, "all")
    with a_writer(path):
        await other.vocabulary(["all"])
    await one.close()
    another = SqliteStore(Engine(replacement))
    await learn(another, 100, "new")
    await another.close()
    replacement.replace(path)
    assert (await other.vocabulary(["all", "new"])).frequencies == {"new": 100}
    assert kept(path) == ["new"]
