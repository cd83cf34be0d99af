"""What the course of a session says about its delegations, concluded again each time that more of it was read."""

from collections.abc import Iterable, Sequence
from typing import Final

from mcp_server.analysis.evidence.conclusions import CALLS_LIMIT, is_telling, rewards
from mcp_server.analysis.evidence.rules import beginning
from mcp_server.analysis.evidence.verdicts import is_verdict
from storage.queries import AGENT_RUNS, Batch
from storage.records import Span
from storage.store import Store
from storage.versions import Version, merge
from storage.vocabulary import SpanKind

_AT_ONCE: Final = 500


async def judged(store: Store, session_id: str, fresh: Sequence[Span], *, is_whole: bool) -> Batch:
    """The rewards of a session by its own evidence, as a batch that takes the place of what was concluded before.

    Args:
        store: what is known of the session already.
        session_id: the session.
        fresh: spans of it that were just read and are not stored yet.
        is_whole: whether nothing of it was read before.
    """
    of_session = [span for span in fresh if span.session_id == session_id]
    spans = of_session if is_whole else await _with_held(store, session_id, of_session)
    runs = [span for span in spans if span.kind is SpanKind.DELEGATION]
    if not runs:
        return Batch()
    return Batch(rewards=rewards(session_id, spans), reconsidered=[beginning(session_id)])


async def _with_held(store: Store, session_id: str, fresh: Sequence[Span]) -> list[Span]:
    """What is held and what was just read, joined as the store will join them."""
    held = await store.trajectory(session_id)
    runs = _joined(await _whole(store, (span for span in held if span.kind in AGENT_RUNS)), fresh)
    # Only of those it matters whether they said anything before.
    silent = {span.span_id for span in runs.values() if span.kind is SpanKind.DELEGATION and not span.output}
    telling = [span for span in held if is_telling(span)]
    spoken = [span for span in held if span.kind is SpanKind.LLM_CALL and span.parent_span_id in silent]
    if len(telling) > CALLS_LIMIT:
        # So many are not judged by what they say: it is enough that they are counted.
        asked = [span for span in telling if is_verdict(span)]
        told = await _whole(store, [*spoken, *asked])
        return list(_joined(runs | {span.span_id: span for span in telling} | told, fresh).values())
    calls = [*telling, *spoken]
    return list(_joined(runs | await _whole(store, calls), fresh).values())


async def _whole(store: Store, spans: Iterable[Span]) -> dict[str, Span]:
    """Spans with their texts."""
    wanted, known = [span.span_id for span in spans], dict[str, Span]()
    for start in range(0, len(wanted), _AT_ONCE):
        known |= await store.spans(wanted[start : start + _AT_ONCE])
    return known


def _joined(known: dict[str, Span], fresh: Iterable[Span]) -> dict[str, Span]:
    found = dict(known)
    for span in fresh:
        before = found.get(span.span_id)
        found[span.span_id] = span if before is None else merge(Version(before), Version(span)).span
    return found
