"""What a check of the installation finds."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    check: str
    state: State
    text: str
    cure: str | None = None

    def as_object(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
