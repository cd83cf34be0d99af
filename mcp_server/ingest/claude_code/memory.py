"""What is remembered of a transcript between two readings of it: enough to go on from where it stopped.

Everything here is data that a reader can store and load again, so reading a file in parts gives what reading it at
once gives.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from mcp_server.ingest.claude_code.notifications import Brought, Notification
from mcp_server.ingest.texts import Guess
from mcp_server.ingest.usage import Usage

MEMORY_VERSION: Final = 2
"""Raise it when a change makes older memories useless: their files are then read again from the start."""

MONEY_LIMIT_USD: Final = 1e9


class Last(StrEnum):
    """What the last line of a transcript's own conversation is."""

    NOTHING = "nothing"
    PROMPT = "prompt"
    TEXT = "text"
    TOOL_USE = "tool_use"
    TOOL_RESULT = "tool_result"
    API_ERROR = "api_error"
    INTERRUPTED = "interrupted"
    MAX_TURNS = "max_turns"


class ToolState(StrEnum):
    """What became of a use of a tool."""

    OPEN = "open"
    OK = "ok"
    ERROR = "error"
    DENIED = "denied"  # refused by a rule or a person, or stopped: it did not fail


class Tool(NamedTuple):
    """One use of a tool."""

    name: str
    started_us: int
    state: ToolState


class Message(NamedTuple):
    """One answer of the model, from as many lines as it had blocks."""

    model: str
    started_us: int
    ended_us: int
    usage: Usage
    stop_reason: str | None
    """Why it stopped; where no line tells, its output tokens are a lower bound."""
    cost_usd: float | None
    lines: int


@dataclass(slots=True)
class Call:
    """A use of a tool that starts, resumes or stops agents, and what came of it."""

    tool: str
    at_us: int
    description: str | None = None
    label: str | None = None
    """`[type/complexity]` at the head of the description."""
    guess: Guess | None = None
    """The type of its task, where no label tells it."""
    agent_type: str | None = None
    """As asked for; a hook may have changed it."""
    requested_model: str | None = None
    """As asked for: an alias; None where the call left it to others."""
    prompt: str | None = None
    prompt_hash: str | None = None
    answered_us: int | None = None
    status: str | None = None
    """`completed`, `async_launched`, `forked`, ...; None without an answer that tells."""
    is_error: bool = False
    denial: str | None = None
    agent_id: str | None = None
    """Of the agent that ran, was resumed or stopped."""
    run_id: str | None = None
    """Of a workflow."""
    ran_type: str | None = None
    """The type that really ran."""
    ran_prompt: str | None = None
    """What really ran, where a hook has changed it."""
    model: str | None = None
    duration_ms: int | None = None
    brought: Brought = Brought.NOTHING
    report: str | None = None
    api_failed: bool = False
    """Whether it was an API error that ended the agent; old clients say `completed` even so."""
    worktree: str | None = None
    branch: str | None = None


@dataclass(slots=True)
class Early:
    """An answer that stands before the use of the tool it belongs to."""

    at_us: int
    state: ToolState
    result: str | None
    call: Call


@dataclass(slots=True)
class Memory:
    """What is known of one transcript after the lines read so far."""

    version: int = MEMORY_VERSION
    lines: int = 0
    """How many lines have been taken in."""
    recent: list[str] = field(default_factory=list)
    """Ids of the latest lines: a line that is repeated says nothing new."""
    agent_id: str | None = None
    client_version: str | None = None
    project: str | None = None
    branch: str | None = None
    effort: str | None = None
    agent_type: str | None = None
    """As the lines of newer clients tell it."""
    now_us: int = 0
    """Time of the latest line that had one: it stands for the time of lines that have none."""
    first_us: int | None = None
    last_us: int | None = None
    """Of the conversation: what the client notes beside it may come later, or tell an earlier time."""
    prompt: str | None = None
    prompt_hash: str | None = None
    guess: Guess | None = None
    """The type of task that the prompt is."""
    has_user_line: bool = False
    delivered: bool = False
    """Whether any text was ever answered."""
    last: Last = Last.NOTHING
    last_text: str | None = None
    """Kept text of the last answer, or of the last API error."""
    api_error: str | None = None
    messages: dict[str, Message] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    """Texts so far of the latest messages: their other blocks may come in the next reading."""
    tools: dict[str, Tool] = field(default_factory=dict)
    early: dict[str, Early] = field(default_factory=dict)
    """The latest ones."""
    calls: dict[str, Call] = field(default_factory=dict)
    notifications: dict[str, Notification] = field(default_factory=dict)
    """The latest one of each task."""
    fresh_us: int | None = None
    """The first time that the client wrote of its own accord: older lines are copies from another session."""
    closed: bool = False
    """Whether the client has ended in good order since the last line of the conversation."""
    reopened_us: int | None = None
    """When the conversation went on after such an end."""
    client_cost_usd: float | None = None
    """The client's own running total for the session."""

    def model(self) -> str | None:
        """The model of the last answer."""
        return next((message.model for message in reversed(self.messages.values())), None)

    def usage(self) -> Usage:
        """Tokens of all answers."""
        total = Usage()
        for message in self.messages.values():
            total = total.plus(message.usage)
        return total

    def cost_usd(self) -> float | None:
        """Cost of all answers; None where the price of one is unknown, or where there is none."""
        costs = [message.cost_usd for message in self.messages.values()]
        if not costs or any(cost is None for cost in costs):
            return None
        total = sum(cost for cost in costs if cost is not None)
        return total if total <= MONEY_LIMIT_USD else None

    def output_is_exact(self) -> bool:
        """Whether every message told how it stopped."""
        return all(message.stop_reason is not None for message in self.messages.values())

    def has_ended_since(self, us: int) -> bool:
        """Whether the client has ended in good order after some time."""
        return self.closed or (self.reopened_us is not None and us < self.reopened_us)

    def stored(self) -> bytes:
        """The inverse of `restored`."""
        return _MEMORY.dump_json(self)


def restored(state: bytes) -> Memory | None:
    """What was remembered, or None where that is of no use any more."""
    try:
        memory = _MEMORY.validate_json(state)
    except ValidationError:
        return None
    return memory if memory.version == MEMORY_VERSION else None


_MEMORY: Final = TypeAdapter(Memory)
