"""Changes to files of the user: whole or not at all, and each can be undone."""

import base64
import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mcp_server.service.errors import ServiceError

_LIMIT_BYTES: Final = 1024 * 1024
_REMEMBERED: Final = 20
_PRIVATE_FOLDER: Final = 0o700
_FOR_ALL: Final = 0o666


class UnusableFile(ServiceError):
    """A file that cannot be read or changed as it is."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One file before and after."""

    path: Path
    before: bytes | None
    """None: there is no such file yet."""
    after: bytes | None
    """None: the file goes."""
    models: tuple[str | None, str] | None = None
    """Of a definition: its model before and after."""
    notes: Sequence[str] = ()
    """What somebody should know before saying yes."""


@dataclass(frozen=True, slots=True)
class Write:
    """What is remembered of one change."""

    before: bytes | None
    after: str
    """Hash of what was written; empty where the file went."""
    models: tuple[str | None, str] | None


class UserFiles:
    """Reads and replaces files, and remembers what they held before."""

    def __init__(self, memory: Path) -> None:
        """Change files.

        Args:
            memory: a folder of ours, made when it is needed.
        """
        self._memory = memory

    def read(self, path: Path) -> bytes | None:
        """What a file holds; None where there is none. Links are followed.

        Raises:
            UnusableFile: it is no plain file, too large, or a link that leads nowhere.
        """
        target = self.target(path)
        try:
            found = target.stat()
            if not stat.S_ISREG(found.st_mode):
                raise UnusableFile(path, "it is no plain file")
            if found.st_size > _LIMIT_BYTES:
                raise UnusableFile(path, "it is larger than 1 MiB")
            return target.read_bytes()
        except FileNotFoundError:
            return None

    def target(self, path: Path) -> Path:
        """The file that a path leads to.

        Raises:
            UnusableFile: it is a link that leads nowhere, or in a circle.
        """
        try:
            return path.resolve(strict=path.is_symlink())
        except (OSError, RuntimeError):
            raise UnusableFile(path, "it is a link that leads nowhere; name the file itself") from None

    def write(self, edit: Edit) -> None:
        """Replace a file at once, with its mode kept, and remember what it held.

        Raises:
            UnusableFile: it is no longer what the change was made from.
        """
        self._check(edit)
        writes = [*self.writes(edit.path), Write(edit.before, _hash(edit.after), edit.models)]
        self._remember(edit.path, writes[-_REMEMBERED:])
        self._put(edit)

    def take_back(self, edit: Edit) -> None:
        """Replace a file by what it held before, and forget the changes that are undone by that.

        Raises:
            UnusableFile: it is no longer what was looked at.
        """
        self._check(edit)
        self._put(edit)
        writes, held = self.writes(edit.path), _hash(edit.before)
        undone = next((place for place, one in reversed(list(enumerate(writes))) if one.after == held), 0)
        self._remember(edit.path, writes[:undone])

    def writes(self, path: Path) -> list[Write]:
        """The changes that are remembered of a file, oldest first."""
        try:
            found: list[dict[str, Any]] = json.loads(self._record(path).read_text(encoding="utf-8"))["writes"]
            return [
                Write(
                    None if one["before"] is None else base64.b64decode(one["before"]),
                    one["after"],
                    None if one["models"] is None else (one["models"][0], one["models"][1]),
                )
                for one in found
            ]
        except (OSError, ValueError, KeyError, TypeError):
            return []  # what was there is lost, and the file itself still says what is ours

    def last_write(self, path: Path, content: bytes | None) -> Write | None:
        """The newest remembered change that left a file as it is now."""
        return next((one for one in reversed(self.writes(path)) if one.after == _hash(content)), None)

    def _check(self, edit: Edit) -> None:
        if self.read(edit.path) != edit.before:
            raise UnusableFile(edit.path, "it was changed meanwhile; nothing is written, run the command again")

    def _put(self, edit: Edit) -> None:
        target = self.target(edit.path)
        if edit.after is None:
            target.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.stat() if edit.before is not None else None
        _replace(target, edit.after, before)

    def _record(self, path: Path) -> Path:
        name = hashlib.blake2b(os.fsencode(self.target(path)), digest_size=16).hexdigest()
        return self._memory / f"{name}.json"

    def _remember(self, path: Path, writes: Sequence[Write]) -> None:
        record = self._record(path)
        if not writes:
            record.unlink(missing_ok=True)
            return
        rows = [
            {
                "before": None if one.before is None else base64.b64encode(one.before).decode(),
                "after": one.after,
                "models": one.models,
            }
            for one in writes
        ]
        for folder in (self._memory.parent, self._memory):
            folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        whole = {"path": os.fsdecode(self.target(path)), "writes": rows}
        # Text that is no text in the file system's encoding stays readable as escapes.
        _replace(record, json.dumps(whole).encode("ascii"), None, private=True)


def _hash(content: bytes | None) -> str:
    return "" if content is None else hashlib.sha256(content).hexdigest()


def _replace(target: Path, content: bytes, before: os.stat_result | None, *, private: bool = False) -> None:
    """Put a new file in the place of another; readers see the one or the other."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".delegation-telemetry-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if before is not None:
                with contextlib.suppress(PermissionError):  # only root may give files away
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            elif not private:
                os.fchmod(file.fileno(), _FOR_ALL & ~_umask())
        os.replace(name, target)  # noqa: PTH105 - the name is a string already
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - as above
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
