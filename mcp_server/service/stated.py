"""A span as a caller states it."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.fields import COUNT_LIMIT, ID_LIMIT, NAME_LIMIT, TOOL_SEQUENCE_LIMIT
from storage.vocabulary import Level, Status

SPANS_LIMIT: Final = 500
"""In one call."""

_Word = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
_Id = Annotated[str, Field(min_length=1, max_length=ID_LIMIT)]
_Count = Annotated[int, Field(ge=0, le=COUNT_LIMIT)]


class StatedSpan(BaseModel):
    """A span as a caller states it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    agent_type: Annotated[_Word, Field(description="Kind of agent, e.g. Explore")]
    task: Annotated[str | None, Field(description="What it was asked to do")] = None
    span_id: Annotated[_Id | None, Field(description="Of an earlier answer, to complete that span")] = None
    session_id: _Id | None = None
    parent_span_id: Annotated[_Id | None, Field(description="Span that delegated to it")] = None
    kind: Literal["delegation", "session", "llm_call", "tool_call"] = "delegation"
    name: _Word | None = None
    agent_id: Annotated[
        _Id | None, Field(description="The client's id of the agent; merges with what was captured")
    ] = None
    tool_use_id: Annotated[_Id | None, Field(description="Id of the call that launched it; merges likewise")] = None
    model: _Word | None = None
    effort: _Word | None = None
    output: Annotated[str | None, Field(description="What it delivered")] = None
    status: Literal["running", "ok", "error", "cancelled", "lost"] | None = None
    reward: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False, description="Verdict, 0 to 1")] = None
    reward_source: Literal["human", "test", "verifier", "model", "behaviour", "structure", "keyword"] = "model"
    started_at: Annotated[str | None, Field(max_length=64, description="ISO 8601 or 10m = ten minutes ago")] = None
    ended_at: Annotated[str | None, Field(max_length=64)] = None
    duration_ms: _Count | None = None
    tool_sequence: Annotated[list[_Word] | None, Field(max_length=TOOL_SEQUENCE_LIMIT)] = None
    tool_call_count: _Count | None = None
    tool_error_count: _Count | None = None
    input_tokens: Annotated[_Count | None, Field(description="Without cached ones")] = None
    output_tokens: _Count | None = None
    cache_read_tokens: _Count | None = None
    cache_write_5m_tokens: _Count | None = None
    cache_write_1h_tokens: _Count | None = None
    cost_usd: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    task_type: Annotated[_Word | None, Field(description="search, implement, debug, test, review, ... or your own")] = (
        None
    )
    complexity: Annotated[
        Level | None, Field(description="Judged before delegating: low one known place, high unknown or many parts")
    ] = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    project: Annotated[str | None, Field(min_length=1, max_length=4096)] = None
    branch: _Word | None = None
    error: str | None = None
    attributes: Annotated[dict[str, Any] | None, Field(description="decision_id: suggestion it followed")] = None


def status_of(row: StatedSpan) -> Status:
    """As stated; else an error where one is told, done where anything of the end is told, else running."""
    if row.status is not None:
        return Status(row.status)
    if row.error is not None:
        return Status.ERROR
    told = (row.output, row.ended_at, row.duration_ms, row.reward)
    return Status.OK if any(value is not None for value in told) else Status.RUNNING
