"""Questions to a store as values, whatever the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, NamedTuple, TypeVar

from storage.records import HookEvent, ReadPosition, Reward, Span
from storage.sketch import Sketch
from storage.vocabulary import Outcome, SpanKind, Status, Tier

Item = TypeVar("Item")

CALLS: Final = frozenset({SpanKind.LLM_CALL, SpanKind.TOOL_CALL})
AGENT_RUNS: Final = frozenset({SpanKind.SESSION, SpanKind.DELEGATION})
ALL_KINDS: Final = frozenset(SpanKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is added in one transaction: all of it, or nothing."""

    spans: Sequence[Span] = ()
    rewards: Sequence[Reward] = ()
    positions: Sequence[ReadPosition] = ()
    events: Sequence[HookEvent] = ()
    reopened: Sequence[str] = ()
    """Sources of read positions that have something new, known before or not."""
    reconsidered: Sequence[str] = ()
    """Beginnings of reward ids: of the rewards whose ids begin so, only those in this batch stay, and as they are here.

    For what is concluded from evidence: with more of it, an earlier conclusion may stand no longer.
    """


class Change(StrEnum):
    """What adding did to one span."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What a batch did, in its own order."""

    spans: Sequence[Change]
    rewards: Sequence[bool]
    """Whether each reward is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFilter:
    """Which spans are meant; a field that is None does not restrict, and all given ones must hold."""

    kinds: frozenset[SpanKind] = frozenset({SpanKind.DELEGATION})
    session_id: str | None = None
    agent_types: frozenset[str] | None = None
    """Exact agent types; an empty set matches nothing."""
    model: str | None = None
    task_type: str | None = None
    """As stated, else as guessed."""
    outcome: Outcome | None = None
    status: Status | None = None
    project: str | None = None
    since: datetime | None = None
    """Started at this time or later."""
    until: datetime | None = None
    """Started before this time."""
    min_cost_usd: float | None = None
    words: str | None = None
    """Words that must all occur in the task or in the head of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of a long answer is wanted. `after` is the `next` of the page before."""

    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """One part of a long answer, newest first; `next` is None on the last part."""

    items: Sequence[Item]
    total: int
    next: str | None


class Dimension(StrEnum):
    """What delegations can be grouped by."""

    AGENT_TYPE = "agent_type"
    MODEL = "model"
    TASK_TYPE = "task_type"
    PROJECT = "project"
    AGENT_VERSION = "agent_version"
    COMPLEXITY = "complexity"
    DAY = "day"
    WEEK = "week"


class Measure(StrEnum):
    """By what the largest delegations are found."""

    COST = "cost_usd"
    DURATION = "duration_ms"


class RewardSums(NamedTuple):
    """Of rewards that are believed alike: how many, their sum, and the sum of their squares."""

    n: int = 0
    reward: float = 0.0
    reward_squared: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sums over the delegations that share a key. Sums of costs, tokens and calls are None where none is known."""

    key: dict[str, str | None]
    n: int
    statuses: dict[Status, int]
    outcomes: dict[Outcome, int]
    rewards: dict[Tier, RewardSums]
    """Of every tier. One whose status says nothing of its agent is not among the structural ones."""
    verified_success_n: int
    cost_n: int
    """How many of the n have a known cost."""
    cost_usd: float | None
    tokens: dict[str, int | None]
    tool_calls: int | None
    tool_errors: int | None
    guessed_n: int
    """How many of the n have a type of task that is a guess."""
    durations: Sketch = field(repr=False)
    """Known durations in milliseconds."""

    @property
    def verified_n(self) -> int:
        """How many have been judged by somebody who could know."""
        return self.rewards[Tier.VERIFIED].n

    @property
    def essence(self) -> "Essence":
        """What another window is compared by."""
        return Essence(self.key, self.n, self.verified_n, self.verified_success_n, self.cost_usd)


@dataclass(frozen=True, slots=True)
class Essence:
    """The figures of a `Group` by which another window is compared with it."""

    key: dict[str, str | None]
    n: int
    verified_n: int
    verified_success_n: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an id names: a span, or a session as a whole."""

    session_id: str
    span_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of a store."""

    location: str
    schema: int
    newest_schema: int
    size_bytes: int
    sound: bool
    """Whether the engine's own check of the file found nothing."""
    complaints: Sequence[str]
    counts: dict[str, int]
    summed_up: bool
    """Whether sums of delegations are kept; where not, each is counted anew for every answer until `Store.rebuild`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What pruning removed."""

    spans: int
    sessions: int
    rewards: int
    size_before_bytes: int
    size_after_bytes: int
