"""Models that a hook has set, in the log of routing decisions."""

from typing import Final

from mcp_server.ingest.claude_code.hook_events import ModelSet
from storage.records import RoutingDecision

AUTO: Final = "auto"


def decision_id(tool_use_id: str) -> str:
    """Of the decision behind a delegation whose call a hook has changed."""
    return f"{AUTO}-{tool_use_id}"


def decision_of(told: ModelSet) -> RoutingDecision:
    """What was decided without being asked. Nothing is on offer in it: the hook read what a fit had left."""
    return RoutingDecision(
        decision_id=decision_id(told.tool_use_id),
        session_id=told.session_id,
        at=told.at,
        prefer="balanced",
        decision="delegate",
        ground="first_by_index",
        reason=f"a hook set the model {told.alias}: the call named none, and the last fit was sure of it",
        agent_type=told.agent_type,
        model=told.alias,
        mode=AUTO,
    )
