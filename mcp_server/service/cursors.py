"""Opaque marks of a place in an answer that is put together here."""

import base64
import binascii

from mcp_server.service.errors import BadArgument

_MARK = "after:"


def encode(key: str) -> str:
    """A cursor after the item with this key."""
    return base64.urlsafe_b64encode(f"{_MARK}{key}".encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """The inverse of `encode`.

    Raises:
        BadArgument: it was not made by `encode`.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        text = ""
    if not text.startswith(_MARK):
        raise BadArgument("cursor", cursor, "pass next_cursor exactly as it was returned, or leave it out")
    return text.removeprefix(_MARK)
