"""Rewards in SQLite, and what they make of the outcome of their spans."""

import itertools
import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.fields import well_formed
from storage.outcomes import OVERALL, holding, outcome
from storage.queries import Target
from storage.records import Reward
from storage.sqlite import rows
from storage.sqlite.costs import Step

_HELD: Final = """
    select * from reward where reward_id in (select value from json_each(:reward_ids)) order by reward_id
"""
_PUT: Final = """
    insert or replace into reward (reward_id, span_id, session_id, name, value, source, reason, given_us)
    values (:reward_id, :span_id, :session_id, :name, :value, :source, :reason, :given_us)
"""
_BEGINNING: Final = """
    select * from reward where reward_id >= :beginning and reward_id < :end order by reward_id
"""
_LAST: Final = "\U0010ffff"
_REMOVE: Final = "delete from reward where reward_id = :reward_id"
_OF_SPAN: Final = """
    select * from reward where span_id = coalesce((select held_as from twin where span_id = :id), :id)
    order by given_us desc, reward_id
"""
_OF_SESSION: Final = """
    select * from reward
    where session_id = :id or span_id in (select span_id from span where session_id = :id and kind = 'session')
    order by given_us desc, reward_id
"""
# A session's own span is judged by what is said of the session.
_JUDGEMENTS: Final = """
    select span.span_id as judged_id, reward.* from span join reward on reward.span_id = span.span_id
    where span.span_id in (select value from json_each(:span_ids)) and reward.name = :name
    union all
    select span.span_id as judged_id, reward.* from span join reward on reward.session_id = span.session_id
    where span.span_id in (select value from json_each(:span_ids)) and span.kind = 'session' and reward.name = :name
    order by judged_id, reward_id
"""
_SESSION_SPANS: Final = """
    select span_id from span
    where session_id in (select value from json_each(:session_ids)) and kind = 'session'
    order by span_id
"""
_JUDGED: Final = """
    select span_id, reward from span
    where span_id in (select value from json_each(:span_ids)) order by span_id
"""
_WHOLE: Final = "select * from span where span_id = :span_id"
_SET: Final = """
    update span set reward = :reward, reward_source = :reward_source, outcome = :outcome where span_id = :span_id
"""


@dataclass(frozen=True, slots=True)
class Judging:
    """What adding rewards did: whether each one is new, and those that came or went."""

    new: list[bool]
    changed: list[Reward]


def add(connection: sqlite3.Connection, rewards: Sequence[Reward]) -> Judging:
    """Keep rewards. Of two under one id the earlier given one stays, whichever comes first."""
    done = Judging([], [])
    if not rewards:
        return done
    wanted = {"reward_ids": json.dumps(sorted(reward.reward_id for reward in rewards))}
    held = {row["reward_id"]: rows.reward_of(row) for row in connection.execute(_HELD, wanted)}
    for reward in rewards:
        before = held.get(reward.reward_id)
        done.new.append(before is None)
        if before is None or _age(reward) < _age(before):
            connection.execute(_PUT, rows.reward_row(reward))
            held[reward.reward_id] = reward
            done.changed.extend([reward] if before is None else [before, reward])
    return done


def reconsider(connection: sqlite3.Connection, beginnings: Iterable[str], rewards: Sequence[Reward]) -> list[Reward]:
    """Remove the rewards whose ids begin so and that are not among these; the removed ones."""
    stay = {reward.reward_id: reward for reward in rewards}
    gone: list[Reward] = []
    for beginning in sorted(set(beginnings)):
        wanted = {"beginning": beginning, "end": beginning + _LAST}
        held = [rows.reward_of(row) for row in connection.execute(_BEGINNING, wanted)]
        gone += [reward for reward in held if stay.get(reward.reward_id) != reward]
    connection.executemany(_REMOVE, [{"reward_id": reward.reward_id} for reward in gone])
    return gone


def _age(reward: Reward) -> tuple[datetime, str]:
    return reward.given_at, repr(reward)


def judged_by(connection: sqlite3.Connection, rewards: Iterable[Reward]) -> set[str]:
    """Ids of the spans whose outcome these rewards may change."""
    rewards = list(rewards)
    sessions = sorted({reward.session_id for reward in rewards if reward.session_id is not None})
    spans = {reward.span_id for reward in rewards if reward.span_id is not None}
    if sessions:
        found = connection.execute(_SESSION_SPANS, {"session_ids": json.dumps(sessions)})
        spans |= {row["span_id"] for row in found}
    return spans


def settle(connection: sqlite3.Connection, span_ids: Iterable[str]) -> list[Step]:
    """Make reward, source and outcome of these spans true; returns what was done to those that were judged anew."""
    wanted = {"span_ids": json.dumps(sorted(span_ids)), "name": OVERALL}
    found = itertools.groupby(connection.execute(_JUDGEMENTS, wanted), key=lambda row: str(row["judged_id"]))
    judgements = {span_id: holding(rows.reward_of(row) for row in judging) for span_id, judging in found}
    steps: list[Step] = []
    for row in connection.execute(_JUDGED, wanted).fetchall():
        held = judgements.get(row["span_id"])
        if held is None and row["reward"] is None:
            continue
        value, source = (None, None) if held is None else (held.value, held.source)
        before = rows.span_of(connection.execute(_WHOLE, {"span_id": row["span_id"]}).fetchone(), texts=False)
        judged = {"reward": value, "reward_source": source, "outcome": outcome(before.status, value, source)}
        connection.execute(_SET, {"span_id": before.span_id, **judged})
        steps.append(Step(before, before.model_copy(update=judged)))
    return steps


def one(connection: sqlite3.Connection, reward_id: str) -> Reward | None:
    """The reward of this id."""
    row = connection.execute(_HELD, {"reward_ids": json.dumps([well_formed(reward_id)])}).fetchone()
    return None if row is None else rows.reward_of(row)


def of_target(connection: sqlite3.Connection, target: Target) -> list[Reward]:
    """All rewards of a span, or of a session as a whole, newest first."""
    statement, target_id = (_OF_SESSION, target.session_id) if target.span_id is None else (_OF_SPAN, target.span_id)
    return [rows.reward_of(row) for row in connection.execute(statement, {"id": well_formed(target_id)})]
