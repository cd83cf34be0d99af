"""What can go wrong on this floor.

StoreError
├── StoreUnavailable        nothing could be read or written; trying again may help
│   ├── StoreBusy           another process holds the file
│   ├── StoreFull           no room on the disk
│   ├── StoreReadOnly       the file or its folder may not be written
│   ├── StoreMissing        the path cannot be opened or made
│   └── DiskFailed          the disk would not do what it was told
├── StoreCorrupt            the file is damaged, or is no database of ours
├── SchemaTooNew            a newer version of this program wrote the file
├── NoDatabase              there is nothing at the path, and only reading was asked for
├── UnknownEngine           no engine for this kind of address
└── BadCursor               a mark of a place that no answer contained
"""

from typing import Final

_SLASHES: Final = "three slashes before a path relative to this folder, four before one from the root"


class StoreError(Exception):
    """Base of all errors of a store. Its text says what to do."""


class StoreUnavailable(StoreError):
    """Nothing could be read or written now; the cause lies outside the file."""

    def __init__(self, location: str, problem: str, cure: str) -> None:
        self.location = location
        self.problem = problem
        super().__init__(f"{location}: {problem}; {cure}")


class StoreBusy(StoreUnavailable):
    """Another process held the file for longer than we wait."""

    def __init__(self, location: str) -> None:
        super().__init__(location, "the database is locked by another process", "try again, or end that process")


class StoreFull(StoreUnavailable):
    """The disk, or the size that the file may have, is used up."""

    def __init__(self, location: str) -> None:
        super().__init__(
            location, "no room is left for the database", "free some space, or run `delegation-telemetry prune`"
        )


class StoreReadOnly(StoreUnavailable):
    """The file or its folder may not be written."""

    def __init__(self, location: str, problem: str = "the database may not be written") -> None:
        super().__init__(location, problem, "give this user write access, or choose another file with --db")


class StoreMissing(StoreUnavailable):
    """The path cannot be opened, nor made."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(
            location, f"the database cannot be opened ({reason})", "check the path, or choose another file with --db"
        )


class DiskFailed(StoreUnavailable):
    """The disk, or a limit set to this process, would not let a read or a write through."""

    def __init__(self, location: str, reason: str) -> None:
        super().__init__(
            location,
            f"the disk could not be read or written ({reason})",
            "check the disk and the limits on file size, then try again",
        )


class StoreCorrupt(StoreError):
    """The file is damaged, or is no database of ours."""

    def __init__(self, location: str, reason: str) -> None:
        self.location = location
        super().__init__(
            f"{location}: not a usable database ({reason}); restore a backup, or move the file away and import again"
        )


class SchemaTooNew(StoreError):
    """A newer version of this program wrote the file."""

    def __init__(self, location: str, found: int, known: int) -> None:
        self.location = location
        self.found = found
        self.known = known
        super().__init__(f"{location}: schema {found} is newer than {known}; upgrade delegation-telemetry")


class NoDatabase(StoreError):
    """Nothing is at the path, and nothing should be made there."""

    def __init__(self, location: str, address: str) -> None:
        self.location = location
        meant = "" if "://" not in address else f" (of {address!r}; {_SLASHES})"
        super().__init__(
            f"no database at {location}{meant}; check the path, or make one there with `delegation-telemetry import`"
        )


class UnknownEngine(StoreError):
    """No engine is known for this kind of address."""

    def __init__(self, address: str) -> None:
        super().__init__(f"no store for {address!r}; give a file path or sqlite:///path ({_SLASHES})")


class BadCursor(StoreError):
    """What was given as a cursor was never returned by an answer."""

    def __init__(self, cursor: str) -> None:
        self.cursor = cursor
        super().__init__(f"{cursor[:80]!r} is no cursor; pass next_cursor exactly as it was returned, or none at all")
