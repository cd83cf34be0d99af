"""Verdicts that were given during a session through the server's own tool, as its transcripts tell them.

A store that took part in the session holds them already, under the same ids; one that only reads it learns of them.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mcp_server.analysis.evidence.deeds import input_of
from storage.outcomes import OVERALL
from storage.records import Reward, Span
from storage.vocabulary import RewardSource, SpanKind, Status

_TOOL: Final = "__record_reward"
_OURS: Final = "delegation"
_SOURCES: Final = {source.value: source for source in RewardSource}
_ID_CHARS: Final = 200


def is_verdict(call: Span) -> bool:
    """Whether a tool call is to give a verdict."""
    name = call.name or ""
    named = name.startswith("mcp__") and name.endswith(_TOOL) and _OURS in name
    return named and call.kind is SpanKind.TOOL_CALL


def given(spans: Iterable[Span]) -> Iterator[Reward]:
    """The verdicts among the tool calls of one session, on its own delegations or on itself."""
    spans = list(spans)
    runs = {span.span_id for span in spans}
    sessions = {span.session_id for span in spans}
    for call in spans:
        if is_verdict(call) and call.status is Status.OK:
            reward = _reward(call)
            if reward is not None and (reward.span_id in runs or reward.session_id in sessions):
                yield reward


def _reward(call: Span) -> Reward | None:
    asked, told = input_of(call), _answer(call.output)
    source, value = _SOURCES.get(str(asked.get("source"))), asked.get("value")
    reward_id, span_id, session_id = (told.get(name) for name in ("reward_id", "span_id", "session_id"))
    name, reason = asked.get("name") or OVERALL, asked.get("reason")
    if source is None or not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        return None
    if not all(isinstance(one, str) and 0 < len(one) <= _ID_CHARS for one in (reward_id, span_id or session_id, name)):
        return None
    return Reward(
        reward_id=str(reward_id),
        span_id=span_id,
        session_id=None if span_id else session_id,
        name=name,
        value=float(value),
        source=source,
        reason=reason if isinstance(reason, str) else None,
        # The server gave it before it answered; where both are known, its own earlier time holds.
        given_at=call.ended_at or call.started_at,
    )


def _answer(output: str | None) -> dict[str, Any]:
    try:
        told = json.loads(output or "")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
