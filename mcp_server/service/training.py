"""Rows to train on as JSON objects, with messages in the form that chat templates read."""

from typing import Any, Literal

from mcp_server.analysis.credit import Assessment, Suspect
from mcp_server.analysis.players import Trajectory
from mcp_server.analysis.triplets import Episode, Judged, Message, Transition

Policy = Literal["last", "every", "session"]
"""The words of `triplets.RewardPolicy`."""


def triplet_row(row: Transition) -> dict[str, Any]:
    """One answer of a model: `prompt`, `response`, `reward` (null where nobody judged) and `metadata`."""
    return {
        "prompt": [_message(message) for message in row.prompt],
        "response": _message(row.response),
        "reward": row.judged.reward,
        "metadata": {
            "session_id": row.session_id,
            "agent_span_id": row.agent_span_id,
            "span_id": row.span_id,
            "agent_type": row.agent_type,
            "model": row.model,
            "position": row.position,
            **_provenance(row.judged, partial=row.partial),
        },
    }


def trajectory_row(row: Episode) -> dict[str, Any]:
    """All answers of one agent run: `messages`, of which the assistant's are trained on, `reward` and `metadata`."""
    return {
        "messages": [_message(message) for message in row.messages],
        "reward": row.judged.reward,
        "metadata": {
            "session_id": row.session_id,
            "agent_span_id": row.agent_span_id,
            "agent_type": row.agent_type,
            "model": row.model,
            **_provenance(row.judged, partial=row.partial),
        },
    }


def judge_case(session_id: str, session: Trajectory, assessed: Assessment) -> dict[str, Any]:
    """What a model needs to say which delegation broke a session: the likeliest three in full, most likely first."""
    return {
        "session_id": session_id,
        "task": session.root_task,
        "output": session.final_output,
        "outcome": {"value": assessed.outcome.value, "source": assessed.outcome.source},
        "delegations": len(session.players),
        "candidates": [_candidate(suspect) for suspect in assessed.top_blame],
    }


def _candidate(suspect: Suspect) -> dict[str, Any]:
    player = suspect.player
    return {
        "span_id": player.span_id,
        "agent_type": player.agent_type,
        "model": player.model,
        "probability": suspect.probability,
        "reasons": list(suspect.reasons),
        "status": player.status,
        "task": player.task,
        "output": player.output,
        "observation": player.observation,
    }


def _provenance(judged: Judged, *, partial: bool) -> dict[str, Any]:
    return {
        "reward_source": judged.source,
        "reward_policy": judged.policy,
        "prompt": "partial" if partial else "complete",
    }


def _message(message: Message) -> dict[str, Any]:
    shown: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["tool_calls"] = [
            {
                "id": use.tool_use_id,
                "type": "function",
                "function": {"name": use.name, "arguments": use.arguments},
            }
            for use in message.tool_calls
        ]
    if message.tool_use_id is not None:
        shown["tool_call_id"] = message.tool_use_id
    return shown
