"""Frequencies of words that many texts hold: an index counts them by walking through all of these."""

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from storage.sqlite import search

_STALE_ONE_IN: Final = 50
_FEW: Final = 200
"""Words of so many texts are counted each time, however many texts there are."""


class Indexed(NamedTuple):
    """The texts of a full-text index, as far as it takes no walk through them."""

    total: int
    newest: int
    """The highest of their numbers."""
    numbers: int
    """So many numbers lie between the lowest and the highest, or as many as there are texts."""


class CommonWords:
    """Remembers the frequencies of common words until one text in fifty is another.

    A word is common when one text in fifty holds it. So what is remembered is off by no more than such a share of the
    texts, and words by which texts are found, the rare ones, are always counted as they are.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._counted_at = Indexed(0, 0, 0)

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
        known = self._current(indexed)
        asked = search.as_array(word for word in words if word not in known)
        found = {row["term"]: int(row["doc"]) for row in connection.execute(statement, {"words": asked})}
        frequencies = found | {word: known[word] for word in words if word in known}
        least = max(_FEW, indexed.total // _STALE_ONE_IN)
        known.update((word, n) for word, n in found.items() if n >= least)
        return frequencies

    def _current(self, indexed: Indexed) -> dict[str, int]:
        counted = self._counted_at
        moved = abs(indexed.newest - counted.newest) * _STALE_ONE_IN > indexed.numbers
        if moved or abs(indexed.total - counted.total) * _STALE_ONE_IN > indexed.total:
            self._known, self._counted_at = {}, indexed
        return self._known
