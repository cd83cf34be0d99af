"""Lessons in SQLite: judged delegations, one by one and summed up, true after whatever changes a span or a reward.

A lesson follows from the row of its span; whoever changes spans tells which of them were or are judged. All sums are
of whole numbers, so nothing drifts. Numbers and epochs are the only things that the spans do not tell.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from storage.fields import well_formed
from storage.lessons import ArmState, Learned
from storage.outcomes import SUCCESS_FROM, TIER_OF, tier
from storage.sqlite import lesson_words, rows
from storage.sqlite.rollups import DAY_US, MICRO
from storage.vocabulary import SpanKind, Tier

ARM: Final = ("agent_type", "model")
SUM_KEY: Final = ("day", *ARM, "task_type", "complexity", "epoch")
SUMS: Final = tuple(f"{tier}_{what}" for tier in Tier for what in ("n", "reward", "success_n"))
_SAME: Final = ("span_id", *ARM, "agent_version", "complexity", "reward", "tool_call_count")
"""Columns that lessons and spans have in common."""
_COLUMNS: Final = (*_SAME, "task_type", "day", "source", "epoch")
PLACE: Final = {tier: place * 3 for place, tier in enumerate(Tier)}
"""Where those of a tier begin among `SUMS`."""
_AT_ONCE: Final = 2_000

_SPANS: Final = """
    select * from span join span_text using (id) where span_id in (select value from json_each(:span_ids))
    order by coalesce(ended_us, started_us), span_id
"""
_JUDGED: Final = """
    select span_id from span
    where kind = 'delegation' and reward is not null
        and not exists (select 1 from lesson where lesson.span_id = span.span_id)
    order by coalesce(ended_us, started_us), span_id
"""
_HELD: Final = "select * from lesson where span_id in (select value from json_each(:span_ids)) order by number"
_AFTER: Final = "select number, span_id from lesson where number > :number order by number limit :limit"
_ALL: Final = "select * from lesson order by number"
_NUMBERED: Final = "select * from lesson where number in (select value from json_each(:numbers)) order by number"
_INSERT: Final = f"insert into lesson ({', '.join(_COLUMNS)}) values ({', '.join(f':{name}' for name in _COLUMNS)})"
_UPDATE: Final = f"update lesson set {', '.join(f'{name} = :{name}' for name in _COLUMNS)} where number = :number"
_DELETE: Final = "delete from lesson where number = :number"
_RENAME: Final = "update lesson set span_id = :captured where span_id = :stated"
_SUM: Final = f"select id from lesson_sum where {' and '.join(f'{name} is :{name}' for name in SUM_KEY)}"
_NEW_SUM: Final = f"""
    insert into lesson_sum ({", ".join((*SUM_KEY, *SUMS))}) values ({", ".join(f":{n}" for n in (*SUM_KEY, *SUMS))})
"""
_ADD_SUM: Final = f"update lesson_sum set {', '.join(f'{name} = {name} + :{name}' for name in SUMS)} where id = :id"
_DELETE_EMPTY: Final = f"delete from lesson_sum where id = :id and {' + '.join(f'{tier}_n' for tier in Tier)} = 0"
_DELETE_SUMS: Final = "delete from lesson_sum"
_ARM: Final = f"select id, epoch from lesson_arm where {' and '.join(f'{name} is :{name}' for name in ARM)}"
_NEW_ARM: Final = """
    insert into lesson_arm (agent_type, model, agent_version, epoch, shortfall, since_alarm)
    values (:agent_type, :model, :agent_version, :epoch, :shortfall, :since_alarm)
"""
_SET_ARM: Final = """
    update lesson_arm set
        agent_version = :agent_version, epoch = :epoch, shortfall = :shortfall, since_alarm = :since_alarm
    where id = :id
"""
_CHANGED: Final = "update lesson_state set version = version + 1"
_LEARNED: Final = """
    update lesson_state set version = version + 1, learned_through = :through where learned_through = :before
"""
_IS_BUILT: Final = "select built from lesson_state"
_SET_BUILT: Final = "update lesson_state set built = 1, version = version + 1"

Row = sqlite3.Row | Mapping[str, Any]


def settle(connection: sqlite3.Connection, span_ids: Iterable[str]) -> None:
    """Make the lessons of these spans true, whatever was done to them; inside the transaction that did it.

    Args:
        connection: inside a transaction.
        span_ids: ids of all spans that were judged before, or are now.
    """
    wanted = sorted(span_ids)
    sums = _Sums()
    if wanted and _settle(connection, {"span_ids": json.dumps(wanted)}, sums):
        sums.write(connection)
        connection.execute(_CHANGED)


def adopt(connection: sqlite3.Connection, stated: str, captured: str) -> None:
    """Give the lesson of a stated delegation, if it has one, to the capture of the same delegation."""
    names = {"stated": stated, "captured": captured}
    held = {row["span_id"]: row for row in connection.execute(_HELD, {"span_ids": json.dumps([stated, captured])})}
    if stated not in held:
        return
    if captured in held:
        sums = _Sums()
        _withdraw(connection, held[stated], sums)
        sums.write(connection)
    else:
        connection.execute(_RENAME, names)
    connection.execute(_CHANGED)


def learn(connection: sqlite3.Connection, before: int, learned: Learned, epochs: Mapping[int, float]) -> bool:
    """Remember what was learned; False where others learned meanwhile."""
    if connection.execute(_LEARNED, {"before": before, "through": learned.through}).rowcount == 0:
        return False
    for arm in learned.arms:
        _set_arm(connection, arm)
    sums = _Sums()
    for held in connection.execute(_NUMBERED, {"numbers": json.dumps(sorted(epochs))}).fetchall():
        lesson = {**dict(held), "epoch": float(epochs[held["number"]])}
        if lesson["epoch"] != held["epoch"]:
            sums.count(held, -1)
            sums.count(lesson, 1)
            connection.execute(_UPDATE, lesson)
    sums.write(connection)
    return True


def is_built(connection: sqlite3.Connection) -> bool:
    """Whether what was judged before there were lessons has been looked through."""
    return bool(connection.execute(_IS_BUILT).fetchone()[0])


def build(connection: sqlite3.Connection) -> None:
    """Look through what was judged before there were lessons, unless that was done; inside a transaction."""
    if not is_built(connection):
        rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make all lessons anew from the spans; those that stay keep number and epoch. Inside a transaction."""
    lesson_words.forget_all(connection)
    connection.execute(_DELETE_SUMS)
    number = 0
    while found := connection.execute(_AFTER, {"number": number, "limit": _AT_ONCE}).fetchall():
        # Sums that are to be forgotten anyhow.
        _settle(connection, {"span_ids": json.dumps([row["span_id"] for row in found])}, _Sums())
        number = found[-1]["number"]
    judged = [row["span_id"] for row in connection.execute(_JUDGED)]
    for start in range(0, len(judged), _AT_ONCE):
        _settle(connection, {"span_ids": json.dumps(judged[start : start + _AT_ONCE])}, _Sums())
    sums = _Sums()
    for row in connection.execute(_ALL):
        sums.count(row, 1)
    sums.write(connection)
    connection.execute(_SET_BUILT)


