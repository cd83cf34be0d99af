"""Routing decisions in SQLite: the newest 10,000."""

import json
import sqlite3
from datetime import datetime
from typing import Any, Final

from storage.fields import well_formed
from storage.queries import Page, PageRequest
from storage.records import RoutingDecision
from storage.sqlite import cursors, rows

KEPT: Final = 10_000

_AS_THEY_ARE: Final = tuple(name for name in RoutingDecision.model_fields if name not in {"at", "task", "offers"})
_COLUMNS: Final = (*_AS_THEY_ARE, "at_us", "task", "offers")
_PUT: Final = f"""
    insert or replace into routing_decision ({", ".join(_COLUMNS)})
    values ({", ".join(f":{name}" for name in _COLUMNS)})
"""
_FORGET: Final = """
    delete from routing_decision where (at_us, decision_id) <= (
        select at_us, decision_id from routing_decision order by at_us desc, decision_id desc limit 1 offset :kept
    )
"""
_GET: Final = "select * from routing_decision where decision_id = :decision_id"
_WAITING: Final = """
    select * from routing_decision where session_id = :session_id and at_us >= :since_us and span_id is null
    order by at_us desc, decision_id desc
"""
_LINK: Final = """
    update routing_decision set span_id = :span_id, followed = :followed
    where decision_id = :decision_id and span_id is null
"""
_TOTAL: Final = "select count(*) from routing_decision where at_us >= :since_us"
_PAGE: Final = """
    select * from routing_decision where at_us >= :since_us and (at_us, decision_id) < (:us, :decision_id)
    order by at_us desc, decision_id desc limit :limit
"""
_REMOVE: Final = "delete from routing_decision where session_id = :session_id"
_REMOVE_HOMELESS: Final = """
    delete from routing_decision where at_us < :before_us
        and not exists (select 1 from session where session.session_id = routing_decision.session_id)
"""
_FIRST: Final = (2**63 - 1, "")  # after every time
_EVER: Final = -(2**63)


def add(connection: sqlite3.Connection, decision: RoutingDecision) -> None:
    """Keep a decision in place of one with its id, and let go of the oldest where there are too many."""
    row: dict[str, Any] = {name: getattr(decision, name) for name in _AS_THEY_ARE}
    row["at_us"] = rows.microseconds(decision.at)
    row["task"] = rows.pack(decision.task)
    row["offers"] = json.dumps([offer.model_dump() for offer in decision.offers], ensure_ascii=False)
    connection.execute(_PUT, row)
    connection.execute(_FORGET, {"kept": KEPT})


def get(connection: sqlite3.Connection, decision_id: str) -> RoutingDecision | None:
    """One decision."""
    row = connection.execute(_GET, {"decision_id": well_formed(decision_id)}).fetchone()
    return None if row is None else _decision(row)


def waiting(connection: sqlite3.Connection, session_id: str, since: datetime) -> list[RoutingDecision]:
    """Those of a session that nothing is known to have followed, made since then; newest first."""
    wanted = {"session_id": well_formed(session_id), "since_us": rows.microseconds(since)}
    return [_decision(row) for row in connection.execute(_WAITING, wanted)]


def link(connection: sqlite3.Connection, decision_id: str, span_id: str, *, followed: bool) -> bool:
    """Say what followed, once."""
    given = {"decision_id": well_formed(decision_id), "span_id": well_formed(span_id), "followed": followed}
    return connection.execute(_LINK, given).rowcount > 0


def page(connection: sqlite3.Connection, request: PageRequest, since: datetime | None) -> Page[RoutingDecision]:
    """Decisions, newest first."""
    us, decision_id = _FIRST if request.after is None else cursors.decode(request.after, str)
    wanted = {
        "since_us": _EVER if since is None else rows.microseconds(since),
        "us": us,
        "decision_id": decision_id,
        "limit": request.limit + 1,
    }
    total = connection.execute(_TOTAL, wanted).fetchone()[0]
    found = connection.execute(_PAGE, wanted).fetchall()
    more, found = len(found) > request.limit, found[: request.limit]
    following = cursors.encode(found[-1]["at_us"], found[-1]["decision_id"]) if more else None
    return Page(items=[_decision(row) for row in found], total=total, next=following)


def remove(connection: sqlite3.Connection, session_id: str) -> None:
    """Remove those of one session."""
    connection.execute(_REMOVE, {"session_id": session_id})


def remove_homeless(connection: sqlite3.Connection, before: datetime) -> None:
    """Remove those from before this time whose session is not held, or was never known."""
    connection.execute(_REMOVE_HOMELESS, {"before_us": rows.microseconds(before)})


def _decision(row: sqlite3.Row) -> RoutingDecision:
    with rows.reading("the row of a routing decision"):
        values: dict[str, Any] = {name: row[name] for name in _AS_THEY_ARE}
        return RoutingDecision(
            **values, at=rows.time_of(row["at_us"]), task=rows.unpack(row["task"]), offers=json.loads(row["offers"])
        )
