"""Points in time as people and models write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mcp_server.service.errors import BadArgument

_SPAN: Final = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_HOW: Final = (
    "give an ISO 8601 time such as 2026-11-20T09:00:00Z or 2026-11-20, or a span back from now such as 7d or 24h"
)


def is_fixed(text: str | None) -> bool:
    """Whether it names a time that is the same whenever it is read."""
    return text is not None and _SPAN.fullmatch(text.strip()) is None


def moment(name: str, text: str | None, now: datetime) -> datetime | None:
    """The time that a text means: ISO 8601 (UTC where it names no zone), or a span back from now.

    Raises:
        BadArgument: it is neither.
    """
    if text is None:
        return None
    written = text.strip()
    back = _SPAN.fullmatch(written)
    try:
        if back is not None:
            return now - timedelta(**{_UNITS[back[2]]: int(back[1])})
        found = datetime.fromisoformat(written)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadArgument(name, text, _HOW) from None
