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
    insert into read_position (source, identity, read_offset, state) values (:source, :identity, :read_offset, :state)
    on conflict (source) do update set
        identity = excluded.identity, read_offset = excluded.read_offset, state = excluded.state
"""
_GET: Final = """
    select source, identity, read_offset, state from read_position
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
            }
            for position in positions
        ),
    )


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
            )
            for row in held
        }
    return {source: found[name] for source, name in kept_as.items() if name in found}