def _settle(connection: sqlite3.Connection, wanted: Mapping[str, str], sums: "_Sums") -> bool:
    """Make these lessons true, and tell the sums; whether anything changed."""
    held: dict[str, Row] = {row["span_id"]: row for row in connection.execute(_HELD, wanted)}
    changed = False
    for span in connection.execute(_SPANS, wanted).fetchall():
        facts = _facts(span)
        if facts is not None:
            changed |= _keep(connection, held.pop(span["span_id"], None), facts, sums)
    for gone in held.values():
        _withdraw(connection, gone, sums)
    lesson_words.forget_old(connection)
    return changed or bool(held)


def _facts(span: sqlite3.Row) -> dict[str, Any] | None:
    """What a span teaches; None where it teaches nothing."""
    if tier(span["reward_source"], span["status"]) is None or span["kind"] != SpanKind.DELEGATION:
        return None
    ended_us = span["started_us"] if span["ended_us"] is None else span["ended_us"]
    same = {name: span[name] for name in (*_SAME, "task")}
    task_type = span["task_type"] or span["guessed_type"]
    return {**same, "task_type": task_type, "day": ended_us // DAY_US, "source": span["reward_source"]}


def _keep(connection: sqlite3.Connection, held: Row | None, facts: Mapping[str, Any], sums: "_Sums") -> bool:
    """One lesson as its span has it now; whether that is new."""
    if held is not None and _is_same_arm(held, facts):
        lesson = {**facts, "epoch": held["epoch"]}
    else:
        arm = connection.execute(_ARM, {name: facts[name] for name in ARM}).fetchone()
        lesson = {**facts, "epoch": 0.0 if arm is None else arm["epoch"]}
    changed = held is None or any(held[name] != lesson[name] for name in _COLUMNS)
    if held is None:
        number = int(connection.execute(_INSERT, lesson).lastrowid or 0)
    else:
        number = held["number"]
        if changed:
            connection.execute(_UPDATE, {**lesson, "number": number})
            sums.count(held, -1)
    if changed:
        sums.count(lesson, 1)
    with rows.reading("the task of a span"):
        task = rows.unpack(facts["task"])
    return lesson_words.put(connection, number, task) or changed


def _is_same_arm(one: Row, other: Row) -> bool:
    return all(one[name] == other[name] for name in ARM)


def _withdraw(connection: sqlite3.Connection, held: Row, sums: "_Sums") -> None:
    lesson_words.forget(connection, held["number"])
    connection.execute(_DELETE, {"number": held["number"]})
    sums.count(held, -1)


def _set_arm(connection: sqlite3.Connection, arm: ArmState) -> None:
    values = {
        "agent_type": well_formed(arm.agent_type),
        "model": None if arm.model is None else well_formed(arm.model),
        "agent_version": None if arm.agent_version is None else well_formed(arm.agent_version),
        "epoch": float(arm.epoch),
        "shortfall": float(arm.shortfall),
        "since_alarm": arm.since_alarm,
    }
    held = connection.execute(_ARM, values).fetchone()
    if held is None:
        connection.execute(_NEW_ARM, values)
    else:
        connection.execute(_SET_ARM, {**values, "id": held["id"]})


class _Sums:
    """What becomes of the sums through some changes of lessons, before it is written."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * len(SUMS))

    def count(self, lesson: Row, sign: int) -> None:
        """One lesson more, or one less."""
        sums = self._found[tuple(lesson[name] for name in SUM_KEY)]
        place = PLACE[TIER_OF[lesson["source"]]]
        reward = lesson["reward"]
        for offset, value in enumerate((1, round(reward * MICRO), int(reward >= SUCCESS_FROM))):
            sums[place + offset] += sign * value

    def write(self, connection: sqlite3.Connection) -> None:
        """Make the sums true."""
        for key, sums in self._found.items():
            if not any(sums):
                continue
            values = dict(zip((*SUM_KEY, *SUMS), (*key, *sums), strict=True))
            held = connection.execute(_SUM, values).fetchone()
            if held is None:
                connection.execute(_NEW_SUM, values)
            else:
                connection.execute(_ADD_SUM, {**values, "id": held["id"]})
                connection.execute(_DELETE_EMPTY, {"id": held["id"]})
