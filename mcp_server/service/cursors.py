"""Opaque marks of a place in an answer, each good for the question that it was given for."""

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from typing import Final

from mcp_server.service.errors import BadArgument

_MARK: Final = "after:"
_DIGEST_CHARS: Final = 10


def encode(key: str, *question: object) -> str:
    """A cursor after the item with this key.

    Args:
        key: names the item.
        question: what was asked, in values that JSON knows: as it was given, for `7d` is another time at every call.
    """
    text = f"{_MARK}{_digest(question)}:{key}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *question: object) -> str:
    """The inverse of `encode`.

    Raises:
        BadArgument: it was not made by `encode`, or for another question.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        text = ""
    if not text.startswith(_MARK):
        raise BadArgument("cursor", cursor, "pass next_cursor exactly as it was returned, or leave it out")
    digest, _, key = text.removeprefix(_MARK).partition(":")
    if digest != _digest(question):
        raise BadArgument(
            "cursor",
            cursor,
            "it belongs to another question; pass next_cursor exactly as it was returned, with the same arguments, or"
            " leave it out",
        )
    return key


def place_after(keys: Sequence[str], cursor: str | None, question: tuple[object, ...]) -> int:
    """Where to go on among these keys: after the one at which the cursor stands; at the first without a cursor.

    Raises:
        BadArgument: the cursor was not made by `encode`, or for another question, or its key is none of these.
    """
    if cursor is None:
        return 0
    mark = decode(cursor, *question)
    if mark not in keys:
        raise BadArgument("cursor", cursor, "the span it stood at is gone; begin again without a cursor")
    return keys.index(mark) + 1


def _digest(question: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(question).encode()).hexdigest()[:_DIGEST_CHARS]
