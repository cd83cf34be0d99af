"""Opaque marks of a place in a long answer; stable while new rows arrive."""

import base64
import json
from typing import Final, TypeVar

from storage.errors import BadCursor
from storage.fields import well_formed

Key = TypeVar("Key", int, str)

_LIMIT: Final = 2000  # characters; an id has at most 200, each perhaps escaped
_INTEGERS: Final = range(-(2**63), 2**63)


def encode(us: int, key: str | int) -> str:
    """A cursor after the row with this time and this key."""
    return base64.urlsafe_b64encode(json.dumps([us, key]).encode()).decode().rstrip("=")


def decode(cursor: str, key_type: type[Key]) -> tuple[int, Key]:
    """The inverse of `encode`.

    Raises:
        BadCursor: `cursor` was not made by `encode` with such a key.
    """
    try:
        if len(cursor) > _LIMIT:
            raise BadCursor(cursor)
        us, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise BadCursor(cursor) from None
    if type(us) is not int or type(key) is not key_type or us not in _INTEGERS:
        raise BadCursor(cursor)
    if isinstance(key, int):
        if key not in _INTEGERS:
            raise BadCursor(cursor)
        return us, key
    return us, well_formed(key)
