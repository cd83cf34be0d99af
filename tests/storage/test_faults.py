"""What goes wrong outside: each cause has its clear error, loses nothing, and the same store answers again later."""

import os
import resource
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.errors import (
    DiskFailed,
    SchemaTooNew,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreMissing,
    UnknownEngine,
)
from storage.opening import open_store
from storage.queries import Batch, PageRequest
from storage.sqlite import migrate
from storage.sqlite.engine import Engine
from storage.sqlite.store import SqliteStore
from storage.store import Store
from tests.factories import a_span
from tests.storage.contents import contents

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


@pytest.fixture
def engine(path: Path) -> Engine:
    return Engine(path, busy_timeout_s=0.05)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    """One that does not wait long for a lock."""
    opened = SqliteStore(engine)
    yield opened
    await opened.close()


async def acknowledged(store: Store, *span_ids: str) -> None:
    await store.add(Batch(spans=[a_span(span_id=span_id, task="text " * 200) for span_id in span_ids]))


async def ids(store: Store) -> list[str]:
    return list((await contents(store)).spans)


def locked(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    other.execute("begin exclusive")
    return other


async def test_a_locked_file_is_busy_until_it_is_let_go(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    other = locked(path)
    with pytest.raises(StoreBusy, match=r"telemetry\.db: the database is locked by another process; try again"):
        await acknowledged(store, "two")
    # In the write-ahead log readers wait for nobody.
    assert await ids(store) == ["one"]
    other.execute("rollback")
    await acknowledged(store, "three")
    other.close()
    assert await ids(store) == ["one", "three"]


async def test_a_file_that_is_locked_before_it_is_opened_is_busy(store: Store, path: Path) -> None:
    other = locked(path)
    for _ in range(2):
        with pytest.raises(StoreBusy):
            await acknowledged(store, "one")
        with pytest.raises(StoreBusy):
            await store.sessions(PageRequest())
    other.close()
    await acknowledged(store, "one")
    assert await ids(store) == ["one"]


async def test_pruning_succeeds_while_a_reader_keeps_the_room_from_being_given_back(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from span").fetchall()
    assert (await store.prune(max_bytes=0)).spans == 1
    reader.close()
    await acknowledged(store, "two")
    assert await ids(store) == ["two"]


async def test_a_full_database_takes_nothing_and_goes_on_when_there_is_room(store: Store, engine: Engine) -> None:
    await acknowledged(store, "one")
    pages = await engine.outside(lambda connection: int(connection.execute("pragma page_count").fetchone()[0]))
    await engine.outside(lambda connection: connection.execute(f"pragma max_page_count = {pages + 2}").fetchall())
    many = [a_span(span_id=f"many-{number}", task=os.urandom(3000).hex()) for number in range(50)]
    with pytest.raises(StoreFull, match="no room is left for the database; free some space"):
        await store.add(Batch(spans=many))
    assert await ids(store) == ["one"]
    await engine.outside(lambda connection: connection.execute("pragma max_page_count = 1000000").fetchall())
    await store.add(Batch(spans=many))
    assert len(await ids(store)) == 51


NOT_OURS = {
    "text": b"This is no database. " * 500,
    "a torn head": b"SQLite format 3\0" + b"\xff" * 5000,
    "zeros": bytes(8192),
    "a few bytes": b"x" * 7,
}


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in NOT_OURS.items()])
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
    store: Store, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=r"telemetry\.db: not a usable database .*; restore a backup"):
            await acknowledged(store, "one")
        with pytest.raises(StoreCorrupt):
            await store.sessions(PageRequest())
    assert path.read_bytes() == content
    path.unlink()
    await acknowledged(store, "one")
    assert await ids(store) == ["one"]


async def test_an_empty_file_becomes_a_store(store: Store, path: Path) -> None:
    path.touch()
    await acknowledged(store, "one")
    assert await ids(store) == ["one"]


