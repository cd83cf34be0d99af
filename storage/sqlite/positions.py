"""How far growing files have been read."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from typing import Final

from storage.fields import well_formed
from storage.records import ReadPosition
from storage.sqlite import rows

_SET: Final = """
    insert into read_position (source, identity, read_offset, state, is_open)
    values (:source, :identity, :read_offset, :state, :is_open)
    on conflict (source) do update set
        identity = excluded.identity, read_offset = excluded.read_offset, state = excluded.state,
        is_open = excluded.is_open
"""
_REOPEN: Final = """
    insert into read_position (source, identity, read_offset, state, is_open) values (:source, '', 0, :state, 1)
    on conflict (source) do update set is_open = 1
"""
_OPEN: Final = "select source from read_position where is_open order by source"
_GET: Final = """
    select source, identity, read_offset, state, is_open from read_position
    where source in (select value from json_each(:sources)) order by source
"""


def put(connection: sqlite3.Connection, positions: Iterable[ReadPosition]) -> None:
    """Remember these positions in place of earlier ones of the same files."""
    connection.executemany(
        _SET,
        (
            {
                "source": position.source,
                "identity": position.identity,
                "read_offset": position.offset,
                "state": zlib.compress(position.state, 1),
                "is_open": position.is_open,
            }
            for position in positions
        ),
    )


def reopen(connection: sqlite3.Connection, sources: Iterable[str]) -> None:
    """Have these looked at again, whether they were ever read or not."""
    connection.executemany(_REOPEN, ({"source": well_formed(one), "state": zlib.compress(b"", 1)} for one in sources))


def open_sources(connection: sqlite3.Connection) -> list[str]:
    """What is to be looked at again."""
    return [row["source"] for row in connection.execute(_OPEN)]


def get(connection: sqlite3.Connection, sources: Sequence[str]) -> dict[str, ReadPosition]:
    """The positions of these files, as far as they were ever read, by the paths that were asked for."""
    # A path may hold bytes that are no text; they are kept as they can be.
    kept_as = {source: well_formed(source) for source in sources}
    held = connection.execute(_GET, {"sources": json.dumps(sorted(set(kept_as.values())))}).fetchall()
    with rows.reading("a read position"):
        found = {
            row["source"]: ReadPosition(
                source=row["source"],
                identity=row["identity"],
                offset=row["read_offset"],
                state=zlib.decompress(row["state"]),
                is_open=bool(row["is_open"]),
            )
            for row in held
        }
    return {source: found[name] for source, name in kept_as.items() if name in found}
