"""Where JSON lines are written: stdout, one new file, or one new file for each agent."""

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self

from mcp_server.cli.rendering import json_text

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+|^\.+")
_NAME_LIMIT: Final = 100


class Target(Protocol):
    """Takes rows as long as it is open."""

    def __enter__(self) -> Self:
        """Open it."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        ...

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row as one line of JSON."""
        ...


class OneFile:
    """A new file, or stdout, which stays open. A question that is refused leaves no file behind."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None and (self._file is not None or kind is None):
            self._opened().close()

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row as one line of JSON."""
        self._opened().write(_line(row))

    def _opened(self) -> IO[str]:
        if self._file is None:
            self._file = sys.stdout if self._path is None else open(self._path, "x", encoding="utf-8", opener=_private)  # noqa: SIM115 - a path has no opener
        return self._file


class FilePerAgent:
    """A folder with one new file for each agent type; which file is whose depends on the agent type alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: dict[str, Path] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        return

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row as one line of JSON to the file of its agent."""
        agent_type = str(row.get("metadata", row)["agent_type"])
        is_new = agent_type not in self._begun
        if is_new:
            self._begun[agent_type] = self._folder / file_name(agent_type)
        # Not kept open: there may be more agents than a process may have files.
        with open(self._begun[agent_type], "x" if is_new else "a", encoding="utf-8", opener=_private) as file:
            file.write(_line(row))


def file_name(agent_type: str) -> str:
    """A file name that is safe in every folder, and that no other agent type has, also where case does not count."""
    safe = _UNSAFE.sub("_", agent_type)[:_NAME_LIMIT]
    if safe != agent_type or safe != safe.lower():
        safe += f"-{hashlib.sha256(agent_type.encode()).hexdigest()[:8]}"
    return f"{safe}.jsonl"


def _private(path: str, flags: int) -> int:
    """What is exported are texts of a private history: only this user may read a new file."""
    return os.open(path, flags, 0o600)


def _line(row: Mapping[str, Any]) -> str:
    return json_text(row) + "\n"
