"""Which files a tool call changed, and which lines it brought and took."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mcp_server.analysis.evidence.git import asked_of_git
from mcp_server.analysis.evidence.programs import name_of, unwrapped
from mcp_server.analysis.evidence.shell import Simple
from storage.records import Span

_IN_PLACE: Final = re.compile(r"-[a-zA-Z]*i\S*|--in-place\S*")
_WITH_TARGET: Final = frozenset({"mv", "cp", "install", "ln"})
_WITH_TARGETS: Final = frozenset({"rm", "touch", "tee", "truncate"})
_FORMATTERS: Final = {
    "black": "--check",
    "isort": "--check",
    "prettier": "--check",
    "gofmt": "-l",
    "rustfmt": "--check",
}
_LEAST_LINE: Final = 3
_LINES: Final = 2000


@dataclass(frozen=True, slots=True)
class Edit:
    """Files were changed."""

    at: datetime
    author: str
    """Span of the agent's run."""
    event_id: str
    paths: frozenset[str]
    """Empty where it is not known which."""
    added: frozenset[str] = frozenset()
    """Lines that it brought, as far as they are told."""
    removed: frozenset[str] = frozenset()
    whole: frozenset[str] | None = None
    """All lines of the file, where it was written as a whole."""


def edit_by_editor(span: Span, used: Mapping[str, Any], author: str) -> Edit | None:
    """What a call of an editor changed; None where that is unknown, or a file of the client's own.

    Args:
        span: the call.
        used: its input.
        author: span of the agent's run.
    """
    path = used.get("file_path") or used.get("notebook_path")
    if not isinstance(path, str) or "/.claude/" in path:
        return None  # the client's own files: plans, memories
    many = used.get("edits")
    parts = many if isinstance(many, list) else [used]
    added, removed = set[str](), set[str]()
    for part in parts:
        if isinstance(part, dict):
            old, new = _lines(part.get("old_string")), _lines(part.get("new_string"))
            added |= new - old
            removed |= old - new
    whole = _lines(used["content"]) if span.name == "Write" and isinstance(used.get("content"), str) else None
    return Edit(
        span.started_at,
        author,
        span.span_id,
        frozenset({path}),
        frozenset(whole if whole is not None else added),
        frozenset(removed),
        None if whole is None else frozenset(whole),
    )


def _lines(text: object) -> set[str]:
    """The telling lines of a text."""
    if not isinstance(text, str):
        return set()
    return {line for raw in text.split("\n", _LINES)[:_LINES] if len(line := raw.strip()) >= _LEAST_LINE}


def files_changed(command: Simple) -> list[str]:
    """Files that a command changes."""
    found = [path for path in command.written if not path.startswith("/dev/")]
    words = unwrapped(command.words)
    if not words:
        return found
    program, options = name_of(words[0]), [word for word in words[1:] if word.startswith("-")]
    paths = [word for word in words[1:] if not word.startswith("-")]
    if program in {"sed", "perl"} and any(_IN_PLACE.fullmatch(option) for option in options):
        found += paths if {"-e", "-f"} & set(options) else paths[1:]
    elif program in _WITH_TARGET:
        found += paths if program == "mv" else paths[-1:]
    elif program in _WITH_TARGETS:
        found += paths
    elif program in _FORMATTERS and _FORMATTERS[program] not in options:
        found += paths or ["."]
    elif program == "patch" or asked_of_git(command)[:1] in (["apply"], ["am"], ["cherry-pick"], ["merge"]):
        found.append(".")
    elif program == "ruff" and (("format" in paths and "--check" not in options) or "--fix" in options):
        found += [path for path in paths if path not in {"format", "check"}] or ["."]
    return [path for path in found if not path.startswith("/dev/")]


def touches(paths: frozenset[str], other: frozenset[str] | None) -> bool:
    """Whether two sets of files may have one in common; None is any file. Relative paths are ends of absolute ones."""
    if other is None:
        return bool(paths)
    return any(_same_or_below(path, one) for path in paths for one in other)


def _same_or_below(path: str, place: str) -> bool:
    path, place = f"/{path.strip('/')}/", f"/{place.removeprefix('./').strip('/')}/"
    return place in path
