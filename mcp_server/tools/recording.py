"""Tools by which a model records what it delegated, and judges it."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from mcp_server.service.recording import Recording
from mcp_server.service.stated import SPANS_LIMIT, StatedSpan
from mcp_server.tools.strict import WRITES, strict_tool
from storage.vocabulary import RewardSource

_CALL_ID = "claudecode/toolUseId"


def tools(recording: Recording) -> list[Tool]:
    """The tools of this set."""

    async def record_spans(
        spans: Annotated[list[StatedSpan], Field(min_length=1, max_length=SPANS_LIMIT, description="1 to 500 spans")],
        ctx: Context[Any, Any],
    ) -> dict[str, Any]:
        """Store delegations to other agents, or other spans, that this client does not capture by itself.

        A minimal span is {agent_type, task}; add output, status, model, tokens, cost and times where known. Call it
        again with the returned span_id to complete a running one. Repeating a call changes nothing. Returns id and
        created, updated or unchanged for each span. Not for judging a delegation already recorded: use record_reward.
        """
        recorded = await recording.spans(spans, _call_id(ctx))
        return {"results": [one.model_dump() for one in recorded]}

    async def record_reward(
        *,
        target_id: Annotated[
            str, Field(min_length=1, max_length=200, description="Id of a span, an agent, a tool use or a session")
        ],
        value: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="0 failed, 1 succeeded")],
        source: Annotated[
            Literal["human", "test", "verifier", "model", "behaviour", "structure", "keyword"],
            Field(description="Who judged: human = the user, test = an exit status, verifier = you checked the result"),
        ],
        name: Annotated[str, Field(min_length=1, max_length=200, description="Dimension judged")] = "overall",
        reason: Annotated[str | None, Field(max_length=20_000, description="Why, in a sentence")] = None,
        reward_id: Annotated[
            str | None, Field(min_length=1, max_length=200, description="Makes a repeated call harmless")
        ] = None,
    ) -> dict[str, Any]:
        """Judge a delegation or a whole session after checking its result.

        All judgements are kept; the strongest source holds (human, test, verifier, model, ...), the newest among
        equals. Returns what holds now. Not for recording the delegation itself: use record_spans.
        """
        judged = await recording.reward(
            target_id, value, RewardSource(source), name=name, reason=reason, reward_id=reward_id
        )
        return judged.model_dump()

    return [
        strict_tool(record_spans, title="Record delegations", annotations=WRITES, required=["results"]),
        strict_tool(
            record_reward,
            title="Judge a delegation",
            annotations=WRITES,
            required=["reward_id", "result", "value", "source", "outcome"],
        ),
    ]


def _call_id(ctx: Context[Any, Any]) -> str | None:
    """The client's own id of this call, where it gives one."""
    meta = ctx.request_context.meta
    found = meta.get(_CALL_ID) if meta else None
    return found if isinstance(found, str) else None
