"""A stretch of a text that must not be kept, and the mark that is left in its place."""

import re
from typing import Final, NamedTuple

MARKER_START: Final = "[redacted:"
MARKER: Final = re.compile(re.escape(MARKER_START) + r"[a-z-]{1,40}\]")


class Finding(NamedTuple):
    """The characters from `start` up to `end` are a secret."""

    start: int
    end: int
    kind: str
    """What was found, for the marker: lower case and hyphens."""


def marker(kind: str) -> str:
    """What stands in a text where a secret was."""
    return f"{MARKER_START}{kind}]"
