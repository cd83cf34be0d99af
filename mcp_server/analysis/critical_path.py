"""Which agent runs decided how long a session took: had one of them been shorter, the whole might have been."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcp_server.analysis.agent_runs import AGENT_RUNS
from mcp_server.analysis.trees import Placed, bridged, downwards, place
from storage.records import Span


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time in which one agent run was what all waited for."""

    span_id: str | None
    """None where none of the runs went on."""
    start_s: float
    """Since the session began."""
    duration_s: float


@dataclass(slots=True)
class _Waiting:
    """A run that is looked at backwards from `cursor`, seconds since the session began."""

    span_id: str | None
    start: float
    cursor: float
    end: float
    below: list[str]
    """The runs it started and that were not looked at yet, by end."""


def critical_path(spans: Iterable[Span]) -> list[Step]:
    """The steps from the beginning to the end of a session, in order; their durations sum to that of the session.

    From its end backwards, a run waited for the one below it that ended last before, and was itself at work in the gaps
    between (Yang and Miller, "Critical path analysis for the execution of parallel and distributed programs", 1988).
    What outlives the run that started it counts up to that run's end. n runs take O(n log n); calls are left out, and
    no texts need to be loaded.

    Args:
        spans: of one session; a run that has not ended lasts until the last time known of it and of those below it.
    """
    known = {span.span_id: span for span in spans}
    placed = place(bridged((span for span in known.values() if span.kind in AGENT_RUNS), known))
    if not placed.spans:
        return []
    first = min(span.started_at for span in placed.spans.values())
    starts = {span_id: (span.started_at - first).total_seconds() for span_id, span in placed.spans.items()}
    ends = _ends(placed, starts)
    below: dict[str | None, list[str]] = {}
    for span_id in sorted(ends, key=lambda span_id: (ends[span_id], span_id)):
        below.setdefault(placed.parents[span_id], []).append(span_id)
    last = max(ends[span_id] for span_id in below[None])
    return _backwards(_Waiting(None, 0.0, last, last, below[None]), below, starts, ends)


def _backwards(
    root: _Waiting,
    below: Mapping[str | None, list[str]],
    starts: Mapping[str, float],
    ends: Mapping[str, float],
) -> list[Step]:
    steps: list[Step] = []
    path = [root]
    while path:
        run = path[-1]
        # What ended while another was waited for held nobody up.
        while run.below and min(ends[run.below[-1]], run.end) > run.cursor:
            run.below.pop()
        until = min(ends[run.below[-1]], run.end) if run.below else run.start
        until = max(until, run.start)
        if run.cursor > until:
            steps.append(Step(run.span_id, until, run.cursor - until))
        run.cursor = until
        if run.below:
            child = run.below.pop()
            start = min(max(starts[child], run.start), until)
            path.append(_Waiting(child, start, until, until, list(below.get(child, ()))))
        else:
            path.pop()
            if path:
                path[-1].cursor = run.start
    return steps[::-1]


def _ends(placed: Placed, starts: Mapping[str, float]) -> dict[str, float]:
    """When each run ended, seconds since the session began."""
    ends: dict[str, float] = {}
    seen: dict[str, float] = {}  # the last time known of each open run from those below it
    for span_id in reversed(downwards(placed.parents)):
        span, parent = placed.spans[span_id], placed.parents[span_id]
        end = span.ended_at or span.observed_at or span.started_at
        ends[span_id] = max(starts[span_id], starts[span_id] + (end - span.started_at).total_seconds())
        if span.ended_at is None:
            ends[span_id] = max(ends[span_id], seen.get(span_id, 0.0))
        if parent is not None:
            seen[parent] = max(seen.get(parent, 0.0), ends[span_id])
    return ends
