"""How alike two task texts are: BM25 as SQLite's FTS5 computes it, over the score of the text with itself.

A store finds candidates by the rarest words and knows how many texts hold each word; what decides is here.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from storage.words import task_words

GATE: Final = 0.3
"""Texts that are no more alike than this have nothing to do with each other."""
SAME_TASK: Final = 0.6
"""From here on one text asks for what the other asked for."""
CANDIDATES: Final = 25
POSTINGS: Final = 2000
_TERMS: Final = 80
_RARE_TERMS: Final = 12
_CHARS: Final = 64 * 1024
_K1: Final = 1.2
_B: Final = 0.75
_LEAST_IDF: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Words:
    """A text as a bag of words."""

    counts: Mapping[str, int]
    """In the order of their first occurrence."""
    length: int


class Holding(NamedTuple):
    """A collection of texts."""

    total: int
    mean_length: float
    """In words."""
    frequencies: Mapping[str, int]
    """How many of the texts hold a word; those of the words that are asked about suffice."""


class Similar(NamedTuple):
    """A text that resembles another."""

    key: int
    similarity: float
    """In (0.3, 1]; 1 for an identical text."""


def words_of(text: str) -> Words:
    """The words of a text."""
    return counted(task_words(text[:_CHARS]))


def counted(found: Sequence[str]) -> Words:
    """Words that a text was split into before."""
    return Words(Counter(found), len(found))


def terms_of(words: Words) -> list[str]:
    """The words of a question that decide, and whose frequencies are looked up: the first 80."""
    return list(words.counts)[:_TERMS]


def rarest(terms: Iterable[str], frequencies: Mapping[str, int], postings: int | None = POSTINGS) -> list[str]:
    """The words by which to look for candidates, rarest first: at most 12.

    They end before their frequencies add up to more than `postings`, but one is always taken; so no question costs
    more than that many look-ups. Words that no text holds are left out.
    """
    known = sorted((frequencies.get(term, 0), term) for term in set(terms) if frequencies.get(term, 0) > 0)
    taken: list[str] = []
    total = 0
    for frequency, term in known[:_RARE_TERMS]:
        total += frequency
        if taken and postings is not None and total > postings:
            break
        taken.append(term)
    return taken


def similarity(asked: Words, held: Words, among: Holding) -> float:
    """How much of what is asked a text holds, in [0, 1]; 1 for an identical text. Not symmetric.

    BM25 with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza, "The probabilistic relevance framework: BM25 and beyond",
    2009) of the terms that are asked, over the score of what is asked with itself.
    """
    return _Asked(asked, among).similarity(held)


def most_similar(asked: Words, candidates: Mapping[int, Words], among: Holding, gate: float = GATE) -> list[Similar]:
    """The candidates above the gate, best first, then by key."""
    question = _Asked(asked, among)
    scored = (Similar(key, question.similarity(held)) for key, held in candidates.items())
    return sorted((one for one in scored if one.similarity > gate), key=lambda one: (-one.similarity, one.key))


class TextIndex:
    """Texts in memory, for replays and for short lists; keys are running numbers from 0."""

    def __init__(self) -> None:
        self._texts: list[Words] = []
        self._words_in_all = 0
        self._holders: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, text: str) -> int:
        """Remember a text; its key."""
        words = words_of(text)
        key = len(self._texts)
        self._texts.append(words)
        self._words_in_all += words.length
        for word in words.counts:
            self._holders[word].append(key)
        return key

    def similar(self, text: str, gate: float = GATE) -> list[Similar]:
        """Texts above the gate, best first."""
        asked = words_of(text)
        if not self._texts or not asked.counts:
            return []
        frequencies = {word: len(self._holders[word]) for word in terms_of(asked) if word in self._holders}
        among = Holding(len(self._texts), self._words_in_all / len(self._texts), frequencies)
        few = self._candidates(rarest(terms_of(asked), frequencies), among)
        return most_similar(asked, {key: self._texts[key] for key in few}, among, gate)

    def _candidates(self, terms: Sequence[str], among: Holding) -> list[int]:
        scores: defaultdict[int, float] = defaultdict(float)
        for term in terms:
            idf = _idf(term, among)
            for key in self._holders[term]:
                held = self._texts[key]
                scores[key] += idf * _saturated(held.counts[term], _damped(held.length / among.mean_length))
        return sorted(scores, key=lambda key: (-scores[key], key))[:CANDIDATES]


class _Asked:
    """What is asked, with the weight of each term."""

    def __init__(self, words: Words, among: Holding) -> None:
        self._mean_length = among.mean_length or 1.0
        self._weights = [(term, _idf(term, among)) for term in terms_of(words)]
        self._own = self._score(words)

    def similarity(self, held: Words) -> float:
        return min(1.0, self._score(held) / self._own) if self._own > 0 else 0.0

    def _score(self, held: Words) -> float:
        counts, damped = held.counts, _damped(held.length / self._mean_length)
        return sum(weight * _saturated(counts[term], damped) for term, weight in self._weights if term in counts)


def _idf(word: str, among: Holding) -> float:
    holding = among.frequencies.get(word, 0)
    return max(_LEAST_IDF, math.log((among.total - holding + 0.5) / (holding + 0.5)))


def _damped(relative_length: float) -> float:
    return _K1 * (1 - _B + _B * relative_length)


def _saturated(count: int, damped: float) -> float:
    return count * (_K1 + 1) / (count + damped)
