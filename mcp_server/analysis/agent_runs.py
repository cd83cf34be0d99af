"""Whose span is it: the nearest agent run above each span, and which spans an agent pattern selects."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from mcp_server.analysis.trees import NOBODY, downwards, place
from storage.records import Span
from storage.vocabulary import SpanKind

AGENT_RUNS: Final = frozenset({SpanKind.SESSION, SpanKind.DELEGATION})


class MatchMode(StrEnum):
    """Whose agent type decides whether a span is selected."""

    NEAREST = "nearest"
    """The agent that made it; a call that names no agent is of the nearest agent run above it."""
    ANCESTOR = "ancestor"
    """Any agent above it, or itself."""


def homes(spans: Mapping[str, Span], parents: Mapping[str, str | None]) -> dict[str, str | None]:
    """The nearest agent run above each span, parents before children; None where there is none.

    Args:
        spans: by id.
        parents: of each of them, without cycles.
    """
    found: dict[str, str | None] = {}
    for span_id in downwards(parents):
        parent = parents[span_id]
        found[span_id] = parent if parent is None or spans[parent].kind in AGENT_RUNS else found[parent]
    return found


def selected(spans: Iterable[Span], agent_types: frozenset[str], mode: MatchMode = MatchMode.NEAREST) -> frozenset[str]:
    """Ids of the spans that belong to some agents; linear time, the same for every order of the spans.

    Agent Lightning's selection is the nearest one: a non-matching agent inside a matching one is left out, and what
    follows beside it is selected again. Unlike there, the span itself counts.

    Args:
        spans: of one session, in any order.
        agent_types: those that are meant, from `service.agent_match.matching`.
        mode: whose type decides.
    """
    placed = place(spans)
    nearest = homes(placed.spans, placed.parents)
    found: set[str] = set()
    for span_id, home in nearest.items():
        span = placed.spans[span_id]
        unnamed = span.agent_type == NOBODY and span.kind not in AGENT_RUNS
        inherited = home in found if mode is MatchMode.ANCESTOR or unnamed else False
        if span.agent_type in agent_types or inherited:
            found.add(span_id)
    return frozenset(found)
