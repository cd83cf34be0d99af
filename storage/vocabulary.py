"""The closed sets of words that records are written in."""

from enum import StrEnum
from typing import Final


class SpanKind(StrEnum):
    """What was timed, with the OpenTelemetry GenAI operation it maps to."""

    SESSION = "session"  # the main agent's whole run
    DELEGATION = "delegation"  # invoke_agent
    LLM_CALL = "llm_call"  # chat
    TOOL_CALL = "tool_call"  # execute_tool


class Status(StrEnum):
    """What the client did with a span; whether the task was done is its `Outcome`."""

    RUNNING = "running"
    OK = "ok"
    ERROR = "error"
    CANCELLED = "cancelled"
    LOST = "lost"  # it began, and no end was ever seen


class Outcome(StrEnum):
    """Whether the task was done, as far as anything says so."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """Complexity, criticality or uncertainty, judged before delegating."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Source(StrEnum):
    """How a record came to be known, weakest first: what ranks higher holds where both tell."""

    STATED = "stated"  # by a tool call or an imported log
    HOOK = "hook"  # from the client's own hook events, which say little and leave out most ends
    CAPTURED = "captured"  # from the client's own transcripts


class RewardSource(StrEnum):
    """Who or what judged, strongest first."""

    HUMAN = "human"
    TEST = "test"
    VERIFIER = "verifier"
    MODEL = "model"
    BEHAVIOUR = "behaviour"
    STRUCTURE = "structure"
    KEYWORD = "keyword"


STRENGTH: Final = {source: len(RewardSource) - place for place, source in enumerate(RewardSource)}
"""Of two rewards the one whose source has the greater strength holds."""


class Tier(StrEnum):
    """How far judgements are believed, by who gave them. What is concluded from keywords is in none of them."""

    VERIFIED = "verified"
    MODEL = "model"
    BEHAVIOUR = "behaviour"
    STRUCTURE = "structure"


VERIFIED: Final = frozenset({RewardSource.HUMAN, RewardSource.TEST, RewardSource.VERIFIER})
"""Sources that count as verified."""
