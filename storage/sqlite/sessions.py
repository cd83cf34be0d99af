"""Sessions in SQLite: when each was active, and what its spans add up to."""

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from storage.fields import well_formed
from storage.queries import Page, PageRequest, Target
from storage.records import Session, Span
from storage.sqlite import cursors, rows
from storage.sqlite.costs import Step
from storage.vocabulary import Status

_TOUCH: Final = """
    insert into session (session_id, started_us, last_activity_us)
    values (:session_id, :started_us, :last_activity_us)
    on conflict (session_id) do update set
        started_us = min(started_us, excluded.started_us),
        last_activity_us = max(last_activity_us, excluded.last_activity_us)
"""
_FORGET: Final = "delete from session where session_id in (select value from json_each(:session_ids))"
_RECOUNT: Final = """
    insert into session (session_id, started_us, last_activity_us)
    select session_id, min(started_us), max(max(observed_us, coalesce(ended_us, started_us)))
    from span where session_id in (select value from json_each(:session_ids)) group by session_id
"""
_PAGE: Final = """
    select session_id, started_us, last_activity_us from session
    where (last_activity_us, session_id) < (:us, :session_id)
    order by last_activity_us desc, session_id desc limit :limit
"""
_TOTAL: Final = "select count(*) from session"
_ONE: Final = """
    select session_id, started_us, last_activity_us from session where session_id = :session_id
"""
_SUMS: Final = """
    select session_id, count(*) as span_count, count(*) filter (where kind = 'delegation') as delegation_count
    from span where session_id in (select value from json_each(:session_ids)) group by session_id order by session_id
"""
_COSTS: Final = """
    select session_id, cost_usd from span
    where session_id in (select value from json_each(:session_ids)) and kind in ('session', 'delegation')
        and cost_usd is not null
    order by session_id
"""
# The main agent's own span tells best; without one, the earliest span does.
_FACES: Final = """
    select session_id, kind, client, project, branch, status, task
    from span join span_text using (id)
    where id in (
        select id from (
            select id, row_number() over (
                partition by session_id order by kind <> 'session', started_us, span_id
            ) as place
            from span where session_id in (select value from json_each(:session_ids))
        ) where place = 1
    )
    order by session_id
"""
_RESOLVE: Final = """
    select session_id, span_id from span where span_id = :id
    union select session_id, span_id from span where span_id = (select held_as from twin where span_id = :id)
    union select session_id, span_id from span where agent_id = :id and kind = 'delegation'
    union select session_id, span_id from span where tool_use_id = :id
    union select session_id, null from session where session_id = :id
    order by session_id, span_id
"""
_FIRST: Final = (2**63 - 1, "")  # after every time


def follow(connection: sqlite3.Connection, steps: Iterable[Step], left: Iterable[str]) -> None:
    """Make the times of sessions true after these steps, which are written already.

    Args:
        connection: inside a transaction.
        steps: what was done to spans.
        left: sessions that lost a span.
    """
    shrunk = set(left)
    times: dict[str, tuple[int, int]] = {}
    for step in steps:
        start, end = _times(step.after)
        first, last = times.get(step.after.session_id, (start, end))
        times[step.after.session_id] = (min(first, start), max(last, end))
        if step.before is not None:
            earlier_start, earlier_end = _times(step.before)
            if step.before.session_id != step.after.session_id or start > earlier_start or end < earlier_end:
                shrunk.add(step.before.session_id)
    connection.executemany(
        _TOUCH,
        (
            {"session_id": session_id, "started_us": first, "last_activity_us": last}
            for session_id, (first, last) in sorted(times.items())
        ),
    )
    if shrunk:
        recount(connection, shrunk)


def _times(span: Span) -> tuple[int, int]:
    """Start of a span, and its last activity."""
    known = [span.started_at, *(time for time in (span.ended_at, span.observed_at) if time is not None)]
    return rows.microseconds(span.started_at), rows.microseconds(max(known))


def recount(connection: sqlite3.Connection, session_ids: Iterable[str]) -> None:
    """Make the times of these sessions true from their spans; forget those that have none left."""
    wanted = {"session_ids": json.dumps(sorted(session_ids))}
    for statement in (_FORGET, _RECOUNT):
        connection.execute(statement, wanted)


def page(connection: sqlite3.Connection, request: PageRequest) -> Page[Session]:
    """Sessions, latest activity first."""
    us, session_id = _FIRST if request.after is None else cursors.decode(request.after, str)
    found = connection.execute(_PAGE, {"us": us, "session_id": session_id, "limit": request.limit + 1}).fetchall()
    total = connection.execute(_TOTAL).fetchone()[0]
    more, found = len(found) > request.limit, found[: request.limit]
    following = cursors.encode(found[-1]["last_activity_us"], found[-1]["session_id"]) if more else None
    return Page(items=_summed(connection, found), total=total, next=following)


def one(connection: sqlite3.Connection, session_id: str) -> Session | None:
    """One session, or None where no span of it is known."""
    found = connection.execute(_ONE, {"session_id": well_formed(session_id)}).fetchall()
    return _summed(connection, found)[0] if found else None


def resolve(connection: sqlite3.Connection, target_id: str) -> list[Target]:
    """What an id may mean."""
    found = connection.execute(_RESOLVE, {"id": well_formed(target_id)})
    return [Target(session_id=row["session_id"], span_id=row["span_id"]) for row in found]


def _summed(connection: sqlite3.Connection, found: Sequence[sqlite3.Row]) -> list[Session]:
    wanted = {"session_ids": json.dumps([row["session_id"] for row in found])}
    sums = {row["session_id"]: row for row in connection.execute(_SUMS, wanted)}
    faces = {row["session_id"]: row for row in connection.execute(_FACES, wanted)}
    costs: dict[str, list[float]] = defaultdict(list)
    for row in connection.execute(_COSTS, wanted):
        costs[row["session_id"]].append(row["cost_usd"])
    with rows.reading("the row of a session"):
        return [
            _session(row, sums[row["session_id"]], faces[row["session_id"]], costs[row["session_id"]]) for row in found
        ]


def _session(times: sqlite3.Row, sums: sqlite3.Row, face: sqlite3.Row, costs_usd: Sequence[float]) -> Session:
    main = face["kind"] == "session"
    return Session.model_construct(
        session_id=times["session_id"],
        client=face["client"],
        project=face["project"],
        branch=face["branch"],
        task=rows.unpack(face["task"]),
        status=Status(face["status"]) if main else None,
        started_at=rows.time_of(times["started_us"]),
        last_activity_at=rows.time_of(times["last_activity_us"]),
        span_count=sums["span_count"],
        delegation_count=sums["delegation_count"],
        cost_usd=math.fsum(costs_usd) if costs_usd else None,
    )
