"""What an import did."""

from dataclasses import dataclass, field
from pathlib import Path

from storage.queries import Added, Change


@dataclass(slots=True)
class ImportReport:
    """What an import did."""

    files: int = 0
    sessions_read: int = 0
    sessions_unchanged: int = 0
    created: int = 0
    updated: int = 0
    bytes_read: int = 0
    unreadable_lines: int = 0
    decisions: int = 0
    """Routing decisions that `export --decisions` wrote: no spans, and passed over."""
    problems: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be read, and why. The others were read."""

    def count(self, added: Added) -> None:
        """Take in what one batch did."""
        self.created += sum(change is Change.CREATED for change in added.spans)
        self.updated += sum(change is Change.UPDATED for change in added.spans)
