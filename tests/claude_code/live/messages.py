"""Answers of a model in the form of the Messages API, whole and as a stream of events. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.claude_code.live.script import AGENT, Step

_TAG: Final = re.compile(r"\[\[script:([A-Za-z0-9_.-]+)\]\]")
_AGENT_ID: Final = re.compile(r"agent_?[iI]d:?\s*[\"']?([A-Za-z0-9_-]{6,})")
_DELEGATING_TOOLS: Final = ("Agent", "Task")

Body = Mapping[str, Any]


def place(body: Body) -> tuple[str | None, int]:
    """The script that a conversation follows, by the last tag in its user's words, and how many answers came since.

    No script has requests of the client's own, such as for a title, which repeat the words but offer no tools.
    """
    messages = (body.get("messages") or []) if body.get("tools") else []
    for place_from_start, message in reversed(list(enumerate(messages))):
        tags = [tag for text in _own_texts(message) for tag in _TAG.findall(text)]
        if tags:
            return tags[-1], sum(later["role"] == "assistant" for later in messages[place_from_start + 1 :])
    return None, 0


def _own_texts(message: Body) -> list[str]:
    """What a user said; results of tools are not words of theirs."""
    content = message["content"]
    if message["role"] != "user":
        return []
    return [content] if isinstance(content, str) else [block["text"] for block in content if block["type"] == "text"]


def usage(number: int) -> dict[str, Any]:
    """Tokens of the n-th request, n >= 1: in every class another count for every request."""
    five_minutes, hour = 40 + 3 * number, 11 * (number % 3)
    return {
        "input_tokens": 5 + number,
        "output_tokens": 20 + 7 * number,
        "cache_read_input_tokens": 900 + 13 * number,
        "cache_creation_input_tokens": five_minutes + hour,
        "cache_creation": {"ephemeral_5m_input_tokens": five_minutes, "ephemeral_1h_input_tokens": hour},
        "service_tier": "standard",
    }


def message(step: Step, body: Body, number: int, play: str, folders: Mapping[str, str]) -> dict[str, Any]:
    """The answer to the n-th request of a play; `folders` stand for their names in braces."""
    content: list[dict[str, Any]] = [] if step.text is None and step.uses else [{"type": "text", "text": step.text}]
    names = dict(folders) | {"agent": next(_agent_ids(body), "none-yet")}
    for index, use in enumerate(step.uses):
        used = {name: _filled(value, names) for name, value in use.input.items()}
        tool = _delegating_tool(body) if use.tool == AGENT else use.tool
        content.append({"type": "tool_use", "id": f"toolu_{play}_{number}_{index}", "name": tool, "input": used})
    return {
        "id": f"msg_{play}_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "tool_use" if step.uses else "end_turn",
        "stop_sequence": None,
        "usage": usage(number),
    }


def _delegating_tool(body: Body) -> str:
    offered = {tool.get("name") for tool in body.get("tools") or []}
    return next((name for name in _DELEGATING_TOOLS if name in offered), _DELEGATING_TOOLS[0])


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, meant in names.items():
            value = value.replace(f"{{{name}}}", meant)
    return value


def _agent_ids(body: Body) -> Iterator[str]:
    """Ids of agents as the results of tools tell them."""
    for told in body.get("messages") or []:
        if told["role"] == "user" and not isinstance(told["content"], str):
            for block in told["content"]:
                if block["type"] == "tool_result":
                    yield from _AGENT_ID.findall(json.dumps(block["content"]).replace('\\"', '"'))


def events(whole: Body) -> Iterator[bytes]:
    """An answer as the events of a stream; the usage is told in part at the start, and as a whole at the end."""
    first = {**whole["usage"], "output_tokens": 1}
    yield _event("message_start", message={**whole, "content": [], "stop_reason": None, "usage": first})
    for index, block in enumerate(whole["content"]):
        opened: Body = {"type": "text", "text": ""}
        delta: Body = {"type": "text_delta", "text": block.get("text")}
        if block["type"] == "tool_use":
            opened = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event("content_block_start", index=index, content_block=opened)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ended = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    counts = {name: count for name, count in whole["usage"].items() if isinstance(count, int)}
    yield _event("message_delta", delta=ended, usage=counts)
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
