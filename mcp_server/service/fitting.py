"""Answers that do not grow too large: texts are cut first, then items are left for the next page; names stay whole."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from mcp_server.service.shapes import shorten

DEFAULT_CHARS: Final = 24_000
_STRING_LIMITS: Final = (8_000, 2_000, 600, 240, 100, 40)
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NEVER_CUT: Final = frozenset(
    {
        "span_id", "parent_span_id", "session_id", "agent_id", "tool_use_id",
        "key", "agent_type", "agent_version", "model", "project", "task_type", "guessed_type",
    }
)  # fmt: skip
"""Fields of an item by which it is told from others, and asked for: cut, they would name several things, or none."""


def size(answer: Any) -> int:
    """Characters of an answer as it is sent."""
    return len(_COMPACT.encode(answer))


def fitted(
    answer: Mapping[str, Any], key: str, max_chars: int | None, *, shortest: int = 0
) -> tuple[list[dict[str, Any]], int]:
    """As many items of `answer[key]`, as little cut, as fit; ids and names are never cut.

    Args:
        answer: the whole answer with all items.
        key: where its items stand.
        max_chars: characters of the whole; None does not limit.
        shortest: strings are not cut to fewer characters; rather, items are left for the next page.

    Returns:
        The items, from the first on, and how many there are of them. At least one item is returned, however large:
        only where the names of one alone take more, the whole is longer than `max_chars`.
    """
    items: list[dict[str, Any]] = list(answer[key])
    if max_chars is None:
        return items, len(items)
    room = max_chars - size({**answer, key: []}) - 64  # for a cursor
    sizes = _sizes(items)
    if sum(sizes) < room:
        return items, len(items)
    string, sequence = _longest(items)
    for limit in _STRING_LIMITS:
        if limit < shortest or (string <= limit and sequence <= _few(limit)):
            continue
        items = [_with_short_texts(item, limit) for item in items]
        sizes = _sizes(items)
        if sum(sizes) < room:
            return items, len(items)
    kept = max(1, bisect_right(list(accumulate(sizes)), room))
    return items[:kept], min(kept, len(items))


def _sizes(items: Sequence[dict[str, Any]]) -> list[int]:
    """Of each item, with the comma after it."""
    return [size(item) + 1 for item in items]


def _with_short_texts(item: dict[str, Any], limit: int) -> dict[str, Any]:
    return {name: part if name in _NEVER_CUT else _cut(part, limit) for name, part in item.items()}


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str):
        return shorten(value, limit)
    if isinstance(value, dict):
        return {name: _cut(part, limit) for name, part in value.items()}
    if isinstance(value, list):
        few = _few(limit)
        shown = [_cut(part, limit) for part in value[:few]]
        return shown if len(value) <= few else [*shown, f"…[+{len(value) - few} more]"]
    return value


def _few(limit: int) -> int:
    return max(4, limit // 20)


def _longest(items: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Length of the longest string and of the longest list that may be cut: what is short is not worth a try."""
    string = sequence = 0
    waiting: list[Iterable[Any]] = [[part for name, part in item.items() if name not in _NEVER_CUT] for item in items]
    while waiting:
        for value in waiting.pop():
            if isinstance(value, str):
                string = max(string, len(value))
            elif isinstance(value, dict):
                waiting.append(value.values())
            elif isinstance(value, list):
                sequence = max(sequence, len(value))
                waiting.append(value)
    return string, sequence
