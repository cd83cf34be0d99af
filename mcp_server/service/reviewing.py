"""What to change, found in a bounded part of what is recorded: however much that is, an answer costs about the same."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio.to_thread

from mcp_server.analysis.critical_path import critical_path
from mcp_server.analysis.delegations import arm_of, is_verified
from mcp_server.analysis.findings import Material, findings
from mcp_server.analysis.insights import Insight, Kind, Size
from mcp_server.analysis.plurals import counted
from mcp_server.analysis.spending import Budget, Per
from mcp_server.service import cursors
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.asking import Asking
from mcp_server.service.errors import BadArgument
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.moments import bounds
from mcp_server.service.present import Present
from mcp_server.service.shapes import InsightKind, rounded, time_text
from mcp_server.settings import Budget as BudgetSetting
from storage.queries import AGENT_RUNS, Dimension, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind

PERIOD: Final = timedelta(days=30)
"""Looked at where nothing else is asked for."""
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
PAGE: Final = 20
_CALLS_OF_SESSION: Final = 250
_RUNS_OF_SESSION: Final = 1_000
_ERRORS_FROM: Final = 3
_SHORTEST: Final = 600
"""Texts of findings are sentences: none is cut, later findings go to the next page."""
_NEED_VERDICTS: Final = frozenset(
    {None, Kind.SAVING, Kind.REALISED, Kind.BOTTLENECK, Kind.SESSION, Kind.DRIFT, Kind.VERSION}
)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to go on: a cursor holds the period, so that later pages are of the same findings."""

    since: datetime
    until: datetime
    start: int = 0

    def after(self, count: int, asked: tuple[object, ...]) -> str:
        return cursors.encode(f"{self.since.isoformat()} {self.until.isoformat()} {self.start + count}", *asked)

    @classmethod
    def of(cls, cursor: str, asked: tuple[object, ...]) -> "_Place":
        marks = cursors.decode(cursor, *asked).split(" ")
        try:
            since, until = (datetime.fromisoformat(mark).astimezone(UTC) for mark in marks[:2])
            return cls(since, until, int(marks[2]))
        except (ValueError, IndexError, OverflowError) as error:
            raise BadArgument("cursor", cursor, "pass next_cursor exactly as it was returned") from error


class Reviewing:
    """Looks through delegations for what to change."""

    def __init__(
        self,
        store: Store,
        present: Present,
        asking: Asking,
        budgets: Sequence[BudgetSetting] = (),
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Look through what a store holds.

        Args:
            store: where from.
            present: brings the store up to date.
            asking: knows how many verdicts there are.
            budgets: what was planned.
            clock: the present time.
        """
        self._store = store
        self._present = present
        self._asking = asking
        self._budgets = [Budget(one.usd, Per(one.per), one.agent_type) for one in budgets]
        self._clock = clock

    async def insights(
        self,
        kind: InsightKind | None = None,
        *,
        since: str | None = None,
        until: str | None = None,
        agent_match: str | None = None,
        watch: bool = False,
        cursor: str | None = None,
        limit: int = PAGE,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Findings about the delegations of a period, the largest first.

        Args:
            kind: only such findings.
            since: delegations that started since then; 30 days back where it is not given.
            until: delegations that started before.
            agent_match: only delegations to agents in whose type this regular expression is found.
            watch: also arms that may drift, long before it is sure.
            cursor: where to go on; its period holds, whatever `since` and `until` say.
            limit: at most so many findings.
            max_chars: of the whole answer.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._present.fresh()
        asked = ("insights", kind, agent_match, watch)
        place = self._place(since, until) if cursor is None else _Place.of(cursor, asked)
        agents = None
        if agent_match is not None:
            agents = agents_meant(agent_match, await self._store.distinct(Dimension.AGENT_TYPE))
        wanted = None if kind is None else Kind(kind)
        material, looked_at, left_out = await self._material(place, agents, wanted, watch=watch)
        # Takes a good part of a second: meanwhile others are answered.
        found = await anyio.to_thread.run_sync(findings, material)
        meant = [one for one in found if wanted is None or one.kind is wanted]
        rest = meant[max(0, place.start) :]
        page = [_insight_object(one) for one in rest[:limit]]
        answer: dict[str, Any] = {
            "insights": page,
            "returned": len(page),
            "total": len(meant),
            "looked_at": looked_at,
            "left_out": left_out,
        }
        if not meant:
            answer["note"] = self._nothing(looked_at, wanted)
        items, kept = fitted(answer, "insights", max_chars, shortest=_SHORTEST)
        more = kept and kept < len(rest)
        following = place.after(kept, asked) if more else None
        return {**answer, "insights": items, "returned": kept, "next_cursor": following}

    def _nothing(self, looked_at: dict[str, Any], kind: Kind | None) -> str:
        n, verified_n = looked_at["delegations"], looked_at["verified"]
        if not n:
            return "no delegation started in this period: give an earlier since, or record some first"
        if kind is Kind.BUDGET:
            return "no budget was exceeded" if self._budgets else "no budget is set: add [[budgets]] to config.toml"
        what = "nothing" if kind is None else "nothing of this kind"
        nothing = f"{what} stands out among {counted(n, 'delegation')}"
        if kind not in _NEED_VERDICTS:
            return nothing
        return f"{nothing}, {verified_n} verified; most findings need at least ten verified ones of a kind"

    def _place(self, since: str | None, until: str | None) -> _Place:
        now = self._clock()
        begin, end = bounds(since, until, now)
        end = end or now
        return _Place(begin or end - PERIOD, end)

    async def _material(
        self, place: _Place, agents: frozenset[str] | None, kind: Kind | None, *, watch: bool
    ) -> tuple[Material, dict[str, Any], list[str]]:
        """What is looked through, what that is in figures, and what was left out, in sentences."""
        question = SpanFilter(agent_types=agents, since=place.since, until=place.until)
        some = await self._store.newest(question, PERIOD_LIMIT + 1)
        period, since = some[:PERIOD_LIMIT], place.since
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
            "until": time_text(place.until),
            "delegations": len(period),
            "verified": sum(map(is_verified, period)),
            "earlier": len(earlier),
            "critical_paths": len(paths_of),
            "tool_calls": len(calls),
        }
        return material, looked_at, left_out

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
            few = await self._store.newest(question, EARLIER_OF_ARM, texts=False)
            found |= {span.span_id: span for span in few}
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


def _insight_object(insight: Insight) -> dict[str, Any]:
    return {
        "kind": insight.kind.value,
        "text": insight.text,
        "n": insight.n,
        "low": rounded(insight.low),
        "high": rounded(insight.high),
        "size": _size_object(insight.size),
        "span_ids": list(insight.span_ids),
        "change": insight.change,
    }


def _size_object(size: Size) -> dict[str, float]:
    """What is known of it."""
    known = {"usd": rounded(size.usd), "ms": size.ms, "failures": rounded(size.failures)}
    return {name: value for name, value in known.items() if value is not None}
