"""Whether a session closed its tasks, and whose words its later part stands on.

An edge from a later text to a delegation is `facts/credit.md`'s: the share of the text's runs of three words that
the delegation was the first to say.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.deeds import input_of
from mcp_server.analysis.evidence.family import Family, can_be_judged
from mcp_server.analysis.evidence.rules import Conclusion
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind, Status

EDGE: Final = 0.03
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.\-/]{2,}")
_CHARS: Final = 64 * 1024
_RUN: Final = 3
_COMPLETED: Final = "completed"
TASK_TOOLS: Final = frozenset({"TodoWrite", "TaskCreate", "TaskUpdate"})


def concluded(family: Family, calls: Sequence[Span]) -> Iterator[Conclusion]:
    """The delegations on whose words a session stands that has closed all of its tasks."""
    main = family.main
    if main is None or main.status is not Status.OK or main.ended_at is None or not main.output:
        return
    if not is_closed(main, calls):
        return
    ended = [span for span in family.delegations if can_be_judged(span) and span.status is Status.OK]
    for span in _stood_on(main, ended):
        yield Conclusion(
            span_id=span.span_id,
            value=1.0,
            source=RewardSource.BEHAVIOUR,
            rule=rules.USED,
            because="the tasks were closed, and what came later reuses its output",
            event_id=main.span_id,
            at=main.ended_at,
        )


def is_closed(main: Span, calls: Sequence[Span]) -> bool:
    """Whether the main agent kept a list of tasks, and every one of them is completed at the end."""
    own = [call for call in calls if call.name in TASK_TOOLS and _is_done_by(call, main)]
    own.sort(key=lambda call: (call.started_at, call.span_id))
    lists = [call for call in own if call.name == "TodoWrite"]
    if lists:
        tasks = input_of(lists[-1]).get("todos")
        return isinstance(tasks, list) and bool(tasks) and all(_status(task) == _COMPLETED for task in tasks)
    created = sum(call.name == "TaskCreate" for call in own)
    states: dict[str, object] = {}
    for call in own:
        told = input_of(call)
        if call.name == "TaskUpdate" and told.get("status") is not None:
            states[str(told.get("taskId"))] = told["status"]
    open_or_done = [state for state in states.values() if state != "deleted"]
    return 0 < created <= len(states) and bool(open_or_done) and all(state == _COMPLETED for state in open_or_done)


def _is_done_by(call: Span, main: Span) -> bool:
    return call.kind is SpanKind.TOOL_CALL and call.parent_span_id == main.span_id and call.status is Status.OK


def _status(task: object) -> object:
    return task.get("status") if isinstance(task, dict) else None


def _stood_on(main: Span, ended: Sequence[Span]) -> list[Span]:
    """The delegations of which a later one, or the final answer, says at least 3 % again."""
    said_by_user = set(_runs_of(main.task))
    owners: dict[tuple[str, ...], str] = {}
    found = set[str]()
    for span in sorted(ended, key=lambda one: (one.ended_at, one.started_at, one.span_id)):
        said = _runs_of(f"{span.task or ''} {span.output or ''}")
        found |= _owners_of([run for run in said if run not in said_by_user], owners) - {span.span_id}
        for run in _runs_of(span.output):
            if run not in said_by_user:
                owners.setdefault(run, span.span_id)
    found |= _owners_of([run for run in _runs_of(main.output) if run not in said_by_user], owners)
    return [span for span in ended if span.span_id in found]


def _owners_of(runs: Sequence[tuple[str, ...]], owners: dict[tuple[str, ...], str]) -> set[str]:
    counts: dict[str, int] = {}
    for run in runs:
        if run in owners:
            counts[owners[run]] = counts.get(owners[run], 0) + 1
    return {owner for owner, count in counts.items() if count >= EDGE * len(runs)}


def _runs_of(text: str | None) -> list[tuple[str, ...]]:
    """Runs of three words; a shorter text is one run."""
    words = [word.strip(".-/").lower() for word in _TOKEN.findall((text or "")[:_CHARS])]
    if len(words) <= _RUN:
        return [tuple(words)] if words else []
    return [tuple(words[place : place + _RUN]) for place in range(len(words) - _RUN + 1)]
