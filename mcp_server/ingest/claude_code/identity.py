"""Ids of spans, made from the client's own ids: the same thing gets the same id from whoever sees it first."""

import hashlib
from typing import Final

_DIGEST_BYTES: Final = 8  # as long as a span id of OpenTelemetry


def session_span_id(session_id: str) -> str:
    """The span of the main agent's run."""
    return _digest("session", session_id)


def delegation_span_id(session_id: str, agent_id: str) -> str:
    """The span of one agent that ran in a session."""
    return _digest("agent", session_id, agent_id)


def llm_call_span_id(message_id: str) -> str:
    """The span of one answer of the model. Message ids are unique everywhere, so copies of a line meet here."""
    return _digest("message", message_id)


def tool_call_span_id(tool_use_id: str) -> str:
    """The span of one use of a tool."""
    return _digest("tool", tool_use_id)


def hashed(text: str) -> str:
    """Tells two prompts apart without keeping them."""
    return hashlib.blake2b(text.strip().encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(("claude-code", *parts)).encode(), digest_size=_DIGEST_BYTES).hexdigest()
