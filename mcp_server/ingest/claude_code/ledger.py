"""What hook events alone tell of a session, for as long as there is no transcript of it. Pure.

Hooks say little: most ends of an agent fire none. So a run stays open until something tells of its end, or until its
session is over; and where there is a transcript, the transcript tells.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mcp_server.ingest.claude_code import agent_calls, hook_events
from mcp_server.ingest.claude_code.assembly import Assembled, VersionOf, assemble
from mcp_server.ingest.claude_code.endings import STOP_NOTICE, Life
from mcp_server.ingest.claude_code.hook_events import Told
from mcp_server.ingest.claude_code.joining import Agent, SessionView
from mcp_server.ingest.claude_code.memory import Call, Last, Memory
from mcp_server.ingest.claude_code.notifications import Notification
from mcp_server.ingest.times import microseconds_of
from mcp_server.ingest.usage import Usage
from storage.records import HookEvent, Span
from storage.vocabulary import Source

_NOT_TOLD: Final = {
    **dict.fromkeys(Usage._fields),
    "cost_usd": None,
    "tool_sequence": (),
    "tool_call_count": None,
    "tool_error_count": None,
    "source": Source.HOOK,
}
_NOT_COUNTED: Final = frozenset({"llm_call_count", "tool_unanswered_count", "output_tokens_are_lower_bound"})


@dataclass(slots=True)
class Ledger:
    """Open and closed runs of one session, as its hooks told of them."""

    session_id: str
    main: Memory = field(default_factory=Memory)
    agents: dict[str, Agent] = field(default_factory=dict)
    is_over: bool = False
    """Whether the client said that the session has ended, and nothing since."""
    process_id: int | None = None
    """Of the client, where the newest event that tells it was sent from."""

    def view(self) -> SessionView:
        """The session as it would be read from transcripts."""
        self._note_failures()
        return SessionView(self.session_id, self.main, self.agents)

    def assembled(self, session: Life, version_of: VersionOf) -> Assembled:
        """Spans of what is known, without the figures that no hook tells."""
        found = assemble(self.view(), lambda _run: session, version_of)
        return replace(found, spans=[_without_figures(span) for span in found.spans])

    def _note_failures(self) -> None:
        """Old clients say that an agent stopped even where an API error ended it; the answer to the call knows."""
        memories = [self.main, *(agent.memory for agent in self.agents.values())]
        for call in (call for memory in memories for call in memory.calls.values()):
            agent = self.agents.get(call.agent_id or "")
            if agent is not None and call.api_failed:
                agent.memory.last, agent.memory.last_text = Last.API_ERROR, None


def ledger_of(session_id: str, events: Iterable[HookEvent]) -> Ledger:
    """Fold events into a ledger: the same for every order in which they arrived, for they are taken by time."""
    ledger = Ledger(session_id)
    for event in sorted(events, key=lambda event: (event.at, event.event_id)):
        _take(ledger, event, hook_events.told_by(event))
    return ledger


def _without_figures(span: Span) -> Span:
    attributes = {name: value for name, value in span.attributes.items() if name not in _NOT_COUNTED}
    return span.model_copy(update={**_NOT_TOLD, "attributes": attributes})


def _take(ledger: Ledger, event: HookEvent, told: Told) -> None:
    at_us = microseconds_of(event.at)
    ledger.is_over = event.name == hook_events.SESSION_END
    ledger.process_id = event.process_id or ledger.process_id
    _seen(ledger.main, told, at_us)
    match event.name:
        case hook_events.AGENT_START:
            _started(ledger, told, at_us)
        case hook_events.AGENT_STOP:
            _stopped(ledger, told, at_us)
        case hook_events.BEFORE_TOOL | hook_events.AFTER_TOOL if told.call is not None:
            _called(ledger, told, told.call, at_us)
        case hook_events.PROMPT:
            _prompted(ledger, told)
        case hook_events.STOP:
            ledger.main.last, ledger.main.last_text = Last.TEXT, told.text


def _seen(memory: Memory, told: Told, at_us: int) -> None:
    memory.lines += 1
    memory.first_us = at_us if memory.first_us is None else min(memory.first_us, at_us)
    memory.last_us = max(memory.last_us or 0, at_us)
    memory.project = memory.project or told.project
    memory.effort = told.effort or memory.effort


def _started(ledger: Ledger, told: Told, at_us: int) -> None:
    if told.agent_id is None or not told.agent_type:
        return
    memory = ledger.agents.setdefault(told.agent_id, Agent(Memory())).memory
    memory.agent_type = told.agent_type
    memory.last, memory.last_text = Last.PROMPT, None
    _seen(memory, told, at_us)


def _stopped(ledger: Ledger, told: Told, at_us: int) -> None:
    """A stop without a start is no delegation: the client makes such agents for itself."""
    agent = ledger.agents.get(told.agent_id or "")
    if agent is None:
        return
    _seen(agent.memory, told, at_us)
    agent.memory.last, agent.memory.last_text, agent.memory.delivered = Last.TEXT, told.text, bool(told.text)


def _called(ledger: Ledger, told: Told, call: Call, at_us: int) -> None:
    if told.tool_use_id is None:
        return
    inside = ledger.agents.get(told.agent_id or "")
    if inside is not None:
        _seen(inside.memory, told, at_us)
    calls = (inside.memory if inside is not None else ledger.main).calls
    known = calls.get(told.tool_use_id)
    if known is None or call.answered_us is not None:
        if known is not None:
            call.at_us = known.at_us
        calls[told.tool_use_id] = call
    if call.tool == agent_calls.TASK_STOP and call.answered_us is not None and call.agent_id is not None:
        _notified(ledger, Notification(call.agent_id, STOP_NOTICE, at_us))


def _prompted(ledger: Ledger, told: Told) -> None:
    if told.notice is not None:
        _notified(ledger, told.notice)
    elif ledger.main.prompt_hash is None and told.text_hash is not None:
        ledger.main.prompt, ledger.main.prompt_hash = told.text, told.text_hash
        ledger.main.last = Last.PROMPT


def _notified(ledger: Ledger, notice: Notification) -> None:
    known = ledger.main.notifications.get(notice.task_id)
    notice.sightings = known.sightings + 1 if known is not None else 1
    ledger.main.notifications[notice.task_id] = notice
