"""Spans in SQLite: joining versions of them with what is held, and reading them back."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.fields import well_formed
from storage.outcomes import outcome
from storage.queries import Change
from storage.records import Span
from storage.sqlite import costs, rows, search, twins
from storage.sqlite.costs import Step
from storage.versions import KEPT_BY_STORE, Version, merge, same_facts
from storage.vocabulary import SpanKind

_SPAN: Final = ", ".join(rows.SPAN_COLUMNS)
_TEXT: Final = ", ".join(rows.TEXT_COLUMNS)
_INSERT_SPAN: Final = f"insert into span (id, {_SPAN}) values (:id, {', '.join(f':{c}' for c in rows.SPAN_COLUMNS)})"
_INSERT_TEXT: Final = (
    f"insert into span_text (id, {_TEXT}) values (:id, {', '.join(f':{c}' for c in rows.TEXT_COLUMNS)})"
)
_UPDATE_SPAN: Final = f"update span set {', '.join(f'{c} = :{c}' for c in rows.SPAN_COLUMNS)} where id = :id"
_UPDATE_TEXT: Final = f"update span_text set {', '.join(f'{c} = :{c}' for c in rows.TEXT_COLUMNS)} where id = :id"
_NEXT_ID: Final = "select coalesce(max(id), 0) + 1 from span"
_BY_IDS: Final = """
    select * from span join span_text using (id)
    where span_id in (select value from json_each(:span_ids))
    order by started_us, span_id
"""
_OF_SESSION: Final = """
    select * from span {texts}
    where session_id = :session_id and kind in (select value from json_each(:kinds))
    order by started_us, span_id
"""
_KINDS_OF_SESSION: Final = """
    select kind, count(*) as n from span where session_id = :session_id group by kind order by kind
"""


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    version: Version


@dataclass(frozen=True, slots=True)
class Joined:
    """What joining did: to each given span in its order, and to each row that was written."""

    changes: list[Change]
    steps: list[Step]


def add(connection: sqlite3.Connection, given: Sequence[Span], absorbed: Mapping[str, Sequence[Version]]) -> Joined:
    """Join the given versions with those that are held.

    Args:
        connection: inside a transaction.
        given: versions of spans.
        absorbed: by the id of a given span: versions that were held under another id until now.
    """
    held = _held(connection, {span.span_id for span in given})
    known = {span_id: found.version for span_id, found in held.items()}
    latest: dict[str, Version] = {}
    for span_id, versions in absorbed.items():
        for version in versions:
            latest[span_id] = known[span_id] = _joined(known.get(span_id), version)
    gained = set(absorbed)
    changes: list[Change] = []
    for span in given:
        before = known.get(span.span_id)
        after = _joined(before, Version(span))
        if before is None:
            changes.append(Change.CREATED)
        elif span.span_id in gained or not same_facts(before.span, after.span):
            changes.append(Change.UPDATED)
            gained.discard(span.span_id)
        else:
            changes.append(Change.UNCHANGED)
        if before is None or changes[-1] is Change.UPDATED or _stamps(before) != _stamps(after):
            latest[span.span_id] = known[span.span_id] = after
    _write(connection, held, latest)
    steps = [
        Step(held[span_id].version.span if span_id in held else None, version.span)
        for span_id, version in latest.items()
    ]
    return Joined(changes, steps)


def by_ids(connection: sqlite3.Connection, span_ids: Iterable[str]) -> dict[str, Span]:
    """The known ones of these spans with their texts, by the ids that were asked for."""
    wanted = {span_id: well_formed(span_id) for span_id in span_ids}
    others = twins.held_as(connection, wanted.values())
    wanted = {span_id: others.get(known_as, known_as) for span_id, known_as in wanted.items()}
    found = {
        row["span_id"]: rows.span_of(row, texts=True)
        for row in connection.execute(_BY_IDS, {"span_ids": json.dumps(sorted(set(wanted.values())))})
    }
    return {span_id: found[held_as] for span_id, held_as in wanted.items() if held_as in found}


def of_session(
    connection: sqlite3.Connection, session_id: str, kinds: Iterable[SpanKind], *, texts: bool
) -> list[Span]:
    """Spans of a session by start, with or without texts."""
    statement = _OF_SESSION.format(texts="join span_text using (id)" if texts else "")
    found = connection.execute(statement, {"session_id": well_formed(session_id), "kinds": json.dumps(sorted(kinds))})
    return [rows.span_of(row, texts=texts) for row in found]


def kinds_of_session(connection: sqlite3.Connection, session_id: str) -> dict[SpanKind, int]:
    """How many spans of each kind a session has."""
    found = connection.execute(_KINDS_OF_SESSION, {"session_id": well_formed(session_id)})
    with rows.reading("the kind of a span"):
        return {SpanKind(row["kind"]): row["n"] for row in found}


def _held(connection: sqlite3.Connection, span_ids: set[str]) -> dict[str, _Held]:
    found = connection.execute(_BY_IDS, {"span_ids": json.dumps(sorted(span_ids))})
    return {row["span_id"]: _Held(row["id"], rows.version_of(row)) for row in found}


def _joined(before: Version | None, version: Version) -> Version:
    """The version joined with what is held; what the store itself keeps comes from there alone."""
    after = version if before is None else merge(before, version)
    kept: dict[str, Any] = dict.fromkeys(KEPT_BY_STORE)
    if before is None:
        kept["subtree_cost_usd"] = costs.own_usd(after.span)
    else:
        kept["subtree_cost_usd"] = before.span.subtree_cost_usd
        if _judged_alike(before.span, after.span):
            kept["reward"], kept["reward_source"] = before.span.reward, before.span.reward_source
    kept["outcome"] = outcome(after.span.status, kept["reward"], kept["reward_source"])
    if kept == {name: getattr(after.span, name) for name in KEPT_BY_STORE}:
        return after
    return Version(after.span.model_copy(update=kept), after.stamps)


def _judged_alike(one: Span, other: Span) -> bool:
    """Whether the same rewards judge both; those of a session judge its own span too."""
    return one.kind is other.kind and (one.kind is not SpanKind.SESSION or one.session_id == other.session_id)


def _stamps(version: Version) -> tuple[Any, ...]:
    return version.stamp, version.stamps


def _write(connection: sqlite3.Connection, held: Mapping[str, _Held], latest: Mapping[str, Version]) -> None:
    new = [version for span_id, version in latest.items() if span_id not in held]
    if new:
        numbered = list(enumerate(new, start=connection.execute(_NEXT_ID).fetchone()[0]))
        connection.executemany(_INSERT_SPAN, ({"id": number, **rows.span_row(version)} for number, version in numbered))
        connection.executemany(
            _INSERT_TEXT, ({"id": number, **rows.text_row(version.span)} for number, version in numbered)
        )
        search.remember(connection, ((number, version.span) for number, version in numbered))
    for span_id in latest.keys() & held.keys():
        number, before, after = held[span_id].number, held[span_id].version, latest[span_id]
        connection.execute(_UPDATE_SPAN, {"id": number, **rows.span_row(after)})
        if search.heads(before.span) != search.heads(after.span):
            search.forget(connection, number, before.span)
            search.remember(connection, [(number, after.span)])
        connection.execute(_UPDATE_TEXT, {"id": number, **rows.text_row(after.span)})
