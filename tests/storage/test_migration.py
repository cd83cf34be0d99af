"""Changes of the schema: whole or not at all, once, and without loss of what older versions wrote."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from storage.errors import StoreReadOnly
from storage.opening import open_store
from storage.queries import Batch
from storage.sqlite import migrate, rows, spans
from storage.versions import Version
from storage.vocabulary import SpanKind
from tests.factories import a_span
from tests.storage.contents import contents

pytestmark = pytest.mark.anyio

NEXT = migrate.newest() + 1
GOOD = "create table later (x integer) strict;"
BROKEN = "create table later (x integer) strict;\ndelete from span;\ninsert into missing values (1);"


@pytest.fixture
def further(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts one more change after those that are known."""
    known = migrate.migrations()

    def add(script: str) -> None:
        monkeypatch.setattr(migrate, "migrations", lambda: [*known, (NEXT, script)])
        monkeypatch.setattr(migrate, "newest", lambda: NEXT)

    return add


def state(path: Path) -> tuple[int, bool, int]:
    """Version, whether the later table is there, and the number of spans."""
    connection = sqlite3.connect(path)
    later = connection.execute("select count(*) from sqlite_schema where name = 'later'").fetchone()[0]
    number = connection.execute("select count(*) from span").fetchone()[0]
    version = migrate.version(connection)
    connection.close()
    return version, bool(later), number


async def test_a_change_that_fails_leaves_the_old_version_whole(tmp_path: Path, further: Callable[[str], None]) -> None:
    path = tmp_path / "x.db"
    store = open_store(str(path))
    await store.add(Batch(spans=[a_span()]))
    await store.close()
    further(BROKEN)
    with pytest.raises(sqlite3.OperationalError, match="no such table: missing"):  # a bug of ours stays one
        await store.add(Batch(spans=[a_span()]))
    assert state(path) == (NEXT - 1, False, 1)
    further(GOOD)
    await store.add(Batch(spans=[a_span()]))
    assert state(path) == (NEXT, True, 2)
    await store.close()


async def test_a_change_is_made_once_however_many_open_the_file(tmp_path: Path, further: Callable[[str], None]) -> None:
    path = tmp_path / "x.db"
    first = open_store(str(path))
    await first.add(Batch(spans=[a_span()]))
    await first.close()
    further(GOOD)  # made twice, it would fail
    stores = [open_store(str(path)) for _ in range(8)]
    async with anyio.create_task_group() as tasks:
        for store in stores:
            tasks.start_soon(store.add, Batch(spans=[a_span()]))
    for store in stores:
        await store.close()
    assert state(path) == (NEXT, True, 9)


async def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    stores = [open_store(str(path)) for _ in range(8)]
    async with anyio.create_task_group() as tasks:
        for store in stores:
            tasks.start_soon(store.add, Batch(spans=[a_span()]))
    for store in stores:
        assert (await store.health()).counts["span"] == 8
        await store.close()


async def test_an_older_schema_that_may_only_be_read_is_refused(tmp_path: Path, further: Callable[[str], None]) -> None:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    migrate.migrate(connection, "x.db")
    further(GOOD)
    with pytest.raises(StoreReadOnly, match=r"schema \d+ must be brought to \d+ first.*give this user write access"):
        migrate.require_newest(connection, "x.db")
    connection.close()


async def test_what_the_first_schema_held_is_there_in_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrate._apply(connection, *migrate.migrations()[0])
    old = [
        a_span(span_id="main", kind=SpanKind.SESSION, cost_usd=1.0, subtree_cost_usd=5.0),
        a_span(span_id="call", kind=SpanKind.TOOL_CALL, parent_span_id="main"),
        a_span(span_id="child", parent_span_id="call", cost_usd=4.0, subtree_cost_usd=4.0),
    ]
    for number, span in enumerate(old, start=1):
        row = {"id": number, **rows.span_row(Version(span))}
        held = {name: value for name, value in row.items() if not name.startswith("guessed_")}
        names, places = ", ".join(held), ", ".join(f":{name}" for name in held)
        connection.execute(f"insert into span ({names}) values ({places})", held)
        connection.execute(spans._INSERT_TEXT, {"id": number, **rows.text_row(span)})
    connection.close()
    store = open_store(str(path))
    await store.add(Batch(spans=[a_span(span_id="more", parent_span_id="call", cost_usd=2.0)]))
    found = (await contents(store)).spans
    await store.close()
    assert {span_id: span.subtree_cost_usd for span_id, span in found.items()} == {
        "main": 7.0, "call": None, "child": 4.0, "more": 2.0,
    }  # fmt: skip


def test_the_changes_are_numbered_without_gaps_and_each_statement_is_whole() -> None:
    known = migrate.migrations()
    assert [number for number, _ in known] == list(range(1, NEXT))
    assert all(sqlite3.complete_statement(statement) for _, script in known for statement in migrate.statements(script))


TRIGGER = "create trigger t after insert on span begin\n  select 1;\n  select 2;\nend;"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("select 1;\nselect 2;", ["select 1;", "select 2;"], id="one a line"),
        pytest.param("select\n  ';'\n;", ["select\n  ';'\n;"], id="a semicolon in a text"),
        pytest.param(TRIGGER, [TRIGGER], id="a trigger is one statement"),
        pytest.param("select 1;\n-- the end\n\n", ["select 1;"], id="a comment after the last"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_a_script_is_split_where_statements_end(script: str, expected: list[str]) -> None:
    assert migrate.statements(script) == expected


def test_a_statement_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="the last statement has no end: 'select 2'"):
        migrate.statements("select 1;\nselect 2")
