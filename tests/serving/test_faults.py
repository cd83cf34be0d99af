"""When the database cannot be used: a clear sentence, a server that stays up, and answers when the cause is gone."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.serving.wire import Server
from tests.stores import new_folder

SPAN = {"agent_type": "reviewer", "task": "Review it"}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def only_server(home: Path) -> Iterator[Server]:
    """One for all faults: it must outlive each of them."""
    with Server(home, {"DELEGATION_TELEMETRY_DB": str(home / "t.db")}) as running:
        yield running


@pytest.fixture
def database(home: Path) -> Path:
    """Where its database would be: there is none yet, or none any more."""
    for path in home.glob("t.db*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return home / "t.db"


@pytest.fixture
def server(only_server: Server, database: Path) -> Server:
    return only_server


def recorded(server: Server, task: str = "Review it") -> bool:
    return not server.call("record_spans", spans=[SPAN | {"task": task}])["isError"]


def complaint(server: Server) -> str:
    answer = server.call("record_spans", spans=[SPAN | {"task": "while it was broken"}])
    assert answer["isError"]
    text: str = answer["content"][0]["text"]
    assert "Traceback" not in text
    return text


def test_a_database_that_is_no_database(server: Server, database: Path) -> None:
    database.write_bytes(b"not a database, but long enough to look like one" * 100)
    assert "not a usable database" in complaint(server)
    database.unlink()
    assert recorded(server)


def test_a_newer_schema_when_it_is_opened_first(tmp_path: Path) -> None:
    database = tmp_path / "t.db"
    with (
        closing(sqlite3.connect(database, isolation_level=None)) as connection,
        Server(tmp_path, {"DELEGATION_TELEMETRY_DB": str(database)}) as server,
    ):
        connection.execute("pragma user_version = 999")
        assert "schema 999 is newer than" in complaint(server)
        connection.execute("pragma user_version = 0")
        assert recorded(server)


def test_a_folder_where_the_file_should_be(server: Server, database: Path) -> None:
    database.mkdir()
    assert "check the path" in complaint(server)
    database.rmdir()
    assert recorded(server)


def test_a_path_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Server(tmp_path, {"DELEGATION_TELEMETRY_DB": str(tmp_path / "file" / "t.db")}) as server:
        assert "--db" in complaint(server)


def test_a_file_that_is_deleted_under_it(server: Server, database: Path) -> None:
    assert recorded(server)
    for path in database.parent.glob("t.db*"):
        path.unlink()
    assert recorded(server, "after it was gone")
    assert server.call("get_stats")["structuredContent"]["totals"]["n"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the storage tests do this as another user")
def test_a_folder_that_may_not_be_written(server: Server, database: Path) -> None:
    database.parent.chmod(0o500)
    try:
        assert "write access" in complaint(server)
    finally:
        database.parent.chmod(0o700)
    assert recorded(server)


def test_a_locked_database(server: Server, database: Path) -> None:
    assert recorded(server)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("begin immediate")
        assert "locked by another process" in complaint(server)
        assert not server.call("get_stats")["isError"], "readers do not wait for writers"
    assert recorded(server, "after it was free")
