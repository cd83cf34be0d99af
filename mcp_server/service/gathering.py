"""The part of a store that is looked through for what to change: bounded, however much is recorded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mcp_server.analysis.critical_path import critical_path
from mcp_server.analysis.delegations import arm_of, is_verified
from mcp_server.analysis.findings import Material
from mcp_server.analysis.insights import Kind
from mcp_server.analysis.spending import Budget, Per
from mcp_server.service.asking import Asking
from mcp_server.service.shapes import time_text
from storage.queries import AGENT_RUNS, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind

PERIOD_LIMIT: Final = 1_500
"""Delegations of the period, the newest."""
EARLIER_LIMIT: Final = 1_000
"""Delegations before it, the newest: the measure of those of the period."""
EARLIER_OF_ARM: Final = 40
"""So many of each of the most frequent arms of the period in any case, however long ago."""
EARLIER_ARMS: Final = 12
PATHS_LIMIT: Final = 50
"""Sessions of which the critical path is found, the newest with a verdict."""
CALLS_LIMIT: Final = 1_000
"""Tool calls that are looked through for those that fail again and again."""
_CALLS_OF_SESSION: Final = 250
_RUNS_OF_SESSION: Final = 1_000
_ERRORS_FROM: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """What is looked through."""

    material: Material
    looked_at: dict[str, Any]
    """How much that is."""
    left_out: list[str]
    """What it is not, in sentences."""


class Gathering:
    """Reads that part."""

    def __init__(self, store: Store, asking: Asking, budgets: Sequence[Budget]) -> None:
        """Gather from a store.

        Args:
            store: where from.
            asking: knows how many verdicts there are.
            budgets: what was planned.
        """
        self._store = store
        self._asking = asking
        self._budgets = budgets

    async def part(
        self, since: datetime, until: datetime, agents: frozenset[str] | None, kind: Kind | None, *, watch: bool
    ) -> Part:
        """What is looked through.

        Args:
            since: begin of the period.
            until: its end.
            agents: only delegations to these.
            kind: only what such findings need; all, where it is None.
            watch: whether arms that may drift are meant as well.
        """
        question = SpanFilter(agent_types=agents, since=since, until=until)
        some = await self._store.newest(question, PERIOD_LIMIT + 1)
        period = some[:PERIOD_LIMIT]
        left_out: list[str] = []
        if len(some) > len(period):
            since = period[-1].started_at
            left_out.append(f"of this period only the newest {PERIOD_LIMIT:,} delegations were looked at")
        earlier = await self._earlier(period, agents, since, left_out)
        paths_of, path = await self._paths(period, left_out) if kind in {None, Kind.BOTTLENECK} else ((), frozenset())
        calls = await self._calls(period, left_out) if kind in {None, Kind.FAILING_CALL} else []
        budgets = [
            one for one in self._budgets if agents is None or one.per is Per.DELEGATION or one.agent_type in agents
        ]
        material = Material(
            delegations=[*period, *earlier],
            since=since,
            calls=calls,
            on_critical_path=path,
            paths_of=paths_of,
            budgets=budgets,
            watch=watch,
            verified_n=await self._asking.verified_n() if period else 0,
        )
        looked_at = {
            "since": time_text(since),
            "until": time_text(until),
            "delegations": len(period),
            "verified": sum(map(is_verified, period)),
            "earlier": len(earlier),
            "critical_paths": len(paths_of),
            "tool_calls": len(calls),
        }
        return Part(material, looked_at, left_out)

    async def _earlier(
        self, period: Sequence[Span], agents: frozenset[str] | None, since: datetime, left_out: list[str]
    ) -> list[Span]:
        """What was done before the period: the measure of what is done now."""
        if not period:
            return []
        newest = await self._store.newest(SpanFilter(agent_types=agents, until=since), EARLIER_LIMIT, texts=False)
        if len(newest) < EARLIER_LIMIT:
            return newest
        found, known = {span.span_id: span for span in newest}, Counter(map(arm_of, newest))
        rare = [arm for arm, _ in Counter(map(arm_of, period)).most_common() if known[arm] < EARLIER_OF_ARM]
        for arm in rare[:EARLIER_ARMS]:
            question = SpanFilter(agent_types=frozenset({arm.agent_type}), model=arm.model, until=since)
            found |= {span.span_id: span for span in await self._store.newest(question, EARLIER_OF_ARM, texts=False)}
        left_out.append(
            f"of what came before, only the newest {EARLIER_LIMIT:,} delegations and some of each agent were looked at"
        )
        return list(found.values())

    async def _paths(self, period: Sequence[Span], left_out: list[str]) -> tuple[Sequence[str], frozenset[str]]:
        """Sessions whose critical path was found, and the ids of all runs on one."""
        judged = list(dict.fromkeys(span.session_id for span in period if is_verified(span)))
        if len(judged) > PATHS_LIMIT:
            left_out.append(f"critical paths were found for the newest {PATHS_LIMIT} of {len(judged)} judged sessions")
        known: list[str] = []
        path: set[str] = set()
        for session_id in judged[:PATHS_LIMIT]:
            counts = await self._store.span_counts(session_id)
            if counts.get(SpanKind.DELEGATION, 0) <= _RUNS_OF_SESSION:
                known.append(session_id)
                steps = critical_path(await self._store.trajectory(session_id, AGENT_RUNS))
                path |= {step.span_id for step in steps if step.span_id is not None}
        return known, frozenset(path)

    async def _calls(self, period: Sequence[Span], left_out: list[str]) -> list[Span]:
        """Tool calls, with their inputs, of the delegations of which most calls failed or nobody counted."""
        errors: Counter[str] = Counter()
        for span in period:
            if span.tool_error_count is None or span.tool_error_count >= _ERRORS_FROM:
                errors[span.session_id] += span.tool_error_count or 0
        meant = {span.span_id for span in period}
        found: list[Span] = []
        for session_id, _ in errors.most_common(CALLS_LIMIT // _CALLS_OF_SESSION * 2):
            if len(found) >= CALLS_LIMIT:
                left_out.append(f"of tool calls about {CALLS_LIMIT:,} were looked through")
                break
            question = SpanFilter(kinds=frozenset({SpanKind.TOOL_CALL}), session_id=session_id)
            calls = await self._store.newest(question, _CALLS_OF_SESSION)
            found += [call for call in calls if call.parent_span_id in meant]
        return found
