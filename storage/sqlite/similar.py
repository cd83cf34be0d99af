"""Delegations whose tasks may resemble another: by the full-text index, which knows the heads of outputs as well."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from storage.lessons import TaskHead, Vocabulary
from storage.queries import SpanFilter
from storage.sqlite import conditions, rows, search
from storage.sqlite.common_words import CommonWords, Indexed, generation
from storage.words import HEAD

_FREQUENCIES: Final = """
    select term, doc from json_each(:words) as word join span_vocabulary on term = word.value order by word.key
"""
_HOLDING: Final = "select rowid from span_words where span_words match :words order by rowid desc limit :limit"
_MATCHING: Final = "select id from span where id in (select value from json_each(:ids)) and "
_TASKS: Final = """
    select id, span_id, task from span join span_text using (id) where id in (select value from json_each(:ids))
"""
# Two look-ups; asked for both at once, SQLite walks through the table.
_NUMBERS: Final = "select (select min(id) from span_words_docsize), (select max(id) from span_words_docsize)"
# FTS5 keeps here, for its own ranking, how many texts there are and how many words each of their columns has in all:
# see "averages record" in fts5_index.c. To add them up would take as long as there are texts.
_AVERAGES: Final = "select block from span_words_data where id = 1"


def vocabulary(connection: sqlite3.Connection, words: Sequence[str], common: CommonWords) -> Vocabulary:
    """How rare these words are in the tasks and outputs that are indexed.

    A word that the index knows as several is as rare as the rarest of them.
    """
    parts = search.parts_of(words)
    total, task_words = _averages(connection)
    asked = sorted({part for some in parts.values() for part in some})
    found = common.frequencies(connection, _FREQUENCIES, asked, _indexed(connection, total))
    frequencies = {word: min(found.get(part, 0) for part in some) for word, some in parts.items()}
    return Vocabulary(
        total=total,
        mean_length=task_words / total if total else 0.0,
        frequencies={word: n for word, n in frequencies.items() if n},
    )


def holding(connection: sqlite3.Connection, words: Sequence[str], question: SpanFilter, limit: int) -> list[TaskHead]:
    """Delegations that match and that hold any of these words, best match first."""
    expressions = {word: search.all_of(parts) for word, parts in search.parts_of(words).items()}
    found = search.best(connection, _HOLDING, expressions)
    best = _matching(connection, found[:limit], question)
    if len(best) < limit:
        best += _matching(connection, found[limit:], question)[: limit - len(best)]
    found_tasks = {row["id"]: row for row in connection.execute(_TASKS, {"ids": json.dumps(best)})}
    with rows.reading("the task of a delegation"):
        return [_task_head(found_tasks[number]) for number in best]


def _matching(connection: sqlite3.Connection, numbers: Sequence[int], question: SpanFilter) -> list[int]:
    """Those of these delegations that match, in their order."""
    condition, parameters = conditions.where(question)
    found = connection.execute(_MATCHING + condition, {**parameters, "ids": json.dumps(numbers)})
    matching = {row["id"] for row in found}
    return [number for number in numbers if number in matching]


def _task_head(row: sqlite3.Row) -> TaskHead:
    return TaskHead(row["span_id"], rows.unpack_head(row["task"], HEAD) or "")


def _indexed(connection: sqlite3.Connection, total: int) -> Indexed:
    oldest, newest = connection.execute(_NUMBERS).fetchone()
    numbers = newest - oldest + 1 if newest else 0
    return Indexed(total, newest=newest or 0, numbers=numbers, generation=generation(connection))


def _averages(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many texts are indexed, and how many words their tasks have in all."""
    row = connection.execute(_AVERAGES).fetchone()
    if row is None or not row["block"]:
        return 0, 0
    with rows.reading("the averages of the full-text index"):
        values = _varints(row["block"])
        return next(values, 0), next(values, 0)


def _varints(block: bytes) -> Iterator[int]:
    """Numbers as SQLite writes them: seven bits a byte, the highest first; a ninth byte would have eight."""
    value = 0
    for byte in block:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            yield value
            value = 0
