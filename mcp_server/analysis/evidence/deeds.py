"""What agents did in a session that tells of the quality of work: edits, checks, commits, and what undid them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mcp_server.analysis.evidence.programs import Check, check_of, name_of, unwrapped
from mcp_server.analysis.evidence.shell import Simple, is_harmless, simple_commands
from storage.records import Span
from storage.vocabulary import SpanKind, Status

SHELLS: Final = frozenset({"Bash", "PowerShell"})
EDITORS: Final = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_EXIT: Final = re.compile(r"\bExit code (\d{1,3})\b")
_EXIT_WITHIN_CHARS: Final = 300
_IN_BACKGROUND: Final = ("Command running in background", "Command was moved to the background")
_SAYS_NOTHING: Final = frozenset({124, 125, 126, 127})  # timeout, and programs that were not there
_SIGNALS_FROM: Final = 128
_NOTHING_TESTED: Final = {"pytest": {3, 4, 5}, "unittest": {5}}
_COMMITTED: Final = re.compile(r"^\[[^\]\n]*?([0-9a-f]{7,40})\]", re.MULTILINE)
_EVERYTHING: Final = frozenset({".", "-A", "--all", "-u", "--update", ":/", "*"})
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
_GIT_OPTIONS: Final = frozenset({"-c", "-C", "--git-dir", "--work-tree"})
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


@dataclass(frozen=True, slots=True)
class Run:
    """Checks were run, and their exit status is known."""

    at: datetime
    ended_at: datetime
    author: str
    event_id: str
    checks: tuple[Check, ...]
    passed: bool
    line: str


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


@dataclass(slots=True)
class Deeds:
    """All of a session's, each list in order of time."""

    edits: list[Edit] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    undoings: list[Undoing] = field(default_factory=list)


def deeds_of(spans: Iterable[Span]) -> Deeds:
    """What the tool calls among some spans did, whatever order they are in."""
    deeds = Deeds()
    staged: dict[str, set[str] | None] = {}
    calls = [span for span in spans if span.kind is SpanKind.TOOL_CALL and span.status is not Status.CANCELLED]
    for span in sorted(calls, key=lambda call: (call.started_at, call.span_id)):
        used = input_of(span)
        if span.name in EDITORS and span.status is Status.OK:
            deeds.edits += _edits(span, used)
        elif span.name in SHELLS and isinstance(used.get("command"), str):
            _take_command(deeds, span, used, staged)
    return deeds


def input_of(span: Span) -> Mapping[str, Any]:
    """The input of a tool call; empty where it is not known."""
    try:
        used = json.loads(span.task) if span.task and span.task.startswith("{") else {}
    except ValueError:  # cut, or redacted
        return {}
    return used if isinstance(used, dict) else {}


def touches(paths: frozenset[str], other: frozenset[str] | None) -> bool:
    """Whether two sets of files may have one in common; None is any file. Relative paths are ends of absolute ones."""
    if other is None:
        return bool(paths)
    return any(_same_or_below(path, one) for path in paths for one in other)


def _same_or_below(path: str, place: str) -> bool:
    path, place = f"/{path.strip('/')}/", f"/{place.removeprefix('./').strip('/')}/"
    return place in path


def _author(span: Span) -> str:
    return span.parent_span_id or ""


def _edits(span: Span, used: Mapping[str, Any]) -> list[Edit]:
    path = used.get("file_path") or used.get("notebook_path")
    if not isinstance(path, str) or "/.claude/" in path:
        return []  # the client's own files: plans, memories
    many = used.get("edits")
    parts = many if isinstance(many, list) else [used]
    added, removed = set[str](), set[str]()
    for part in parts:
        if isinstance(part, dict):
            old, new = _lines(part.get("old_string")), _lines(part.get("new_string"))
            added |= new - old
            removed |= old - new
    whole = _lines(used["content"]) if span.name == "Write" and isinstance(used.get("content"), str) else None
    edit = Edit(
        span.started_at,
        _author(span),
        span.span_id,
        frozenset({path}),
        frozenset(whole if whole is not None else added),
        frozenset(removed),
        None if whole is None else frozenset(whole),
    )
    return [edit]


def _lines(text: object) -> set[str]:
    """The telling lines of a text."""
    if not isinstance(text, str):
        return set()
    return {line for raw in text.split("\n", _LINES)[:_LINES] if len(line := raw.strip()) >= _LEAST_LINE}


