"""Types for delegations that were taken in before anybody guessed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from mcp_server.ingest.texts import Guesser
from storage.queries import Batch, PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Source, Status

_PAGE: Final = 500
_BEFORE_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)


async def guess_untyped(store: Store, guess: Guesser) -> int:
    """Guess the types of all delegations that have none, from the texts that are held; returns of how many."""
    done = 0
    cursor: str | None = None
    while True:
        page = await store.scan(SpanFilter(), PageRequest(limit=_PAGE, after=cursor))
        found = [version for span in page.items for version in _guessed(span, guess)]
        if found:
            await store.add(Batch(spans=found))
        done += len(found)
        cursor = page.next
        if cursor is None:
            return done


def _guessed(span: Span, guess: Guesser) -> Iterator[Span]:
    """A version that knows the guess and nothing else, older than any other: whatever is told holds against it."""
    found = guess([text for text in (span.name, span.task) if text]) if span.type_of_task is None else None
    if found is not None:
        yield Span(
            span_id=span.span_id,
            session_id=span.session_id,
            agent_type=span.agent_type,
            status=Status.RUNNING,
            started_at=span.started_at,
            source=Source.STATED,
            observed_at=_BEFORE_ALL,
            **found._asdict(),
        )
