"""The content of messages: a string, or a list of blocks of many kinds, some of them unknown."""

from collections.abc import Iterator
from typing import Any

from storage.fields import COUNT_LIMIT


def blocks(content: Any) -> Iterator[dict[str, Any]]:
    """The blocks of a message; a plain string is one text block."""
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (block for block in content if isinstance(block, dict))


def text_of(content: Any) -> str:
    """All text of a content, joined by newlines."""
    return "\n".join(text for block in blocks(content) if isinstance(text := block.get("text"), str))


def last_text(content: Any) -> str | None:
    """The last text block of a content."""
    found = [text for block in blocks(content) if isinstance(text := block.get("text"), str)]
    return found[-1] if found else None


def string(value: Any) -> str | None:
    """`value` if it is a string with something in it."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> int:
    """`value` as a count; 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_LIMIT else 0


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
