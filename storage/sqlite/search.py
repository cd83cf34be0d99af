"""Words of delegations: the full-text index beside the spans."""

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from storage.fields import well_formed
from storage.records import Span
from storage.vocabulary import SpanKind

TASK_HEAD: Final = 16_384
OUTPUT_HEAD: Final = 8_192

_REMEMBER: Final = "insert into span_words (rowid, task, output) values (:rowid, :task, :output)"
# A contentless index forgets only what it is told once more.
_FORGET: Final = "insert into span_words (span_words, rowid, task, output) values ('delete', :rowid, :task, :output)"
_MERGE: Final = "insert into span_words (span_words, rank) values ('merge', :pages)"
_POSTINGS: Final = 5_000
"""So many texts are looked at for one word, the newest ones."""
_MERGE_PAGES: Final = 500  # some milliseconds
_HOLDING: Final = "select count(*) from span_words where span_words match :words"
_MORE_HOLDING: Final = "select 1 from span_words where span_words match :words limit 1 offset :n"
_SPLITTER: Final = (
    "create virtual table given using fts5 (words)",
    "create virtual table word using fts5vocab (given, 'instance')",
)
_SPLIT: Final = "insert into given (rowid, words) values (?, ?)"
_PARTS: Final = "select doc, term from word order by doc, offset"


def heads(span: Span) -> tuple[str, str]:
    """What is indexed of a span's task and output, in characters from the start."""
    if span.kind is not SpanKind.DELEGATION:
        return "", ""
    return (span.task or "")[:TASK_HEAD], (span.output or "")[:OUTPUT_HEAD]


def remember(connection: sqlite3.Connection, numbered: Iterable[tuple[int, Span]]) -> None:
    """Index the words of these spans under their row numbers."""
    connection.executemany(_REMEMBER, (entry for entry in (_entry(number, span) for number, span in numbered) if entry))


def forget(connection: sqlite3.Connection, number: int, span: Span) -> None:
    """Take the words of a span, exactly as they were indexed, out again."""
    if entry := _entry(number, span):
        connection.execute(_FORGET, entry)


def tidy(connection: sqlite3.Connection, *, begin: bool) -> bool:
    """Merge a part of the index, so that forgotten words take no room any longer.

    Args:
        connection: inside a transaction.
        begin: whether this is the first part.

    Returns:
        Whether there is more to merge.
    """
    before = connection.total_changes
    connection.execute(_MERGE, {"pages": -_MERGE_PAGES if begin else _MERGE_PAGES})
    # The command itself counts as one; see "The 'merge' command" in the documentation of FTS5.
    return connection.total_changes - before > 1


def how_many_hold(connection: sqlite3.Connection, words: str) -> int:
    """How many delegations hold all of these words."""
    wanted = expression(words)
    return 0 if wanted is None else int(connection.execute(_HOLDING, {"words": wanted}).fetchone()[0])


def more_hold(connection: sqlite3.Connection, words: str, n: int) -> bool:
    """Whether more than `n` delegations hold all of these words; no more of them are looked at."""
    wanted = expression(words)
    return wanted is not None and connection.execute(_MORE_HOLDING, {"words": wanted, "n": n}).fetchone() is not None


def expression(words: str) -> str | None:
    """Every word of `words`, each of which must occur; None where there is no word in it.

    The words are split by the index's own rules, which no code of ours follows in every script. So nothing that a
    stranger writes can be read as an operator of the query language, nor as a phrase, which this index does not keep.
    """
    parts = parts_of([words])
    return all_of(sorted(parts[words])) if parts else None


def parts_of(words: Iterable[str]) -> dict[str, list[str]]:
    """The different words that the index makes of each of these, in their order; those in which it finds none go."""
    asked = dict.fromkeys(words)
    # Nothing is to be split in these, and most words are such.
    plain = {word: [word.lower()] for word in asked if word.isascii() and word.isalnum()}
    others = [word for word in asked if word not in plain]
    return plain | _split(others) if others else plain


def _split(words: Sequence[str]) -> dict[str, list[str]]:
    splitter = sqlite3.connect(":memory:", isolation_level=None)
    parts: defaultdict[str, dict[str, None]] = defaultdict(dict)
    try:
        for statement in _SPLITTER:
            splitter.execute(statement)
        numbered = dict(enumerate(words, start=1))
        splitter.executemany(_SPLIT, ((number, well_formed(word)) for number, word in numbered.items()))
        for number, term in splitter.execute(_PARTS):
            parts[numbered[number]][term] = None
    finally:
        splitter.close()
    return {word: list(found) for word, found in parts.items()}


def all_of(parts: Iterable[str]) -> str:
    """What matches texts with all of these words, which are as the index has them; at least one."""
    return " ".join(f'"{part}"' for part in parts)


def best(connection: sqlite3.Connection, statement: str, words: Mapping[str, str]) -> list[int]:
    """Numbers of texts that hold any of some words: those that hold more and rarer ones first, then the newest.

    Args:
        connection: for reading.
        statement: selects the newest `limit` numbers that match the expression `words`.
        words: each word as an expression. Their order does not matter.
    """
    scores: defaultdict[int, float] = defaultdict(float)
    for expression in words.values():
        found = connection.execute(statement, {"words": expression, "limit": _POSTINGS}).fetchall()
        for row in found:
            scores[row["rowid"]] += math.log1p(_POSTINGS / len(found))
    return sorted(scores, key=lambda number: (-scores[number], -number))


def as_array(words: Iterable[str]) -> str:
    """A JSON array of texts, as a parameter of a statement."""
    return json.dumps([well_formed(word) for word in words])


def _entry(number: int, span: Span) -> dict[str, int | str] | None:
    task, output = heads(span)
    return {"rowid": number, "task": task, "output": output} if task or output else None
