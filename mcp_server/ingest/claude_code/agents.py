"""Agents that a project or a user has defined, as far as a delegating agent sees them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LIMIT_BYTES: Final = 1024 * 1024
_FILES_LIMIT: Final = 200
_DESCRIPTION_CHARS: Final = 1000
_NAME_CHARS: Final = 200
_FRONT: Final = re.compile(r"\A---[ \t]*\r?\n(.*?)^---", re.DOTALL | re.MULTILINE)
_ENTRY: Final = re.compile(r"^([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_BLOCK: Final = re.compile(r"^[|>][+-]?\s*")
_INHERITS: Final = frozenset({"", "inherit"})


@dataclass(frozen=True, slots=True)
class DefinedAgent:
    """One definition."""

    name: str
    model: str | None
    """As it is written there, often an alias; None where it inherits that of its parent."""
    description: str
    """In one line; empty where there is none."""


def defined_agents(folders: Iterable[Path]) -> list[DefinedAgent]:
    """Agents defined in some folders, by name; of two with one name that of the earlier folder.

    What cannot be read is left out: folders are named by strangers.
    """
    found: dict[str, DefinedAgent] = {}
    for folder in folders:
        for agent in _in(folder):
            found.setdefault(agent.name, agent)
    return [found[name] for name in sorted(found)]


def _in(folder: Path) -> list[DefinedAgent]:
    try:
        paths = sorted(folder.rglob("*.md"))[:_FILES_LIMIT]
    except (OSError, ValueError):
        return []
    found: list[DefinedAgent] = []
    for path in paths:
        try:
            if path.stat().st_size <= _LIMIT_BYTES:
                found.append(_agent(path.stem, path.read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return found


def _agent(stem: str, text: str) -> DefinedAgent:
    front = _FRONT.match(text)
    entries = {name.lower(): _plain(value) for name, value in _ENTRY.findall(front[1])} if front else {}
    model = entries.get("model", "")[:_NAME_CHARS]
    return DefinedAgent(
        name=(entries.get("name") or stem)[:_NAME_CHARS],
        model=None if model.lower() in _INHERITS else model,
        description=entries.get("description", "")[:_DESCRIPTION_CHARS],
    )


def _plain(value: str) -> str:
    """A value of front matter in one line, without quotes."""
    line = " ".join(_BLOCK.sub("", value).split())
    return line[1:-1] if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'" else line
