"""The parameters that several tools share, each described and bounded once."""

from typing import Annotated, Literal

from pydantic import Field

AgentMatch = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Python regex searched in the agent type"),
]
AgentMode = Annotated[
    Literal["nearest", "ancestor"], Field(description="agent_match keeps what such agents did, or all below them too")
]
Cursor = Annotated[str | None, Field(max_length=400, description="next_cursor of the page before")]
MaxChars = Annotated[int, Field(ge=2000, le=200_000, description="Cap on the answer")]
Project = Annotated[str | None, Field(min_length=1, max_length=4096, description="Exact project path")]
SessionId = Annotated[
    str | None, Field(min_length=1, max_length=200, description="The client's session id; default: this session")
]
Since = Annotated[
    str | None,
    Field(min_length=1, max_length=64, description="Started since: ISO 8601, or 7d, 24h back"),
]
Until = Annotated[str | None, Field(min_length=1, max_length=64, description="Started before: as since")]
Word = Annotated[str | None, Field(min_length=1, max_length=200)]

Outcome = Literal["success", "partial", "failure", "unknown"]
Status = Literal["running", "ok", "error", "cancelled", "lost"]
