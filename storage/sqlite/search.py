"""Words of delegations: the full-text index beside the spans."""

import sqlite3
from collections.abc import Iterable
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
_MERGE_PAGES: Final = 500  # some milliseconds
_SPLITTER: Final = (
    "create virtual table given using fts5 (words)",
    "create virtual table word using fts5vocab (given, 'row')",
)
_SPLIT: Final = "insert into given (words) values (:words)"
_WORDS: Final = "select term from word order by term"


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


def expression(words: str) -> str | None:
    """Every word of `words`, each of which must occur; None where there is no word in it.

    The words are split by the index's own rules, which no code of ours follows in every script. So nothing that a
    stranger writes can be read as an operator of the query language, nor as a phrase, which this index does not keep.
    """
    splitter = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statement in _SPLITTER:
            splitter.execute(statement)
        splitter.execute(_SPLIT, {"words": well_formed(words)})
        found = [term for (term,) in splitter.execute(_WORDS)]
    finally:
        splitter.close()
    return " ".join(f'"{word}"' for word in found) or None


def _entry(number: int, span: Span) -> dict[str, int | str] | None:
    task, output = heads(span)
    return {"rowid": number, "task": task, "output": output} if task or output else None