async def test_the_database_of_another_program_is_left_alone(store: Store, path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("create table recipe (name text)")
    other.close()
    with pytest.raises(StoreCorrupt, match="it holds the data of another program"):
        await acknowledged(store, "one")
    other = sqlite3.connect(path)
    assert [row[0] for row in other.execute("select name from sqlite_schema")] == ["recipe"]
    other.close()


async def test_a_newer_schema_is_refused_until_the_program_knows_it(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    await store.close()
    _set_version(path, migrate.newest() + 1)
    newer = rf"schema {migrate.newest() + 1} is newer than {migrate.newest()}; upgrade delegation-telemetry"
    for _ in range(2):
        with pytest.raises(SchemaTooNew, match=newer):
            await acknowledged(store, "two")
        with pytest.raises(SchemaTooNew, match=newer):
            await ids(store)
    _set_version(path, migrate.newest())
    assert await ids(store) == ["one"]


async def test_a_schema_that_becomes_newer_while_the_file_is_open_is_refused_from_then_on(
    store: Store, path: Path
) -> None:
    await acknowledged(store, "one")
    assert await ids(store) == ["one"]
    _set_version(path, migrate.newest() + 1)
    with pytest.raises(SchemaTooNew):
        await acknowledged(store, "two")
    with pytest.raises(SchemaTooNew):
        await ids(store)
    _set_version(path, migrate.newest())
    assert await ids(store) == ["one"]


def _set_version(path: Path, number: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"pragma user_version = {number}")
    connection.close()


async def test_a_deleted_file_is_made_anew(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    for file in path.parent.iterdir():
        file.unlink()
    assert await ids(store) == []
    await acknowledged(store, "two")
    assert await ids(store) == ["two"]
    assert (await store.health()).sound


@pytest.mark.parametrize("with_log", [True, False], ids=["with its log", "without its log"])
async def test_a_file_that_is_replaced_is_the_one_that_answers(store: Store, path: Path, with_log: bool) -> None:  # noqa: FBT001
    await acknowledged(store, "old")
    restored = open_store(str(path.with_name("restored.db")))
    await acknowledged(restored, "restored")
    await restored.close()
    if with_log:
        for file in path.parent.glob("telemetry.db-*"):
            file.unlink()
    path.with_name("restored.db").replace(path)
    assert await ids(store) == ["restored"]
    await acknowledged(store, "new")
    assert await ids(store) == ["new", "restored"]
    assert (await store.health()).sound
    await store.close()
    assert await ids(store) == ["new", "restored"]


async def test_a_file_that_is_moved_away_takes_along_all_that_was_acknowledged(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    path.replace(path.with_name("moved.db"))
    await acknowledged(store, "two")
    moved = open_store(str(path.with_name("moved.db")))
    assert (await ids(moved), await ids(store)) == (["one"], ["two"])
    await moved.close()


async def test_a_folder_that_vanishes_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "down" / "x.db"
    store = open_store(str(place))
    await acknowledged(store, "one")
    assert (place.parent.stat().st_mode & 0o777, place.stat().st_mode & 0o777) == (0o700, 0o600)
    shutil.rmtree(tmp_path / "deep")
    await acknowledged(store, "two")
    assert await ids(store) == ["two"]
    await store.close()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        pytest.param("file/x.db", "Not a directory|File exists", id="below a file"),
        pytest.param("", "unable to open|Is a directory", id="a folder"),
        pytest.param("x" * 300, "File name too long|unable to open", id="a name too long"),
    ],
)
async def test_a_path_that_cannot_be_is_missing(tmp_path: Path, place: str, reason: str) -> None:
    (tmp_path / "file").touch()
    store = open_store(str(tmp_path / place))
    with pytest.raises(StoreMissing, match=f"({reason}).*check the path, or choose another file with --db"):
        await acknowledged(store, "one")
    with pytest.raises(StoreMissing):
        await store.sessions(PageRequest())
    await store.close()


@pytest.mark.parametrize("address", ["postgresql://host/x", "mysql://x", "https://example.org/x.db"])
async def test_an_address_of_an_unknown_kind_is_refused_at_once(address: str) -> None:
    with pytest.raises(UnknownEngine, match="give a file path or sqlite:///path"):
        open_store(address)


async def test_a_limit_on_file_size_is_a_failure_of_the_disk_and_passes(store: Store, path: Path) -> None:
    await acknowledged(store, "one")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("telemetry.db-wal").stat().st_size, before[1]))
        with pytest.raises((DiskFailed, StoreFull)):
            await acknowledged(store, "two")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert await ids(store) == ["one"]
    await acknowledged(store, "three")
    assert await ids(store) == ["one", "three"]
