"""What agents did in a session that tells of the quality of work: edits, checks, commits, and what undid them."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mcp_server.analysis.evidence.edits import Edit, edit_by_editor, files_changed
from mcp_server.analysis.evidence.git import Commit, Repository, Undoing, revision_in
from mcp_server.analysis.evidence.programs import Check, check_of
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
    repository = Repository()
    calls = [span for span in spans if span.kind is SpanKind.TOOL_CALL and span.status is not Status.CANCELLED]
    for span in sorted(calls, key=lambda call: (call.started_at, call.span_id)):
        used = input_of(span)
        if span.name in EDITORS and span.status is Status.OK:
            edit = edit_by_editor(span, used, _author(span))
            deeds.edits += [edit] if edit is not None else []
        elif span.name in SHELLS and isinstance(used.get("command"), str):
            _take_command(deeds, span, used, repository)
    return deeds


def input_of(span: Span) -> Mapping[str, Any]:
    """The input of a tool call; empty where it is not known."""
    try:
        used = json.loads(span.task) if span.task and span.task.startswith("{") else {}
    except ValueError:  # cut, or redacted
        return {}
    return used if isinstance(used, dict) else {}


def _author(span: Span) -> str:
    return span.parent_span_id or ""


def _take_command(deeds: Deeds, span: Span, used: Mapping[str, Any], repository: Repository) -> None:
    line, author = str(used["command"]), _author(span)
    commands = simple_commands(line)
    if commands is None:
        return
    edited = frozenset(path for command in commands for path in files_changed(command))
    if edited:
        deeds.edits.append(Edit(span.started_at, author, span.span_id, edited))
    status = None if used.get("run_in_background") else exit_status(span)
    run = _run(span, line, commands, status)
    if run is not None:
        deeds.runs.append(run)
    if status == 0 or (status is not None and revision_in(span.output) is not None):
        for command in commands:
            deed = repository.take(span, author, command)
            if isinstance(deed, Commit):
                deeds.commits.append(deed)
            elif deed is not None:
                deeds.undoings.append(deed)


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
