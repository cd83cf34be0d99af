"""Numbered changes of the schema: each one and its number are committed together."""

import sqlite3
from functools import cache
from importlib import resources
from typing import Final

from storage.errors import SchemaTooNew, StoreCorrupt, StoreReadOnly

_VERSION: Final = "pragma user_version"
_TABLES: Final = "select name from sqlite_schema where type = 'table' order by name"
_OURS: Final = frozenset({"span", "read_position"})


def migrations() -> list[tuple[int, str]]:
    """All known changes as (number, SQL), ascending without gaps from 1."""
    folder = resources.files(__package__) / "schema"
    found = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.partition("_")[0]), (folder / name).read_text(encoding="utf-8")) for name in found]


@cache
def newest() -> int:
    """The number of the newest known change."""
    folder = resources.files(__package__) / "schema"
    return max(int(entry.name.partition("_")[0]) for entry in folder.iterdir() if entry.name.endswith(".sql"))


def version(connection: sqlite3.Connection) -> int:
    """The number of the last change that this database has seen."""
    return int(connection.execute(_VERSION).fetchone()[0])


def check(connection: sqlite3.Connection, location: str) -> bool:
    """Whether a database has the newest schema.

    Raises:
        SchemaTooNew: a newer program has written it.
        StoreCorrupt: another program has.
    """
    # The number first: another process may be making the tables right now.
    require_known(connection, location)
    found = version(connection)
    tables = {row[0] for row in connection.execute(_TABLES)}
    if not tables >= _OURS and (tables or found):
        raise StoreCorrupt(location, "it holds the data of another program")
    return found == newest()


def require_known(connection: sqlite3.Connection, location: str) -> None:
    """Refuse a database that another process has brought to a schema newer than ours since it was opened.

    Raises:
        SchemaTooNew: it has.
    """
    found, known = version(connection), newest()
    if found > known:
        raise SchemaTooNew(location, found, known)


def require_newest(connection: sqlite3.Connection, location: str) -> None:
    """Refuse a database that has another schema, where it may not be brought to the newest one.

    Raises:
        StoreReadOnly: its schema is older.
        SchemaTooNew: a newer program has written it.
        StoreCorrupt: another program has.
    """
    if not check(connection, location):
        upgrade = f"schema {version(connection)} must be brought to {newest()} first"
        raise StoreReadOnly(location, f"{upgrade}, and the database may not be written")


def migrate(connection: sqlite3.Connection, location: str) -> None:
    """Bring a database to the newest schema; it may be empty.

    Raises:
        SchemaTooNew: a newer program has written it.
        StoreCorrupt: another program has.
    """
    if not check(connection, location):
        for number, script in migrations():
            _apply(connection, number, script)


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    try:
        connection.execute("begin immediate")
        if version(connection) >= number:  # another process was faster
            connection.execute("rollback")
            return
        # Not executescript: it would commit behind our back.
        for statement in statements(script):
            connection.execute(statement)
        connection.execute(f"pragma user_version = {number:d}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def statements(script: str) -> list[str]:
    """The statements of a script, split where SQLite itself says that one is complete.

    Raises:
        ValueError: the last one is not.
    """
    found: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        text = "\n".join(lines)
        if sqlite3.complete_statement(text):
            found.append(text)
            lines.clear()
    if any(line.strip() and not line.lstrip().startswith("--") for line in lines):
        raise ValueError(f"the last statement has no end: {lines[0]!r}")
    return found
