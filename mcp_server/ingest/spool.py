"""The folder into which hooks put events, one file each, for whoever looks next.

A hook must not wait for us, nor for Python: a shell script leaves a file and is gone. A file is whole when it ends
with the line that the script writes last.
"""

import json
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

SUFFIX: Final = ".event"
_HEAD: Final = b"event 1 "
_TAIL: Final = b"\n.\n"
_SIZE_LIMIT_BYTES: Final = 32 * 1024 * 1024
_TORN_AFTER_S: Final = 60


@dataclass(frozen=True, slots=True)
class Letter:
    """One file of the spool."""

    path: Path
    at: datetime
    """When it was written: events carry no time of their own."""
    payload: dict[str, Any] | None
    """What the client told the hook; None where the file was never finished, or holds no JSON object."""
    process_id: int | None
    """Of the client."""


def letters(folders: Iterable[Path], now: datetime, limit: int, known: Collection[Path] = ()) -> list[Letter]:
    """What lies there, oldest first, without files that are being written.

    Folders that are not there are empty; what belongs to another user is left alone.

    Args:
        folders: where to look.
        now: the present time.
        limit: at most so many.
        known: files that are left out, for they could not be removed.
    """
    found = sorted(entry for folder in folders for entry in _files(folder) if entry[1] not in known)
    opened = (_letter(path, written, now) for written, path in found[:limit])
    return [letter for letter in opened if letter is not None]


def discard(read: Sequence[Letter]) -> None:
    """Remove what has been stored. Another process may have been faster."""
    for letter in read:
        with suppress(OSError):
            letter.path.unlink()


def _files(folder: Path) -> list[tuple[float, Path]]:
    """Events that this user left in a folder of their own, with the time of each."""
    found: list[tuple[float, Path]] = []
    with suppress(OSError), os.scandir(folder) as entries:
        if folder.stat().st_uid != os.getuid():
            return []
        for entry in entries:
            with suppress(FileNotFoundError):  # another process has taken it in
                told = entry.stat(follow_symlinks=False)
                if entry.name.endswith(SUFFIX) and stat.S_ISREG(told.st_mode) and told.st_uid == os.getuid():
                    found.append((told.st_mtime, Path(entry.path)))
    return found


def _letter(path: Path, written: float, now: datetime) -> Letter | None:
    at = datetime.fromtimestamp(written, tz=UTC)
    try:
        content = path.read_bytes() if path.stat().st_size <= _SIZE_LIMIT_BYTES else b""
    except OSError:
        return None
    head, _, rest = content.partition(b"\n")
    if not (head.startswith(_HEAD) and rest.endswith(_TAIL)):
        # It is being written, or its writer died.
        return Letter(path, at, None, None) if (now - at).total_seconds() > _TORN_AFTER_S else None
    told = head.removeprefix(_HEAD).strip()
    process_id = int(told) if told.isdigit() and len(told) < 10 else None  # noqa: PLR2004 - no process has more digits
    return Letter(path, at, _object(rest.removesuffix(_TAIL)), process_id)


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text.decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
