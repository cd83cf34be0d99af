"""Words of the tasks of the newest lessons, in an index of their own."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.lessons import Vocabulary
from storage.sqlite import rows, search
from storage.sqlite.common_words import CommonWords, Indexed, generation
from storage.words import HEAD, task_words

KEPT: Final = 20_000
"""So many lessons, counted back from the newest number, are found by their words."""

_HELD: Final = "select words, length from lesson_text where number = :number"
_REMEMBER: Final = (
    "insert into lesson_text (number, length, words) values (:number, :length, :packed)",
    "insert into lesson_words (rowid, words) values (:number, :words)",
)
_FORGET: Final = (
    "insert into lesson_words (lesson_words, rowid, words) values ('delete', :number, :words)",
    "delete from lesson_text where number = :number",
)
_FORGET_ALL: Final = (
    "insert into lesson_words (lesson_words) values ('delete-all')",
    "delete from lesson_text",
    "update lesson_state set text_n = 0, text_length = 0",
)
_COUNT: Final = "update lesson_state set text_n = text_n + :n, text_length = text_length + :length"
_NEWEST: Final = "select seq from sqlite_sequence where name = 'lesson'"
_OLD: Final = "select number from lesson_text where number <= :number order by number"
_TOTAL: Final = "select text_n, text_length from lesson_state"
_FREQUENCIES: Final = """
    select term, doc from json_each(:words) as word join lesson_vocabulary on term = word.value order by word.key
"""
_HOLDING: Final = "select rowid from lesson_words where lesson_words match :words order by rowid desc limit :limit"


def put(connection: sqlite3.Connection, number: int, task: str | None) -> bool:
    """Make the words of a lesson true; inside a transaction. Whether they were not."""
    found = [] if task is None or number <= _oldest(connection) else task_words(task[:HEAD])
    words = " ".join(found)
    held = connection.execute(_HELD, {"number": number}).fetchone()
    if held is not None:
        if _unpacked(held["words"]) == words:
            return False
        forget(connection, number)
    if not found:
        return held is not None
    entry = {"number": number, "length": len(found), "words": words, "packed": rows.pack(words)}
    for statement in _REMEMBER:
        connection.execute(statement, entry)
    connection.execute(_COUNT, {"n": 1, "length": len(found)})
    return True


def forget(connection: sqlite3.Connection, number: int) -> None:
    """Take the words of a lesson out again, where it has some."""
    held = connection.execute(_HELD, {"number": number}).fetchone()
    if held is None:
        return
    for statement in _FORGET:
        connection.execute(statement, {"number": number, "words": _unpacked(held["words"])})
    connection.execute(_COUNT, {"n": -1, "length": -held["length"]})


def forget_old(connection: sqlite3.Connection) -> None:
    """Let go of the words of lessons that are no longer among the newest."""
    for row in connection.execute(_OLD, {"number": _oldest(connection)}).fetchall():
        forget(connection, row["number"])


def forget_all(connection: sqlite3.Connection) -> None:
    """Let go of all words."""
    for statement in _FORGET_ALL:
        connection.execute(statement)


def vocabulary(connection: sqlite3.Connection, words: Sequence[str], common: CommonWords) -> Vocabulary:
    """How rare these words are among those that are indexed."""
    row = connection.execute(_TOTAL).fetchone()
    total = row["text_n"]
    indexed = Indexed(total, newest=_newest(connection), numbers=total, generation=generation(connection))
    return Vocabulary(
        total=total,
        mean_length=row["text_length"] / total if total else 0.0,
        frequencies=common.frequencies(connection, _FREQUENCIES, words, indexed),
    )


def holding(connection: sqlite3.Connection, words: Sequence[str], limit: int) -> dict[int, str]:
    """Numbers of lessons that hold any of these words, best match first, with the words that they have."""
    known = dict.fromkeys(part for word in words for part in task_words(word))
    best = search.best(connection, _HOLDING, {word: f'"{word}"' for word in known})[:limit]
    texts: dict[int, str] = {}
    for number in best:
        held = connection.execute(_HELD, {"number": number}).fetchone()
        if held is not None:
            texts[number] = _unpacked(held["words"])
    return texts


def _oldest(connection: sqlite3.Connection) -> int:
    """Words of lessons with this number or a lower one are not kept."""
    return _newest(connection) - KEPT


def _newest(connection: sqlite3.Connection) -> int:
    row = connection.execute(_NEWEST).fetchone()
    return int(row["seq"]) if row else 0


def _unpacked(blob: bytes) -> str:
    with rows.reading("the words of a lesson"):
        return rows.unpack(blob) or ""
