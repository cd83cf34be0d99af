"""Versions of the client, as far as what it writes depends on them."""

import re
from typing import Final

_FIRST_WITH_TURN_LIMITS: Final = (2, 1, 0)
_FIRST_WITH_REGISTER: Final = (2, 1, 100)
_FIRST_WITH_META: Final = (2, 1, 100)
_FIRST_WITH_ORIGINS: Final = (2, 1, 183)
_FIRST_WITH_DENIALS: Final = (2, 1, 240)
_FIRST_WITH_END_MARK: Final = (2, 1, 329)
_OLDEST_TRIED: Final = (2, 0, 77)
_NEWEST_TRIED: Final = (2, 1, 329)
TRIED: Final = "2.0.77 to 2.1.329"
_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")


def parsed(version: str | None) -> tuple[int, ...]:
    """A version as numbers that can be compared; empty, and so older than any, where there is none."""
    found = _VERSION.match(version or "")
    return tuple(int(part) for part in found.groups()) if found else ()


def is_tried(version: str | None) -> bool:
    """Whether a version lies between those with which all this was tried."""
    return _OLDEST_TRIED <= parsed(version) <= _NEWEST_TRIED


def limits_turns(version: str | None) -> bool:
    """Whether a client stops an agent at the turn limit of its definition."""
    return parsed(version) >= _FIRST_WITH_TURN_LIMITS


def keeps_register(version: str | None) -> bool:
    """Whether a client notes its running processes in a register."""
    return parsed(version) >= _FIRST_WITH_REGISTER


def describes_agents(version: str | None) -> bool:
    """Whether a client keeps a `meta.json` beside an agent's transcript, and names its type in the answer."""
    return parsed(version) >= _FIRST_WITH_META


def tells_origins(version: str | None) -> bool:
    """Whether a client says of a user's line that it is a notification, where it is one."""
    return parsed(version) >= _FIRST_WITH_ORIGINS


def tells_denials(version: str | None) -> bool:
    """Whether a client says in a field why a use of a tool was refused or stopped, and not only in words."""
    return parsed(version) >= _FIRST_WITH_DENIALS


def marks_its_end(version: str | None) -> bool:
    """Whether a client leaves a `cost-state` line when it ends in good order."""
    return parsed(version) >= _FIRST_WITH_END_MARK
