"""What a client's hooks told, as it came, for a month: by then it has long become spans."""

import json
import sqlite3
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from storage.fields import well_formed
from storage.records import HookEvent
from storage.sqlite import rows

_ADD: Final = """
    insert into hook_event (event_id, session_id, at_us, name, process_id, body)
    values (:event_id, :session_id, :at_us, :name, :process_id, :body)
    on conflict (event_id) do nothing
"""
_FORGET: Final = "delete from hook_event where at_us < (select max(at_us) from hook_event) - :kept_us"
_KEPT: Final = timedelta(days=30)
_OF_SESSION: Final = "select * from hook_event where session_id = :session_id order by at_us, event_id"
_LATEST: Final = "select * from hook_event order by at_us desc, event_id limit 1"
_LATEST_OF: Final = """
    select * from hook_event where process_id in (select value from json_each(:process_ids))
    order by at_us desc, event_id limit 1
"""


def add(connection: sqlite3.Connection, events: Sequence[HookEvent]) -> None:
    """Keep these, as far as they are new; and let go of those that are a month older than the newest."""
    if not events:
        return
    connection.executemany(
        _ADD,
        (
            {
                "event_id": event.event_id,
                "session_id": event.session_id,
                "at_us": rows.microseconds(event.at),
                "name": event.name,
                "process_id": event.process_id,
                "body": zlib.compress(event.body, 1),
            }
            for event in events
        ),
    )
    connection.execute(_FORGET, {"kept_us": _KEPT // timedelta(microseconds=1)})


def of_session(connection: sqlite3.Connection, session_id: str) -> list[HookEvent]:
    """What was told about a session, by time."""
    return [_event(row) for row in connection.execute(_OF_SESSION, {"session_id": well_formed(session_id)})]


def latest(connection: sqlite3.Connection, process_ids: Sequence[int]) -> HookEvent | None:
    """The newest of all, or of some processes."""
    wanted = {"process_ids": json.dumps(list(process_ids))}
    row = connection.execute(_LATEST_OF if process_ids else _LATEST, wanted).fetchone()
    return None if row is None else _event(row)


def _event(row: sqlite3.Row) -> HookEvent:
    return HookEvent(
        event_id=row["event_id"],
        session_id=row["session_id"],
        at=rows.time_of(row["at_us"]),
        name=row["name"],
        process_id=row["process_id"],
        body=zlib.decompress(row["body"]),
    )
