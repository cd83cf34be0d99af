"""One event of the client's hooks, understood and made fit to be kept. Pure."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mcp_server.ingest.claude_code import agent_calls
from mcp_server.ingest.claude_code.content import mapping, string
from mcp_server.ingest.claude_code.identity import hashed
from mcp_server.ingest.claude_code.memory import Call
from mcp_server.ingest.claude_code.notifications import Notification, is_notification, parse
from mcp_server.ingest.texts import PATH_LIMIT, TextKeeper
from mcp_server.ingest.times import microseconds_of
from storage.records import HookEvent

SESSION_END: Final = "SessionEnd"
PROMPT: Final = "UserPromptSubmit"
BEFORE_TOOL: Final = "PreToolUse"
AFTER_TOOL: Final = "PostToolUse"
AGENT_START: Final = "SubagentStart"
AGENT_STOP: Final = "SubagentStop"
STOP: Final = "Stop"
MODEL_SET: Final = "ModelSet"
"""No event of the client: a hook of ours tells that it has set the model of a delegation."""

_IN_JSON: Final = ("tool_input", "tool_response")
_DIGEST_BYTES: Final = 16


class BadEvent(ValueError):
    """What was given is no hook event; the text says what is missing."""


@dataclass(slots=True, kw_only=True)
class Told:
    """What one event tells, redacted and bounded."""

    transcript: str | None = None
    """Path of the main transcript, as the client names it."""
    project: str | None = None
    agent_id: str | None = None
    """Of the agent inside which it happened, or which it is about."""
    agent_type: str | None = None
    effort: str | None = None
    tool_use_id: str | None = None
    call: Call | None = None
    """A use of a tool that starts, resumes or stops agents, with its answer if that is known."""
    notice: Notification | None = None
    text: str | None = None
    """A person's prompt, or the last words of an agent."""
    text_hash: str | None = None
    model: str | None = None
    """The alias that a hook of ours has set."""


@dataclass(frozen=True, slots=True)
class ModelSet:
    """A delegation that named no model, and was given one by a hook of ours."""

    event_id: str
    session_id: str
    at: datetime
    tool_use_id: str
    """Of the call that delegates."""
    agent_type: str
    alias: str


_TOLD: Final = TypeAdapter(Told)


def event_of(
    payload: Mapping[str, Any], keep: TextKeeper, at: datetime, *, process_id: int | None = None, once: bool = False
) -> HookEvent:
    """The event that a hook was given.

    Args:
        payload: what the client wrote to the hook. Where a hook calls a tool, inner objects come as JSON text.
        keep: what becomes of texts.
        at: when it happened: events carry no time.
        process_id: of the client.
        once: whether an equal payload is the same event, whenever it comes.

    Raises:
        BadEvent: it names no session, or no event.
    """
    session_id, name = string(payload.get("session_id")), string(payload.get("hook_event_name"))
    if session_id is None or name is None:
        missing = "session_id" if session_id is None else "hook_event_name"
        raise BadEvent(f"{missing} is missing: give the whole JSON object that the client hands to its hooks")
    told = _told(name, _unfolded(payload), keep, microseconds_of(at))
    return HookEvent(
        event_id=_event_id(payload, None if once else at),
        session_id=keep.identifier(session_id) or "",
        at=at,
        name=keep.name(name) or "",
        process_id=process_id,
        body=_TOLD.dump_json(told, exclude_defaults=True),
    )


def told_by(event: HookEvent) -> Told:
    """What a kept event tells; nothing where another version wrote it in its own way."""
    try:
        return _TOLD.validate_json(event.body)
    except ValidationError:
        return Told()


def model_set(event: HookEvent) -> ModelSet | None:
    """The model that this event says was set; None for every other event."""
    told = told_by(event) if event.name == MODEL_SET else Told()
    if told.tool_use_id is None or told.agent_type is None or told.model is None:
        return None
    return ModelSet(event.event_id, event.session_id, event.at, told.tool_use_id, told.agent_type, told.model)


def _told(name: str, payload: Mapping[str, Any], keep: TextKeeper, at_us: int) -> Told:
    told = Told(
        transcript=keep.name(string(payload.get("transcript_path")), PATH_LIMIT),
        project=keep.name(string(payload.get("cwd")), PATH_LIMIT),
        agent_id=keep.identifier(string(payload.get("agent_id"))),
        agent_type=keep.name(string(payload.get("agent_type"))),
        effort=keep.name(string(mapping(payload.get("effort")).get("level"))),
        tool_use_id=keep.identifier(string(payload.get("tool_use_id"))),
    )
    if name in (BEFORE_TOOL, AFTER_TOOL):
        told.call = _call(name, payload, keep, at_us)
    elif name == PROMPT:
        prompt = string(payload.get("prompt")) or ""
        told.notice = parse(prompt, at_us, keep)
        if not is_notification(prompt):
            told.text, told.text_hash = keep.text(prompt), hashed(prompt)
    elif name in (AGENT_STOP, STOP):
        told.text = keep.text(string(payload.get("last_assistant_message")))
    elif name == MODEL_SET:
        told.model = keep.name(string(payload.get("model")))
    return told


def _call(name: str, payload: Mapping[str, Any], keep: TextKeeper, at_us: int) -> Call | None:
    tool = string(payload.get("tool_name")) or ""
    call = agent_calls.started(tool, mapping(payload.get("tool_input")), at_us, keep)
    if call is None or name == BEFORE_TOOL:
        return call
    return agent_calls.answered(call, {"toolUseResult": payload.get("tool_response")}, {}, at_us, keep)


def _unfolded(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload with its inner objects as objects: hooks that call a tool can only pass text."""
    inner = {name: _object(payload[name]) for name in _IN_JSON if isinstance(payload.get(name), str)}
    return {**payload, **inner}


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _event_id(payload: Mapping[str, Any], at: datetime | None) -> str:
    whole = json.dumps([payload, at.isoformat() if at else None], sort_keys=True, default=str)
    return hashlib.blake2b(whole.encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()
