"""What keeps a database healthy: pruning, copies, checks."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from storage.queries import Health
from storage.sqlite import common_words, decisions, lessons, migrate, rows, search, sessions
from storage.sqlite.engine import log_of, make_private_file
from storage.sqlite.rollups import Deltas, is_built

_TABLES: Final = ("span", "reward", "session", "read_position", "hook_event")
_OLDEST: Final = """
    select session_id from session where last_activity_us < :before_us
    order by last_activity_us, session_id limit :limit
"""
_DELEGATIONS: Final = """
    select * from span join span_text using (id)
    where session_id = :session_id and kind = 'delegation' order by started_us, span_id
"""
_DELETE_TWINS: Final = "delete from twin where held_as in (select span_id from span where session_id = :session_id)"
_DELETE_SPANS: Final = "delete from span where session_id = :session_id"
_DELETE_EVENTS: Final = "delete from hook_event where session_id = :session_id"
_DELETE_REWARDS: Final = """
    delete from reward
    where session_id = :session_id or span_id in (select span_id from span where session_id = :session_id)
"""
_SIZES: Final = ("page_count", "freelist_count", "page_size")
_FAR: Final = 2**63 - 1
_SESSIONS_AT_ONCE: Final = 20


def used_bytes(connection: sqlite3.Connection) -> int:
    """Size of the pages in use."""
    pages, free, size = (connection.execute(f"pragma {name}").fetchone()[0] for name in _SIZES)
    return int((pages - free) * size)


@dataclass(frozen=True, slots=True)
class Removed:
    """What one transaction removed."""

    spans: int = 0
    sessions: int = 0
    rewards: int = 0
    freed_bytes: int = 0
    """Pages that the rows took; the index of words gives its own back only when it is tidied."""

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.spans + other.spans,
            self.sessions + other.sessions,
            self.rewards + other.rewards,
            self.freed_bytes + other.freed_bytes,
        )


def remove_some(connection: sqlite3.Connection, before: datetime | None, enough_bytes: float) -> Removed:
    """Remove up to twenty sessions, those with the oldest last activity first.

    Args:
        connection: inside a transaction.
        before: only those without activity since this time; None takes the oldest, whatever their age.
        enough_bytes: only until so much is freed.
    """
    limits = {"before_us": _FAR if before is None else rows.microseconds(before), "limit": _SESSIONS_AT_ONCE}
    gone: list[str] = []
    done = Removed()
    deltas = Deltas()
    for session in connection.execute(_OLDEST, limits).fetchall():
        if done.freed_bytes >= enough_bytes:
            break
        wanted = {"session_id": session["session_id"]}
        for row in connection.execute(_DELEGATIONS, wanted):
            span = rows.span_of(row, texts=True)
            search.forget(connection, row["id"], span)
            deltas.change(span, None)
        size = used_bytes(connection)
        connection.execute(_DELETE_TWINS, wanted)
        connection.execute(_DELETE_EVENTS, wanted)
        decisions.remove(connection, session["session_id"])
        rewards = connection.execute(_DELETE_REWARDS, wanted).rowcount
        spans = connection.execute(_DELETE_SPANS, wanted).rowcount
        done += Removed(spans, 1, rewards, size - used_bytes(connection))
        gone.append(session["session_id"])
    if gone:
        # What is common may be so no longer, and what is removed should leave no word behind.
        common_words.forget(connection)
    deltas.write(connection)
    lessons.settle(connection, deltas.judged)
    sessions.recount(connection, gone)
    return done


def shrink(connection: sqlite3.Connection) -> None:
    """Give freed pages back to the file system."""
    connection.execute("vacuum")
    connection.execute("pragma wal_checkpoint(truncate)")


def backup(connection: sqlite3.Connection, target: Path) -> int:
    """Write a consistent copy while others go on writing; returns its size in bytes.

    Raises:
        FileExistsError: `target` is there already.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already; name a new file")
    make_private_file(target)
    copy = sqlite3.connect(target)
    try:
        # Once the snapshot is read from, the copy is made of it, however much others write.
        migrate.version(connection)
        connection.backup(copy)
        copy.execute("pragma journal_mode = delete")  # one file, nothing beside it
    except BaseException:
        copy.close()
        target.unlink()
        raise
    copy.close()
    return target.stat().st_size


def health(connection: sqlite3.Connection, path: Path) -> Health:
    """Check everything; slow on a large file."""
    complaints = [row[0] for row in connection.execute("pragma integrity_check(10)")]
    orphans = connection.execute("pragma foreign_key_check")
    complaints += [f"{row[0]}: row {row[1]} lacks its {row[2]}" for row in orphans]
    complaints = [complaint for complaint in complaints if complaint != "ok"]
    counts = {name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in _TABLES}
    files = [path, log_of(path)]
    return Health(
        location=str(path),
        schema=migrate.version(connection),
        newest_schema=migrate.newest(),
        size_bytes=sum(file.stat().st_size for file in files if file.exists()),
        sound=not complaints,
        complaints=complaints,
        counts=counts,
        summed_up=is_built(connection),
    )
