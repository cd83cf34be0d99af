"""What commands of git committed, and what they took back."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mcp_server.analysis.evidence.programs import name_of, unwrapped
from mcp_server.analysis.evidence.shell import Simple
from storage.records import Span

_COMMITTED: Final = re.compile(r"^\[[^\]\n]*?([0-9a-f]{7,40})\]", re.MULTILINE)
_EVERYTHING: Final = frozenset({".", "-A", "--all", "-u", "--update", ":/", "*"})
_GIT_OPTIONS: Final = frozenset({"-c", "-C", "--git-dir", "--work-tree"})


@dataclass(frozen=True, slots=True)
class Commit:
    """Files were committed."""

    at: datetime
    author: str
    event_id: str
    paths: frozenset[str] | None
    """None for all that was changed."""
    revision: str | None


@dataclass(frozen=True, slots=True)
class Undoing:
    """Changes were taken back."""

    at: datetime
    author: str
    event_id: str
    commits: tuple[str, ...] = ()
    """Revisions as they were named, `HEAD` for the latest."""
    paths: frozenset[str] | None = frozenset()
    """Files whose uncommitted changes are gone; None for all of them."""


def asked_of_git(command: Simple) -> list[str]:
    """The subcommand of git and its arguments; empty where another program is called."""
    words = unwrapped(command.words)
    if not words or name_of(words[0]) != "git":
        return []
    left = words[1:]
    while left and left[0].startswith("-"):
        left = left[2:] if left[0] in _GIT_OPTIONS else left[1:]
    return left


def revision_in(output: str | None) -> str | None:
    """The revision that a commit tells in its output."""
    found = _COMMITTED.search(output or "")
    return found[1] if found else None


class Repository:
    """Remembers what each agent has staged, for a commit takes that; commands are taken in order of time."""

    def __init__(self) -> None:
        self._staged: dict[str, set[str] | None] = {}
        """None for all that was changed."""

    def take(self, span: Span, author: str, command: Simple) -> Commit | Undoing | None:
        """What a command that succeeded did; None where that is neither of both.

        Args:
            span: the call of a shell that ran it.
            author: span of the agent's run.
            command: any command.
        """
        asked = asked_of_git(command)
        verb, rest = (asked[0], asked[1:]) if asked else ("", [])
        at = span.ended_at or span.started_at
        if verb == "add":
            self._stage(author, rest)
            return None
        if verb == "commit" and "--dry-run" not in rest:
            staged = self._staged.pop(author, None)
            took_all = any(re.fullmatch(r"-[a-z]*a[a-z]*|--all", word) for word in rest)
            paths = None if took_all or staged is None else frozenset(staged)
            return Commit(at, author, span.span_id, paths, revision_in(span.output))
        return _undoing(verb, rest, at, author, span.span_id)

    def _stage(self, author: str, rest: Sequence[str]) -> None:
        paths = {word for word in rest if not word.startswith("-")}
        before = self._staged.get(author, set())
        everything = _EVERYTHING & set(rest) or not paths or before is None
        self._staged[author] = None if everything else {*(before or ()), *paths}


def _undoing(verb: str, rest: Sequence[str], at: datetime, author: str, event_id: str) -> Undoing | None:
    options = {word for word in rest if word.startswith("-")}
    named = [word for word in rest if not word.startswith("-")]
    if verb == "revert" and not options & {"--abort", "--quit", "--skip"}:
        return Undoing(at, author, event_id, commits=tuple(named or ["HEAD"]))
    if verb == "reset" and "--hard" in options:
        back = re.fullmatch(r"(?:HEAD|@)(?:~(\d*)|(\^+))?", named[0]) if named else None
        steps = 0 if back is None else int(back[1] or 1) if back[1] is not None else len(back[2] or "")
        commits = tuple("HEAD" if step == 0 else f"HEAD~{step}" for step in range(min(steps, 50)))
        return Undoing(at, author, event_id, commits=commits, paths=None)
    if verb == "restore" and not options & {"--staged", "-S"}:
        return Undoing(at, author, event_id, paths=_places(named))
    if verb == "checkout" and ("--" in options or "." in named) and not options & {"-b", "-B"}:
        return Undoing(at, author, event_id, paths=_places(rest[rest.index("--") + 1 :] if "--" in rest else named))
    return None


def _places(named: Sequence[str]) -> frozenset[str] | None:
    return None if {".", ":/"} & set(named) else frozenset(named)
