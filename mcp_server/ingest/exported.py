"""Lines that `export` wrote, as records again. Pure."""

import hashlib
from typing import Any, Final

from mcp_server.ingest.texts import PATH_LIMIT, TextKeeper
from storage.fields import NAME_LIMIT
from storage.records import Reward, Span
from storage.versions import KEPT_BY_STORE
from storage.vocabulary import RewardSource, SpanKind

_TEXTS: Final = ("task", "output", "error")
_NAMES: Final = (
    "agent_type", "agent_version", "model", "effort", "client", "branch", "task_type", "guessed_type", "guessed_by",
)  # fmt: skip
_IDS: Final = ("span_id", "session_id", "parent_span_id", "agent_id", "tool_use_id")
_DIGEST_BYTES: Final = 8
DECISION: Final = "mcp.route_decision.v1."
"""What attributes of an exported routing decision begin with."""


def is_decision(line: dict[str, Any]) -> bool:
    """Whether a line is a routing decision, which looks like a span and is none."""
    attributes = line.get("attributes")
    return isinstance(attributes, dict) and f"{DECISION}decision_id" in attributes


def records(line: dict[str, Any], keep: TextKeeper) -> tuple[Span, Reward | None]:
    """The span of one line, and the reward that held when it was written.

    Raises:
        ValueError: the line is not as `export` writes it.
    """
    span = Span.model_validate({name: value for name, value in line.items() if name not in KEPT_BY_STORE})
    changed: dict[str, Any] = {name: keep.text(getattr(span, name)) for name in _TEXTS}
    changed |= {name: keep.name(getattr(span, name)) for name in _NAMES}
    changed |= {name: keep.identifier(getattr(span, name)) for name in _IDS}
    changed["project"] = keep.name(span.project, PATH_LIMIT)
    changed["name"] = _name(span, keep)
    changed["tool_sequence"] = tuple(name for tool in span.tool_sequence if (name := keep.name(tool)) is not None)
    changed["attributes"] = keep.attributes(span.attributes)
    if "guessed_type" not in line and span.kind is SpanKind.DELEGATION and span.task_type is None:
        guess = keep.guess(span.name, span.task)  # by a version that did not guess yet
        changed |= guess._asdict() if guess else {}
    span = Span.model_validate({**span.model_dump(), **changed})
    if line.get("reward") is None:
        return span, None
    source = RewardSource(line.get("reward_source") or RewardSource.MODEL)
    reward = Reward(
        reward_id=hashlib.blake2b(f"export\0{span.span_id}\0{source}".encode(), digest_size=_DIGEST_BYTES).hexdigest(),
        span_id=span.span_id,
        value=line["reward"],
        source=source,
        reason="as exported",
        given_at=span.observed_at or span.ended_at or span.started_at,
    )
    return span, reward


def _name(span: Span, keep: TextKeeper) -> str | None:
    """What a delegation is called is a description of its task: a text. Other kinds have names."""
    if span.kind is SpanKind.DELEGATION:
        return (keep.text(span.name) or "")[:NAME_LIMIT] or None
    return keep.name(span.name)
