"""Spans whose parents were not asked for, hung on the nearest ancestor that was."""

from typing import Final

from mcp_server.analysis.trees import bridged
from storage.records import Span
from storage.store import Store

_CHAIN_LIMIT: Final = 64


async def bridged_over(store: Store, spans: list[Span]) -> list[Span]:
    """The same spans; what lies between them and their ancestors among them is looked up in the store."""
    between: dict[str, Span] = {}
    ids = {span.span_id for span in spans}
    missing = {span.parent_span_id for span in spans if span.parent_span_id} - ids
    for _ in range(_CHAIN_LIMIT):
        if not missing:
            break
        found = await store.spans(sorted(missing))
        between |= found
        missing = {span.parent_span_id for span in found.values() if span.parent_span_id} - ids - between.keys()
    return bridged(spans, between) if between else spans