def _take_command(deeds: Deeds, span: Span, used: Mapping[str, Any], staged: dict[str, set[str] | None]) -> None:
    line = str(used["command"])
    commands = simple_commands(line)
    if commands is None:
        return
    edited = frozenset(path for command in commands for path in _changed(command))
    if edited:
        deeds.edits.append(Edit(span.started_at, _author(span), span.span_id, edited))
    status = None if used.get("run_in_background") else exit_status(span)
    run = _run(span, line, commands, status)
    if run is not None:
        deeds.runs.append(run)
    if status == 0 or (status is not None and _COMMITTED.search(span.output or "")):
        for command in commands:
            _take_git(deeds, span, command, staged)


def exit_status(span: Span) -> int | None:
    """The exit status of a shell's call, where it is known and says something."""
    if span.status is Status.OK:
        return None if (span.output or "").startswith(_IN_BACKGROUND) else 0
    if span.status is not Status.ERROR:
        return None
    found = _EXIT.search((span.output or span.error or "")[:_EXIT_WITHIN_CHARS])
    status = int(found[1]) if found else None
    return None if status is None or status in _SAYS_NOTHING or status >= _SIGNALS_FROM else status


def _run(span: Span, line: str, commands: Sequence[Simple], status: int | None) -> Run | None:
    if status is None:
        return None
    passed = status == 0
    found = [(command, check_of(command.words)) for command in commands]
    if passed:
        checks = [check for command, check in found if check is not None and command.passed_if_zero]
    else:
        suspects = [(command, check) for command, check in found if command.failed_if_not and not is_harmless(command)]
        if any(check is None for _, check in suspects):
            return None  # it may have been something else that failed
        checks = [
            check for _, check in suspects if check and status not in _NOTHING_TESTED.get(check.program, frozenset())
        ]
    if not checks:
        return None
    ended_at = span.ended_at or span.started_at
    return Run(span.started_at, ended_at, _author(span), span.span_id, tuple(checks), passed, line)


def _changed(command: Simple) -> list[str]:
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
    elif program == "patch" or (
        program == "git" and _git(words)[:1] in (["apply"], ["am"], ["cherry-pick"], ["merge"])
    ):
        found.append(".")
    elif program == "ruff" and (("format" in paths and "--check" not in options) or "--fix" in options):
        found += [path for path in paths if path not in {"format", "check"}] or ["."]
    return [path for path in found if not path.startswith("/dev/")]


def _git(words: Sequence[str]) -> list[str]:
    """The subcommand of git and its arguments."""
    left = list(words[1:])
    while left and left[0].startswith("-"):
        left = left[2:] if left[0] in _GIT_OPTIONS else left[1:]
    return left


def _take_git(deeds: Deeds, span: Span, command: Simple, staged: dict[str, set[str] | None]) -> None:
    words = unwrapped(command.words)
    if not words or name_of(words[0]) != "git":
        return
    asked = _git(words)
    author, at = _author(span), span.ended_at or span.started_at
    verb, rest = (asked[0], asked[1:]) if asked else ("", [])
    if verb == "add":
        _stage(staged, author, rest)
    elif verb == "commit" and "--dry-run" not in rest:
        took_all = any(re.fullmatch(r"-[a-z]*a[a-z]*|--all", word) for word in rest)
        paths = None if took_all else staged.pop(author, None)
        staged.pop(author, None)
        revision = _COMMITTED.search(span.output or "")
        known = None if paths is None else frozenset(paths)
        deeds.commits.append(Commit(at, author, span.span_id, known, revision[1] if revision else None))
    elif (undoing := _undoing(verb, rest, span, at)) is not None:
        deeds.undoings.append(undoing)


def _stage(staged: dict[str, set[str] | None], author: str, rest: Sequence[str]) -> None:
    paths = {word for word in rest if not word.startswith("-")}
    before = staged.get(author, set())
    everything = _EVERYTHING & set(rest) or not paths or before is None
    staged[author] = None if everything else {*(before or ()), *paths}


def _undoing(verb: str, rest: Sequence[str], span: Span, at: datetime) -> Undoing | None:
    options = {word for word in rest if word.startswith("-")}
    named = [word for word in rest if not word.startswith("-")]
    author, event_id = _author(span), span.span_id
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
