"""Spans of single calls of models and tools, as the lines of one transcript tell them. Pure.

They are drafted while lines are read, and finished when it is known whose they are.
"""

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mcp_server.ingest.claude_code.identity import llm_call_span_id, tool_call_span_id
from mcp_server.ingest.claude_code.memory import Memory, Message, Tool, ToolState
from mcp_server.ingest.texts import TextKeeper
from mcp_server.ingest.times import time_of
from storage.records import Span
from storage.vocabulary import Source, SpanKind, Status

_FIRST_LINE_LIMIT: Final = 300
_STATUS: Final = {
    ToolState.OPEN: Status.RUNNING,
    ToolState.OK: Status.OK,
    ToolState.ERROR: Status.ERROR,
    ToolState.DENIED: Status.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose transcript it is, as the spans of its calls tell it."""

    session_id: str
    span_id: str
    agent_type: str
    agent_id: str | None
    project: str | None
    certain: bool = True
    """Whether the type is more than a guess."""


class _Draft(NamedTuple):
    """A call's span without its owner's fields."""

    fields: dict[str, Any]
    seen_us: int
    sightings: int


@dataclass(slots=True)
class CallSpans:
    """Drafts of calls that changed since they were last taken."""

    keep: TextKeeper
    _drafts: dict[str, _Draft] = field(default_factory=dict)
    _inputs: dict[str, str | None] = field(default_factory=dict)

    def take(self, owner: Owner) -> list[Span]:
        """The spans of calls that are new or changed since the last time."""
        spans = [_finished(draft, owner) for draft in self._drafts.values()]
        self._drafts.clear()
        return spans

    def answered(self, memory: Memory, message_id: str, message: Message) -> None:
        """A model has answered, or said more of an answer."""
        told = {"message_id": message_id, "stop_reason": message.stop_reason}
        fields = {
            "span_id": llm_call_span_id(message_id),
            "kind": SpanKind.LLM_CALL,
            "name": message.model,
            "model": message.model,
            "client": client_name(memory.client_version),
            "output": memory.texts.get(message_id) or None,
            "status": Status.OK,
            "started_at": time_of(message.started_us),
            "ended_at": time_of(message.ended_us),
            "cost_usd": message.cost_usd,
            "attributes": {name: value for name, value in told.items() if value is not None},
            **message.usage._asdict(),
        }
        self._put(_Draft(fields, message.ended_us, message.lines))

    def tool_used(self, memory: Memory, tool_use_id: str, tool: Tool, used: dict[str, Any]) -> None:
        """A tool was called."""
        self._inputs[tool_use_id] = self.keep.json(used)
        self._put(_Draft(self._of_tool(memory, tool_use_id, tool), tool.started_us, 1))

    def tool_answered(self, memory: Memory, tool_use_id: str, tool: Tool, result: str | None, at_us: int) -> None:
        """A tool has answered; `result` as it is kept."""
        ended_us = max(at_us, tool.started_us)
        fields = self._of_tool(memory, tool_use_id, tool)
        fields |= {"output": result, "ended_at": time_of(ended_us), "error": _error(tool.state, result)}
        self._put(_Draft(fields, ended_us, 2))

    def _of_tool(self, memory: Memory, tool_use_id: str, tool: Tool) -> dict[str, Any]:
        return {
            "span_id": tool_call_span_id(tool_use_id),
            "kind": SpanKind.TOOL_CALL,
            "name": tool.name,
            "tool_use_id": tool_use_id,
            "client": client_name(memory.client_version),
            # Of a call from an earlier reading the input is in the store.
            "task": self._inputs.get(tool_use_id),
            "status": _STATUS[tool.state],
            "started_at": time_of(tool.started_us),
        }

    def _put(self, draft: _Draft) -> None:
        if draft.seen_us:  # a span is timed: without any time there is none
            self._drafts[draft.fields["span_id"]] = draft


def _finished(draft: _Draft, owner: Owner) -> Span:
    return Span(
        **draft.fields,
        session_id=owner.session_id,
        parent_span_id=owner.span_id,
        agent_type=owner.agent_type,
        agent_id=owner.agent_id,
        project=owner.project,
        source=Source.CAPTURED,
        # The client's times end at the millisecond. Below that, of two sightings the one that knows more holds.
        observed_at=time_of(draft.seen_us + 2 * draft.sightings + owner.certain),
    )


def client_name(version: str | None) -> str:
    """The client as product and version."""
    return f"claude-code/{version}" if version else "claude-code"


def _error(state: ToolState, result: str | None) -> str | None:
    if state not in (ToolState.ERROR, ToolState.DENIED):
        return None
    first_line = (result or "").strip().partition("\n")[0][:_FIRST_LINE_LIMIT]
    return f"{state.value}: {first_line}" if first_line else state.value
