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
from mcp_server.ingest.claude_code.notifications import Brought, Notification
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
    was_asked: bool = False
    """Whether anybody had wanted anything by the time up to which it was folded."""
    by_itself: set[str] = field(default_factory=set)
    """Agents that started before: an old client warms its cache with such."""

    def view(self) -> SessionView:
        """The session as it would be read from transcripts."""
        self._note_ends()
        launched = {call.agent_id for call in self._calls()}
        agents = {
            agent_id: agent
            for agent_id, agent in self.agents.items()
            if agent_id not in self.by_itself or agent_id in launched
        }
        return SessionView(self.session_id, self.main, agents)

    def assembled(self, session: Life, version_of: VersionOf) -> Assembled:
        """Spans of what is known, without the figures that no hook tells."""
        found = assemble(self.view(), lambda _run: session, version_of)
        return replace(found, spans=[_without_figures(span) for span in found.spans])

    def _calls(self) -> list[Call]:
        memories = (self.main, *(agent.memory for agent in self.agents.values()))
        return [call for memory in memories for call in memory.calls.values()]

    def _note_ends(self) -> None:
        """Take in what only the answer to a call knows of an end."""
        for call in self._calls():
            agent = self.agents.get(call.agent_id or "")
            if agent is not None and call.api_failed:  # old clients say that it stopped, as if it had done its work
                agent.memory.last, agent.memory.last_text = Last.API_ERROR, None
            elif agent is not None and _is_answer_to(call, agent.memory):  # old clients do not repeat it at the stop
                agent.memory.last_text = agent.memory.last_text or call.report
            elif _was_cut_off(call, agent):
                call.brought = Brought.TURN_LIMIT


def ledger_of(session_id: str, events: Iterable[HookEvent]) -> Ledger:
    """Fold events into a ledger: the same for every order in which they arrived, for they are taken by time."""
    ledger = Ledger(session_id)
    for event in sorted(events, key=lambda event: (event.at, event.event_id)):
        _take(ledger, event, hook_events.told_by(event))
    return ledger


def _is_answer_to(call: Call, run: Memory) -> bool:
    return run.last is Last.TEXT and call.report is not None and (call.answered_us or 0) >= (run.last_us or 0)


def _was_cut_off(call: Call, agent: Agent | None) -> bool:
    """Whether an agent never stopped of its own accord and yet its call is answered: some clients say no more."""
    stopped = agent is not None and agent.memory.last is Last.TEXT
    return call.status == agent_calls.COMPLETED and call.brought is Brought.NOTHING and not stopped


def _without_figures(span: Span) -> Span:
    attributes = {name: value for name, value in span.attributes.items() if name not in _NOT_COUNTED}
    return span.model_copy(update={**_NOT_TOLD, "attributes": attributes})


def _take(ledger: Ledger, event: HookEvent, told: Told) -> None:
    at_us = microseconds_of(event.at)
    ledger.is_over = event.name == hook_events.SESSION_END
    ledger.process_id = event.process_id or ledger.process_id
    _seen(ledger.main, told, at_us)
    ledger.was_asked |= event.name in (hook_events.PROMPT, hook_events.STOP) or told.call is not None
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
    if told.agent_id not in ledger.agents and not ledger.was_asked:
        ledger.by_itself.add(told.agent_id)
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


def _at_work(ledger: Ledger, told: Told) -> Agent | None:
    """The agent inside which something happened: it runs, whether its start was told or not."""
    known = ledger.agents.get(told.agent_id or "")
    if known is not None or told.agent_id is None or not told.agent_type:
        return known
    begun = Memory(agent_type=told.agent_type, last=Last.PROMPT)
    return ledger.agents.setdefault(told.agent_id, Agent(begun))


def _called(ledger: Ledger, told: Told, call: Call, at_us: int) -> None:
    if told.tool_use_id is None:
        return
    inside = _at_work(ledger, told)
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
