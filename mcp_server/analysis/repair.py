"""Calls that hang on the wrong agent are put where they belong, as far as there is evidence for it.

Tracers that are mixed lose the parent of a call: it floats up to an agent further above, often to the root. Here a call
goes back to the agent run whose id or type it names, or, where it names none, to the only one that was running. What
is not certain stays where it is. A delegation is never moved, for that two ran at the same time does not say that one
started the other; nor is a call below which an agent ran; nor what was captured, since its place is the client's own.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mcp_server.analysis.agent_runs import AGENT_RUNS, homes
from mcp_server.analysis.trees import place
from mcp_server.analysis.windows import Window, Windows, window
from storage.records import Span
from storage.vocabulary import Source

SKEW: Final = timedelta(milliseconds=50)
"""By how much the clocks of two tracers may differ."""
_DEEPEST: Final = 64  # delegations below one another that a floating call is followed through: it bounds the work


class Evidence(StrEnum):
    """Why a call belongs to another agent run, strongest first."""

    AGENT_ID = "agent_id"
    AGENT_TYPE = "agent_type"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Move:
    """A call that hangs on another span than it said."""

    span_id: str
    from_parent: str | None
    to_parent: str
    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True)
class Repaired:
    """The spans in the order in which they were given, and what was done."""

    spans: Sequence[Span]
    moves: Sequence[Move]
    """By start of the call."""


def repair(spans: Iterable[Span], *, now: datetime | None = None, skew: timedelta = SKEW) -> Repaired:
    """Put calls of models and tools below the agent runs that made them; n spans take O(n log n).

    No span is lost, no cycle arises, the order of the spans does not matter, and repairing twice is repairing once.
    No texts need to be loaded.

    Args:
        spans: of one session, with the calls.
        now: when a span that has not ended is seen; without it, such a span lasts for ever.
        skew: by how much a call may stick out of the run that made it.
    """
    given = list(spans)
    placed = place(given)
    # To move a span out of a ring would let the others of the ring hang where they said.
    floating = [call for call in _floating(placed.spans, placed.parents) if call.span_id not in placed.rings]
    if not floating:
        return Repaired(given, [])
    finder = _Finder(placed.spans, placed.parents, now, skew.total_seconds())
    found = finder.named(floating)
    found |= finder.timed(floating, found)
    moves = [
        Move(call.span_id, call.parent_span_id, target, evidence, _reason(call, placed.spans[target], evidence))
        for call in floating
        if call.span_id in found
        for target, evidence in [found[call.span_id]]
    ]
    targets = {move.span_id: move.to_parent for move in moves}
    return Repaired([_below(span, targets[span.span_id]) if span.span_id in targets else span for span in given], moves)


def undone(spans: Iterable[Span], moves: Iterable[Move]) -> list[Span]:
    """Repaired spans as they were before the moves."""
    origins = {move.span_id: move.from_parent for move in moves}
    return [_below(span, origins[span.span_id]) if span.span_id in origins else span for span in spans]


def _below(span: Span, parent: str | None) -> Span:
    return span.model_copy(update={"parent_span_id": parent})


def _floating(spans: Mapping[str, Span], parents: Mapping[str, str | None]) -> Iterator[Span]:
    """Calls that may hang on the wrong agent; what hangs on another call goes where that goes."""
    holders: set[str] = set()  # calls below which an agent ran
    for span in spans.values():
        above = parents[span.span_id] if span.kind in AGENT_RUNS else None
        while above is not None and above not in holders and spans[above].kind not in AGENT_RUNS:
            holders.add(above)
            above = parents[above]
    for span in spans.values():
        parent = parents[span.span_id]
        on_run = parent is None or parent in holders or spans[parent].kind in AGENT_RUNS
        if (
            on_run
            and span.kind not in AGENT_RUNS
            and span.span_id not in holders
            and span.source is not Source.CAPTURED
        ):
            yield span


_Found = dict[str, tuple[str, Evidence]]


class _Finder:
    """Knows when each agent run ran, and looks for the one that made a call."""

    def __init__(
        self, spans: Mapping[str, Span], parents: Mapping[str, str | None], now: datetime | None, skew_s: float
    ) -> None:
        self._spans = spans
        self._parents = parents
        self._skew_s = skew_s
        self._homes = homes(spans, parents)
        self._order = list(self._homes)  # parents before children
        self._windows = {span.span_id: window(span, now) for span in spans.values() if span.kind in AGENT_RUNS}
        runs = [spans[span_id] for span_id in self._windows]
        self._below = self._grouped((self._homes[run.span_id], run) for run in runs)
        self._of_type = self._grouped((run.agent_type, run) for run in runs)
        self._of_agent = self._grouped((run.agent_id, run) for run in runs)
        self._sole: dict[str | None, str | None] = {}
        for run in runs:
            self._sole[run.agent_id] = None if run.agent_id in self._sole else run.span_id
        self._launches = {run.tool_use_id for run in runs} - {None}
        self._last_below = self._numbered()
        self._number = {span_id: number for number, span_id in enumerate(self._order)}

    def named(self, calls: Iterable[Span]) -> _Found:
        """Where calls belong that name an agent, by its id or its type."""
        found: _Found = {}
        for call in calls:
            home = self._homes[call.span_id]
            if self._names_agent(call):
                target, evidence = self._of_id(call), Evidence.AGENT_ID
            else:
                target, evidence = self._of_name(call, home), Evidence.AGENT_TYPE
            if target and target != home and not _launched(call, self._spans[target]):
                found[call.span_id] = (target, evidence)
        return found

    def timed(self, calls: Iterable[Span], named: Mapping[str, tuple[str, Evidence]]) -> _Found:
        """Where the calls belong that name no agent, or one above the only agent that was running.

        An agent that talks while others work for it makes calls of its own. So one that names its agent goes to another
        only where nothing else is known of what that one did, nor of those below it.

        Args:
            calls: those that may hang on the wrong agent.
            named: those of them that were found by a name.
        """
        found: _Found = {}
        settled = self._homes
        if named:
            moved = {span_id: target for span_id, (target, _) in named.items()}
            settled = homes(self._spans, {**self._parents, **moved})
        busy = self._busy(settled)
        for call in calls:
            home = settled[call.span_id]
            is_orphan = home is None and call.parent_span_id is not None
            if is_orphan or self._names_agent(call) or call.tool_use_id in self._launches:
                continue
            if call.agent_type not in self._of_type:
                target = self._deepest(call, home, frozenset())
            elif home is not None and self._is_at_home(call, home):
                target = self._deepest(call, home, busy)
            else:
                continue
            if target is not None:
                found[call.span_id] = (target, Evidence.TIME)
        return found

    def _names_agent(self, call: Span) -> bool:
        return call.agent_id is not None and call.agent_id in self._of_agent

    def _of_id(self, call: Span) -> str | None:
        return self._sole[call.agent_id] or self._of_agent[call.agent_id].holding(window(call), self._skew_s)

    def _of_name(self, call: Span, home: str | None) -> str | None:
        """The only run of the call's agent type at its time; None where the call hangs on such a run or below it."""
        if call.agent_type not in self._of_type or (home and self._spans[home].agent_type == call.agent_type):
            return None
        target = self._of_type[call.agent_type].holding(window(call), self._skew_s)
        return None if target and home and self._is_above(target, home) else target

    def _is_at_home(self, call: Span, home: str) -> bool:
        outer, inner = self._windows[home], window(call)
        is_within = outer.start <= inner.start and (inner.end <= outer.end or math.isinf(inner.end))
        return is_within and self._spans[home].agent_type == call.agent_type

    def _deepest(self, call: Span, home: str | None, busy: frozenset[str] | set[str]) -> str | None:
        """The lowest run below `home` that was the only one of its level at the time of the call, and is not busy."""
        inner = window(call)
        found: str | None = None
        level = home
        for _ in range(_DEEPEST):
            level = self._below[level].holding(inner, self._skew_s) if level in self._below else None
            # A call as long as the run is rather the one that started it.
            if not level or self._windows[level].duration_s <= inner.duration_s < math.inf:
                break
            if level not in busy:
                found = level
        return found

    def _busy(self, settled: Mapping[str, str | None]) -> set[str]:
        """Runs of which calls are known, of their own or of one below."""
        busy = {home for span_id, home in settled.items() if span_id not in self._windows and home is not None}
        for span_id in reversed(self._order):
            home = settled[span_id]
            if span_id in busy and home is not None:
                busy.add(home)
        return busy

    def _is_above(self, upper: str, lower: str) -> bool:
        return self._number[upper] <= self._number[lower] <= self._last_below[upper]

    def _numbered(self) -> dict[str, int]:
        """The number in `_order` of the last span below each one."""
        last = {span_id: number for number, span_id in enumerate(self._order)}
        for span_id in reversed(self._order):
            parent = self._parents[span_id]
            if parent is not None:
                last[parent] = max(last[parent], last[span_id])
        return last

    def _grouped(self, keyed: Iterable[tuple[str | None, Span]]) -> dict[str | None, Windows]:
        groups: dict[str | None, list[tuple[str, Window]]] = {}
        for key, run in keyed:
            groups.setdefault(key, []).append((run.span_id, self._windows[run.span_id]))
        return {key: Windows(group) for key, group in groups.items()}


def _launched(call: Span, run: Span) -> bool:
    return call.tool_use_id is not None and call.tool_use_id == run.tool_use_id


def _reason(call: Span, run: Span, evidence: Evidence) -> str:
    if evidence is Evidence.AGENT_ID:
        return f"it names the agent {call.agent_id}, whose run this is"
    if evidence is Evidence.AGENT_TYPE:
        return f"it names {call.agent_type}, and this was the only run of that agent at its time"
    return f"{run.agent_type} was the only agent below its parent that was running at its time"
