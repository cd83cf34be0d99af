"""Words of a text, and runs of words: what is compared where it matters who said something first."""

import re
import zlib
from collections.abc import Sequence
from typing import Final

Shingle = tuple[str, ...]

SHINGLE_WORDS: Final = 3
STOP_WORDS: Final = frozenset({
    "the", "a", "an", "of", "to", "in", "and", "for", "please", "on", "at", "is", "are", "with", "from", "that", "this",
    "it", "by", "any", "or", "be", "as", "your", "you", "i", "we", "if", "not",
})  # fmt: skip
_WORD: Final = re.compile(r"[a-z0-9_.\-/]{2,}")


def words(text: str) -> list[str]:
    """Words, paths and numbers of two characters or more, lower case, in order."""
    return [found.strip(".-/") for found in _WORD.findall(text.lower())]


def ends(found: Sequence[str], limit: int) -> list[str]:
    """The first and the last words, `limit` >= 2 in all; all of them where they are no more."""
    if len(found) <= limit:
        return list(found)
    return [*found[: limit // 2], *found[-(limit // 2) :]]


def shingles(found: Sequence[str], keep_one_in: int = 1) -> list[Shingle]:
    """Runs of three words in order, with repetition; a shorter text is one run, an empty one none.

    Args:
        found: the words of a text.
        keep_one_in: m > 1 keeps the same m-th part of all runs in every text and every process.
    """
    if len(found) >= SHINGLE_WORDS:
        runs: list[Shingle] = list(zip(found, found[1:], found[2:], strict=False))
    else:
        runs = [tuple(found)] if found else []
    if keep_one_in <= 1:
        return runs
    # Not hash(): that of a str differs between processes, and the sample must not.
    return [run for run in runs if zlib.crc32(" ".join(run).encode()) % keep_one_in == 0]


def content(found: Sequence[str]) -> frozenset[str]:
    """The words that say what a text is about."""
    return frozenset(found) - STOP_WORDS


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's coefficient in [0, 1]: the part of all words that both have; 0 where there are none."""
    both = len(one & other)
    return both / max(1, len(one) + len(other) - both)
