"""Spans and sessions as JSON objects, in three degrees of detail."""

from datetime import datetime
from typing import Any, Final, Literal

from storage.records import Session, Span

Detail = Literal["skeleton", "summary", "full"]
InsightKind = Literal[
    "saving", "realised", "bottleneck", "waste", "anomaly", "session", "drift", "pattern", "loop", "failing_call",
    "inline", "version", "verdicts", "budget",
]  # fmt: skip
"""The words of `insights.Kind`."""

SKELETON: Final = (
    "span_id", "parent_span_id", "kind", "agent_type", "model", "status", "outcome", "cost_usd", "subtree_cost_usd",
    "duration_ms",
)  # fmt: skip
_DIGITS: Final = 9
_SUMMARY: Final = (
    "name", "agent_id", "task_type", "complexity", "reward", "reward_source", "started_at", "tool_call_count",
    "tool_error_count", "error", "task", "output",
)  # fmt: skip
_IN_ANY_CASE: Final = frozenset(SKELETON)
SUMMARY_TEXT: Final = 240
STATED_ORIGIN: Final = "caller"
TEXTS: Final = ("task", "output", "error")


def span_object(span: Span, detail: Detail) -> dict[str, Any]:
    """A span as JSON. Skeleton fields are always there; others only where something is known."""
    if detail == "skeleton":
        return {name: _shown(getattr(span, name)) for name in SKELETON}
    values = vars(span)  # a page has thousands of fields
    names = (*SKELETON, *_SUMMARY) if detail == "summary" else tuple(Span.model_fields)
    shown = {
        name: _shown(value) for name in names for value in [values[name]] if name in _IN_ANY_CASE or not _empty(value)
    }
    if span.type_of_task is not None:
        shown |= {"task_type": span.type_of_task, "task_type_origin": type_origin(span)}
    if detail == "summary":
        if (total_tokens := span.total_tokens) is not None:
            shown["total_tokens"] = total_tokens
        for name in TEXTS:
            if name in shown:
                shown[name] = shorten(shown[name], SUMMARY_TEXT)
    return shown


def type_origin(span: Span) -> str | None:
    """Whose word the type of a span's task is: `caller` where it was stated; else the rules that guessed it."""
    return STATED_ORIGIN if span.task_type is not None else (span.guessed_by or "").partition("/")[0] or None


def exported(span: Span) -> dict[str, Any]:
    """A span with every field, as one line of an export."""
    return {name: _plain(getattr(span, name)) for name in Span.model_fields}


def session_object(session: Session) -> dict[str, Any]:
    """A session as JSON; what is not known is left out."""
    found = {name: _shown(getattr(session, name)) for name in Session.model_fields}
    shown = {name: value for name, value in found.items() if not _empty(value)}
    if "task" in shown:
        shown["task"] = shorten(shown["task"], SUMMARY_TEXT)
    return shown


def shorten(text: str, limit: int) -> str:
    """A text in at most about `limit` characters; a cut is marked with how much is missing."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}…[+{len(text) - limit} chars]"


def time_text(time: datetime) -> str:
    """ISO 8601 in UTC, as short as is exact."""
    return time.isoformat().replace("+00:00", "Z")


def rounded(value: float | None) -> float | None:
    """A figure without the noise of binary fractions: a billionth of a dollar, or of a share, is nothing to anybody."""
    return None if value is None else round(value, _DIGITS) + 0.0


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def _shown(value: Any) -> Any:
    return rounded(value) if isinstance(value, float) else _plain(value)


def _empty(value: Any) -> bool:
    return value is None or value in ((), [], {})
