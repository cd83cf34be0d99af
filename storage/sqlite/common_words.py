"""Frequencies of words that many texts hold: an index counts them by walking through all of these."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from storage.sqlite import search

Texts = Literal["delegation", "lesson"]

_STALE_ONE_IN: Final = 50
_FEW: Final = 200
"""Words of so many texts are counted each time, however many texts there are."""
_HELD: Final = """
    select common_word.word, n, total, newest from json_each(:words) as asked
    join common_word on texts = :texts and common_word.word = asked.value
"""
_GENERATION: Final = "select number from common_word_generation"
_FORGET: Final = ("delete from common_word", "update common_word_generation set number = random()")
_KEEP: Final = """
    insert into common_word (texts, word, n, total, newest) values (:texts, :word, :n, :total, :newest)
    on conflict (texts, word) do update set n = excluded.n, total = excluded.total, newest = excluded.newest
"""


class Indexed(NamedTuple):
    """The texts of a full-text index, as far as it takes no walk through them."""

    total: int
    newest: int
    """The highest of their numbers."""
    numbers: int
    """So many numbers lie between the lowest and the highest, or as many as there are texts."""
    generation: int
    """See `generation`."""


class Counted(NamedTuple):
    """How many texts held a word."""

    n: int
    total: int
    """Texts that there were then."""
    newest: int
    """The highest of their numbers."""
    generation: int
    """The one in which it was counted."""

    def holds(self, indexed: Indexed) -> bool:
        """Whether no more than one text in fifty is another since."""
        if self.generation != indexed.generation:
            return False
        moved, grown = abs(indexed.newest - self.newest), abs(indexed.total - self.total)
        return moved * _STALE_ONE_IN <= indexed.numbers and grown * _STALE_ONE_IN <= indexed.total


def generation(connection: sqlite3.Connection) -> int:
    """Another number after every removal, and for every file: row numbers and totals may be what they were before."""
    return int(connection.execute(_GENERATION).fetchone()[0])


def forget(connection: sqlite3.Connection) -> None:
    """Let nobody know a word any longer, nor bring one back; inside the transaction that removes texts."""
    for statement in _FORGET:
        connection.execute(statement)


class CommonWords:
    """Remembers the frequencies of common words until one text in fifty is another; the database does so for others.

    A word is common when one text in fifty holds it. So what is remembered is off by no more than such a share of the
    texts, and words by which texts are found, the rare ones, are always counted as they are.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts: Final = texts
        self._known: dict[str, Counted] = {}
        # Made anew and never changed: the thread that writes walks through it while the one that reads counts on.
        self._unsaved: Mapping[str, Counted] = {}

    def frequencies(
        self, connection: sqlite3.Connection, statement: str, words: Sequence[str], indexed: Indexed
    ) -> dict[str, int]:
        """In how many texts words are; those in none are left out.

        Args:
            connection: for reading.
            statement: selects `term` and `doc`, the frequency, of those of the JSON array `words` that are known.
            words: as the index has them.
            indexed: the texts as they are now.
        """
        self._recall(connection, words, indexed)
        known = {word: counted.n for word in words if (counted := self._known.get(word)) and counted.holds(indexed)}
        asked = search.as_array(word for word in words if word not in known)
        found = {row["term"]: int(row["doc"]) for row in connection.execute(statement, {"words": asked})}
        least = max(_FEW, indexed.total // _STALE_ONE_IN)
        learned = {
            word: Counted(n, indexed.total, indexed.newest, indexed.generation)
            for word, n in found.items()
            if n >= least
        }
        self._known |= learned
        self._unsaved = {**self._unsaved, **learned}
        return found | known

    @property
    def are_unsaved(self) -> bool:
        """Whether words were counted that others would have to count again."""
        return bool(self._unsaved)

    def save(self, connection: sqlite3.Connection) -> None:
        """Leave what was counted to other processes, unless texts were removed since; inside a transaction."""
        unsaved, self._unsaved = self._unsaved, {}
        now = generation(connection)
        connection.executemany(
            _KEEP,
            (
                {"texts": self._texts, "word": word, **counted._asdict()}
                for word, counted in unsaved.items()
                if counted.generation == now
            ),
        )

    def _recall(self, connection: sqlite3.Connection, words: Sequence[str], indexed: Indexed) -> None:
        """Know what others have counted, where it is needed."""
        unknown = [word for word in words if word not in self._known or not self._known[word].holds(indexed)]
        if unknown:
            held = connection.execute(_HELD, {"texts": self._texts, "words": search.as_array(unknown)})
            # What the database holds is of its own generation: the one before went with its words.
            self._known |= {
                row["word"]: Counted(row["n"], row["total"], row["newest"], indexed.generation) for row in held
            }
