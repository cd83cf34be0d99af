"""Answers that never grow too large: strings are cut first, then items are left for the next page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.service.shapes import shorten

DEFAULT_CHARS: Final = 24_000
_STRING_LIMITS: Final = (8_000, 2_000, 600, 240, 100, 40)
_NEVER_CUT: Final = frozenset({"span_id", "parent_span_id", "session_id", "agent_id", "tool_use_id", "next_cursor"})


def size(answer: Any) -> int:
    """Characters of an answer as it is sent."""
    return len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))


def fitted(
    answer: Mapping[str, Any], key: str, max_chars: int | None, *, shortest: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """As many items of `answer[key]`, as little cut, as fit.

    Args:
        answer: the whole answer with all items.
        key: where its items stand.
        max_chars: characters of the whole; None does not limit.
        shortest: strings are not cut to fewer characters; rather, items are left for the next page.

    Returns:
        The items, from the first on, and how many there are of them. At least one item is returned, however large.
    """
    items: list[dict[str, Any]] = list(answer[key])
    if max_chars is None:
        return items, len(items)
    frame = size({**answer, key: []}) + 64  # room for a cursor
    if frame + size(items) <= max_chars:
        return items, len(items)
    string, sequence = _longest(items)
    for limit in _STRING_LIMITS:
        if limit < shortest or (string <= limit and sequence <= _few(limit)):
            continue
        items = [_cut(item, limit) for item in items]
        if frame + size(items) <= max_chars:
            return items, len(items)
    return _head(items, max_chars - frame)


def _head(items: Sequence[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], int]:
    kept: list[dict[str, Any]] = []
    for item in items:
        room -= size(item) + 1
        if room < 0 and kept:
            break
        kept.append(item)
    return kept, len(kept)


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return shorten(value, limit)
    if isinstance(value, dict):
        return {name: part if name in _NEVER_CUT else _cut(part, limit) for name, part in value.items()}
    if isinstance(value, list):
        few = _few(limit)
        shown = [_cut(part, limit) for part in value[:few]]
        return shown if len(value) <= few else [*shown, f"…[+{len(value) - few} more]"]
    return value


def _few(limit: int) -> int:
    return max(4, limit // 20)


def _longest(items: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """The length of the longest string and of the longest list in some items: what is short is not worth a try."""
    string = sequence = 0
    waiting: list[Any] = [value for item in items for value in item.values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            string = max(string, len(value))
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            sequence = max(sequence, len(value))
            waiting += value
    return string, sequence
