"""One delegation under two ids: what a model stated of a tool use, and what was captured of it.

Both may arrive first. From then on the stated id is another name of the captured span, for its later versions, its
rewards and the spans below it.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from storage.queries import Batch
from storage.records import Reward, Span
from storage.sqlite import lessons, rows, search
from storage.versions import Version
from storage.vocabulary import Source, SpanKind

_HELD_AS: Final = """
    select span_id, held_as from twin where span_id in (select value from json_each(:span_ids)) order by span_id
"""
_OF_TOOL_USES: Final = """
    select tool_use_id, span_id, source from span
    where tool_use_id in (select value from json_each(:tool_use_ids)) and kind = 'delegation'
    order by tool_use_id, span_id
"""
_WHOLE: Final = "select * from span join span_text using (id) where span_id = :span_id"
_REMEMBER: Final = "insert into twin (span_id, held_as) values (:stated, :captured)"
_ADOPT_REWARDS: Final = "update reward set span_id = :captured where span_id = :stated"
_ADOPT_CHILDREN: Final = """
    update span set parent_span_id = :captured
    where parent_span_id = :stated and session_id in (select value from json_each(:session_ids))
"""
_DELETE: Final = "delete from span where id = :id"


@dataclass(frozen=True, slots=True)
class United:
    """A batch in which every span goes by the id under which it is held."""

    batch: Batch
    absorbed: Mapping[str, list[Version]] = field(default_factory=dict)
    """By captured id: what was held of the stated twins. Their rows are gone."""
    holders: frozenset[str] = frozenset()
    """Captured ids that got a twin now, and with it the spans below it and its rewards."""


def unite(connection: sqlite3.Connection, batch: Batch) -> United:
    """Give every span of a batch its one name; new twins are united for good."""
    mentioned = {reward.span_id for reward in batch.rewards if reward.span_id is not None}
    for span in batch.spans:
        mentioned.add(span.span_id)
        if span.parent_span_id is not None:
            mentioned.add(span.parent_span_id)
    batch = _renamed(batch, held_as(connection, mentioned))
    found = _new_twins(connection, batch.spans)
    absorbed: dict[str, list[Version]] = defaultdict(list)
    for stated, captured in sorted(found.items()):
        pair = {"stated": stated, "captured": captured}
        sessions = {span.session_id for span in batch.spans}
        for row in connection.execute(_WHOLE, {"span_id": stated}).fetchall():
            version = rows.version_of(row)
            sessions.add(version.span.session_id)
            search.forget(connection, row["id"], version.span)
            connection.execute(_DELETE, {"id": row["id"]})
            absorbed[captured].append(Version(_renamed_span(version.span, found), version.stamps))
        connection.execute(_REMEMBER, pair)
        connection.execute(_ADOPT_REWARDS, pair)
        lessons.adopt(connection, stated, captured)
        connection.execute(_ADOPT_CHILDREN, {**pair, "session_ids": json.dumps(sorted(sessions))})
    return United(_renamed(batch, found), absorbed, frozenset(found.values()))


def held_as(connection: sqlite3.Connection, span_ids: Iterable[str]) -> dict[str, str]:
    """Under which id each of these is held, where that is another one."""
    found = connection.execute(_HELD_AS, {"span_ids": json.dumps(sorted(span_ids))})
    return {row["span_id"]: row["held_as"] for row in found}


def _new_twins(connection: sqlite3.Connection, given: Iterable[Span]) -> dict[str, str]:
    """Stated id to captured id of the same tool use, as far as the given spans bring them together."""
    captured: dict[str, dict[str, bool]] = defaultdict(dict)  # by tool use: span id to whether it was captured
    for span in given:
        if span.kind is SpanKind.DELEGATION and span.tool_use_id is not None:
            ids = captured[span.tool_use_id]
            ids[span.span_id] = ids.get(span.span_id, False) or span.source is not Source.STATED
    if not captured:
        return {}
    for row in connection.execute(_OF_TOOL_USES, {"tool_use_ids": json.dumps(sorted(captured))}):
        ids = captured[row["tool_use_id"]]
        ids[row["span_id"]] = ids.get(row["span_id"], False) or row["source"] != Source.STATED
    twins: dict[str, str] = {}
    for ids in captured.values():
        holder = min((span_id for span_id, is_captured in ids.items() if is_captured), default=None)
        if holder is not None:
            twins |= {span_id: holder for span_id, is_captured in ids.items() if not is_captured}
    return twins


def _renamed(batch: Batch, names: Mapping[str, str]) -> Batch:
    if not names:
        return batch
    return replace(
        batch,
        spans=[_renamed_span(span, names) for span in batch.spans],
        rewards=[_renamed_reward(reward, names) for reward in batch.rewards],
    )


def _renamed_span(span: Span, names: Mapping[str, str]) -> Span:
    parent = span.parent_span_id
    changes = {"span_id": names.get(span.span_id, span.span_id), "parent_span_id": names.get(parent or "", parent)}
    return span.model_copy(update=changes)


def _renamed_reward(reward: Reward, names: Mapping[str, str]) -> Reward:
    return reward.model_copy(update={"span_id": names.get(reward.span_id or "", reward.span_id)})
