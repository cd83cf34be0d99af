"""What is recorded: spans, rewards and sessions, as frozen values."""

from datetime import timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from storage.fields import (
    TOOL_SEQUENCE_LIMIT,
    Attributes,
    Count,
    Identifier,
    Money,
    Name,
    Path,
    Share,
    Text,
    Time,
)
from storage.vocabulary import Level, Outcome, RewardSource, Source, SpanKind, Status


class Record(BaseModel):
    """A value that never changes and knows exactly its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Span(Record):
    """One timed operation of an agent.

    `outcome`, `reward`, `reward_source` and `subtree_cost_usd` are kept by the store, from the rewards and the other
    spans it holds; what a caller puts there is ignored when the span is added.
    """

    span_id: Identifier
    session_id: Identifier
    parent_span_id: Identifier | None = None
    kind: SpanKind = SpanKind.DELEGATION
    name: Name | None = None
    """The tool of a tool call; the short description of a delegation."""
    agent_type: Name
    agent_id: Identifier | None = None
    """The client's own id of the agent that ran."""
    tool_use_id: Identifier | None = None
    """The client's id of the call that launched a delegation, or that a tool call is."""
    agent_version: Name | None = None
    """A hash of the agent's definition: its prompt, tools and model."""
    model: Name | None = None
    """The raw id of the model that answered."""
    effort: Name | None = None
    client: Name | None = None
    project: Path | None = None
    branch: Name | None = None
    task: Text | None = None
    task_type: Name | None = None
    """As stated before the work began; what nobody stated may have been guessed."""
    guessed_type: Name | None = None
    """What rules made of the name and the task."""
    guessed_by: Name | None = None
    """Those rules, with their version where they have one: `words/1`; given with `guessed_type`, and only then."""
    complexity: Level | None = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    output: Text | None = None
    status: Status
    outcome: Outcome = Outcome.UNKNOWN
    reward: Share | None = None
    reward_source: RewardSource | None = None
    started_at: Time
    ended_at: Time | None = None
    duration_ms: Count | None = None
    tool_sequence: tuple[Name, ...] = Field(default=(), max_length=TOOL_SEQUENCE_LIMIT)
    tool_call_count: Count | None = None
    tool_error_count: Count | None = None
    input_tokens: Count | None = None
    """Tokens read afresh: those read from or written to the cache are counted apart."""
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_5m_tokens: Count | None = None
    cache_write_1h_tokens: Count | None = None
    cost_usd: Money | None = None
    """Of the span's own requests; null where a price is unknown, never 0 for that."""
    subtree_cost_usd: Money | None = None
    """Own cost plus that of the delegations below, as far as known; null where nothing is."""
    error: Text | None = None
    """The kind of failure, then what is known of it."""
    attributes: Attributes = Field(default_factory=dict)
    source: Source = Source.STATED
    observed_at: Time | None = None
    """Time of the newest evidence this record rests on; of two versions of one span the later one holds.

    Where it is not given: `ended_at`, else `started_at`.
    """

    @model_validator(mode="after")
    def _times_in_order(self) -> Self:
        if self.ended_at is not None and self.ended_at < self.started_at:
            raise ValueError(
                f"ended_at {self.ended_at.isoformat()} is before started_at {self.started_at.isoformat()};"
                " swap them, or leave ended_at out while the span runs"
            )
        if self.duration_ms is None and self.ended_at is not None:
            object.__setattr__(self, "duration_ms", (self.ended_at - self.started_at) // timedelta(milliseconds=1))
        return self

    @model_validator(mode="after")
    def _a_guess_tells_who_guessed(self) -> Self:
        if (self.guessed_type is None) != (self.guessed_by is None):
            raise ValueError("guessed_type and guessed_by go together: give both or none")
        return self

    @property
    def type_of_task(self) -> str | None:
        """As stated, else as guessed: what delegations are compared by."""
        return self.task_type or self.guessed_type

    @property
    def total_tokens(self) -> int | None:
        """Of its own requests, all classes together, as far as known; None where nothing is."""
        counts = (
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
        )
        known = [count for count in counts if count is not None]
        return sum(known) if known else None


class Reward(Record):
    """One judgement of a span or of a whole session. Rewards are never overwritten: the strongest source holds."""

    reward_id: Identifier
    span_id: Identifier | None = None
    session_id: Identifier | None = None
    """Exactly one of `span_id` and `session_id` is given."""
    name: Name = "overall"
    """The dimension that was judged."""
    value: Share
    source: RewardSource
    reason: Text | None = None
    given_at: Time
    """Among equal sources the newest judgement holds."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.span_id is None) == (self.session_id is None):
            raise ValueError("a reward judges either a span or a session: give exactly one of span_id and session_id")
        return self


class Session(Record):
    """One run of a client, summed up from its spans."""

    session_id: Identifier
    client: str | None
    project: str | None
    branch: str | None
    task: str | None
    status: Status | None
    """Of the main agent's run; null where only delegations were recorded."""
    started_at: Time
    last_activity_at: Time
    span_count: Count
    delegation_count: Count
    cost_usd: Money | None
    """Of the main agent and its delegations, as far as known."""


class Offer(Record):
    """One arm that was on offer when a routing decision was made."""

    agent_type: Name
    model: Name | None = None
    p: Share
    """Expected success."""
    sd: float
    n_eff: float
    """How many observations that is worth."""
    utility: float
    """p less what cost and duration take off."""
    index: float
    """What the arms are ordered by."""
    p_best: Share
    propensity: Share
    """With which probability this arm was chosen: 1 or 0 unless sampling is switched on."""


class RoutingDecision(Record):
    """One suggestion: what was asked, what was on offer, what was said, and what followed."""

    decision_id: Identifier
    session_id: Identifier | None = None
    project: Path | None = None
    at: Time
    task: Text | None = None
    task_type: Name | None = None
    task_type_origin: Name | None = None
    """Who gave it, or what guessed it."""
    complexity: Level | None = None
    complexity_origin: Name | None = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    prefer: Name
    decision: Name
    """`delegate`, `inline`, `ask_user` or `not_enough_data`."""
    ground: Name
    """Why."""
    reason: Text
    agent_type: Name | None = None
    """Of the arm that was suggested, with `model`; None where none was."""
    model: Name | None = None
    explore: bool = False
    offers: tuple[Offer, ...] = Field(default=(), max_length=24)
    """In the order of the ranking."""
    lessons_n: Count = 0
    """Judged delegations behind it."""
    mode: Name = "asked"
    """`asked` by a call; `auto` where a hook set the model."""
    span_id: Identifier | None = None
    """The delegation that followed."""
    followed: bool | None = None
    """Whether that one went to the arm that was suggested; None as long as none followed."""


class ReadPosition(Record):
    """How far a growing file has been read, and what the reader must remember to go on from there."""

    source: Path
    """The file's path."""
    identity: str
    """Tells a file from another one that later took its place."""
    offset: Count
    """Bytes read, up to the end of the last whole line."""
    state: bytes = b""
    """The reader's own memory, opaque to the store."""
    is_open: bool = False
    """Whether to look at it again before anything is asked: it had no end yet when it was read."""


class HookEvent(Record):
    """What a client told in passing about a session, while it ran. Such events are only ever added."""

    event_id: Identifier
    session_id: Identifier
    at: Time
    name: Name
    process_id: Count | None = None
    """Of the client."""
    body: bytes = b""
    """What its reader understood, opaque to the store."""
