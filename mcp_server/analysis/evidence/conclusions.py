"""From the spans of one session to the rewards that its own course gives. No model, no clock, no order of input."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from mcp_server.analysis.evidence import checks, endings, fate, repetition, reuse, verdicts
from mcp_server.analysis.evidence.deeds import EDITORS, SHELLS, deeds_of
from mcp_server.analysis.evidence.family import Family
from mcp_server.analysis.evidence.rules import reward_of
from storage.records import Reward, Span
from storage.vocabulary import Source, SpanKind

CALLS_LIMIT: Final = 6000
"""Of sessions with more telling calls only the ends of delegations are judged: a part would be attributed wrongly."""


def rewards(session_id: str, spans: Iterable[Span], delivered: AbstractSet[str] = frozenset()) -> list[Reward]:
    """What a session says about its delegations and about itself, by reward id.

    Args:
        session_id: the session.
        spans: its captured spans, in any order, with texts: agents' runs and all calls that `is_telling`.
        delivered: runs that said something before they were cut off, where calls of the model are not given.
    """
    known = {span.span_id: span for span in spans if span.session_id == session_id and span.source is Source.CAPTURED}
    family = Family(known.values())
    if not family.delegations:
        return []
    calls = [span for span in known.values() if is_telling(span)]
    found = [
        *repetition.concluded(family),
        *endings.concluded(family, delivered | _that_spoke(known.values())),
    ]
    if len(calls) <= CALLS_LIMIT:
        deeds = deeds_of(calls)
        found += [
            *checks.concluded(family, deeds),
            *fate.concluded(family, deeds),
            *reuse.concluded(family, calls),
        ]
    given = {reward.reward_id: reward for reward in verdicts.given(known.values())}
    concluded = {reward.reward_id: reward for reward in (reward_of(session_id, one) for one in found)}
    return [reward for _, reward in sorted((given | concluded).items())]


def is_telling(span: Span) -> bool:
    """Whether a call may tell something of the quality of work."""
    if span.kind is not SpanKind.TOOL_CALL:
        return False
    return span.name in EDITORS or span.name in SHELLS or span.name in reuse.TASK_TOOLS or verdicts.is_verdict(span)


def _that_spoke(spans: Iterable[Span]) -> AbstractSet[str]:
    return {span.parent_span_id or "" for span in spans if span.kind is SpanKind.LLM_CALL and span.output}
