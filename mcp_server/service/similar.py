"""Similar tasks: a store finds candidates by their rarest words, and all words decide."""

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from mcp_server.analysis.similarity import CANDIDATES, Holding, Words, counted, most_similar, rarest, terms_of, words_of
from storage.lessons import Lesson, Vocabulary
from storage.queries import SpanFilter
from storage.store import Lessons, Store
from storage.words import HEAD

Item = TypeVar("Item")

SEARCHED: Final = 200
"""So many candidates are compared for a search, which is filtered and paged."""


class Alike(NamedTuple, Generic[Item]):
    """Something whose task resembles another."""

    item: Item
    similarity: float
    """In (0.3, 1]; 1 where the first 2,000 characters have the same words."""


async def lessons(store: Lessons, text: str, limit: int = CANDIDATES) -> list[Alike[Lesson]]:
    """Of the newest 20,000 lessons those whose tasks resemble a text, best first, at most so many."""
    asked = words_of(text[:HEAD])
    known = await store.vocabulary(terms_of(asked))
    few = rarest(terms_of(asked), known.frequencies)
    found = await store.holding(few, limit) if few else []
    return _ranked(asked, known, [(one.lesson, counted(one.task.split())) for one in found])


async def delegations(
    store: Store, text: str, question: SpanFilter | None = None, limit: int = SEARCHED
) -> list[Alike[str]]:
    """Ids of delegations that match and whose tasks resemble a text, best first, at most so many."""
    asked = words_of(text[:HEAD])
    known = await store.vocabulary(terms_of(asked))
    few = rarest(terms_of(asked), known.frequencies)
    found = await store.holding(few, question or SpanFilter(), limit) if few else []
    return _ranked(asked, known, [(one.span_id, words_of(one.task)) for one in found])


def _ranked(asked: Words, known: Vocabulary, candidates: Sequence[tuple[Item, Words]]) -> list[Alike[Item]]:
    among = Holding(known.total, known.mean_length, known.frequencies)
    held = {place: words for place, (_, words) in enumerate(candidates)}
    return [Alike(candidates[one.key][0], one.similarity) for one in most_similar(asked, held, among)]
