"""What to change, found in a bounded part of what is recorded: however much that is, an answer costs about the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import anyio.to_thread

from mcp_server.analysis.findings import findings
from mcp_server.analysis.insights import Insight, Kind, Size
from mcp_server.analysis.plurals import counted
from mcp_server.analysis.spending import Budget, Per
from mcp_server.service import cursors
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.asking import Asking
from mcp_server.service.errors import BadArgument
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.gathering import Gathering
from mcp_server.service.moments import bounds
from mcp_server.service.present import Present
from mcp_server.service.shapes import InsightKind, rounded
from mcp_server.settings import Budget as BudgetSetting
from storage.queries import Dimension
from storage.store import Store

PERIOD: Final = timedelta(days=30)
"""Looked at where nothing else is asked for."""
PAGE: Final = 20
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
        self._budgets = [Budget(one.usd, Per(one.per), one.agent_type) for one in budgets]
        self._gathering = Gathering(store, asking, self._budgets)
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
        part = await self._gathering.part(place.since, place.until, agents, wanted, watch=watch)
        # Takes a good part of a second: meanwhile others are answered.
        found = await anyio.to_thread.run_sync(findings, part.material)
        meant = [one for one in found if wanted is None or one.kind is wanted]
        rest = meant[max(0, place.start) :]
        page = [_insight_object(one) for one in rest[:limit]]
        answer: dict[str, Any] = {
            "insights": page,
            "returned": len(page),
            "total": len(meant),
            "looked_at": part.looked_at,
            "left_out": part.left_out,
        }
        if not meant:
            answer["note"] = self._nothing(part.looked_at, wanted)
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
