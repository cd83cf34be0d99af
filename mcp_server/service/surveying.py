"""All that one page shows: of a period, or of a session."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mcp_server.analysis.concurrency import at_once
from mcp_server.analysis.critical_path import critical_path
from mcp_server.analysis.intervals import LEAST_EVIDENCE
from mcp_server.analysis.outline import outline
from mcp_server.analysis.trees import Node, bridged, grow
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.crediting import Crediting
from mcp_server.service.moments import bounds
from mcp_server.service.reporting import Reporting
from mcp_server.service.session_tree import critical_ms, node_object, repair_object, totals
from mcp_server.service.shapes import rounded, session_object, shorten, span_object, time_text
from storage.queries import AGENT_RUNS, Dimension, Measure, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind

ARMS_LIMIT: Final = 400
DAYS_LIMIT: Final = 100
"""Of longer periods, weeks are told instead."""
LARGEST: Final = 8
RUNS_LIMIT: Final = 300
REPAIRS_LIMIT: Final = 50
INSIGHTS_LIMIT: Final = 12
_EVERY_GROUP: Final = 100_000
_LOOKED_AT_FOR_VERDICTS: Final = 50
_TEXT_CHARS: Final = 1_500
_ALL_TEXTS_CHARS: Final = 300_000

Review = Callable[..., Awaitable[dict[str, Any]]]
"""What to change in a period: takes since, until, agent_match, limit and max_chars."""


def _now() -> datetime:
    return datetime.now(UTC)


class Surveying:
    """Looks at many things at once, for people."""

    def __init__(
        self,
        store: Store,
        reporting: Reporting,
        crediting: Crediting,
        review: Review | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Survey what a store holds.

        Args:
            store: where from.
            reporting: answers about delegations.
            crediting: shares out credit.
            review: says what to change, as `get_insights` does; without it that is left out.
            clock: the present time.
        """
        self._review = review
        self._store = store
        self._reporting = reporting
        self._crediting = crediting
        self._clock = clock

    async def period(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        agent_match: str | None = None,
        project: str | None = None,
    ) -> dict[str, Any]:
        """What was delegated in a time: sums, by arm, task type and day, and the delegations that stand out.

        Args:
            since: ISO 8601 or a span back from now.
            until: as `since`.
            agent_match: only agents in whose type this regular expression is found.
            project: exact path.

        Raises:
            BadArgument: a value that cannot be used.
        """
        now = self._clock()
        begin, end = bounds(since, until, now)
        given: dict[str, Any] = {"agent_match": agent_match, "project": project, "since": since, "until": until}
        every = {**given, "limit": _EVERY_GROUP, "max_chars": None}
        arms = await self._reporting.stats(**{**every, "limit": ARMS_LIMIT})
        task_types = await self._reporting.stats([Dimension.TASK_TYPE], **{**every, "limit": ARMS_LIMIT})
        days = await self._reporting.stats([Dimension.DAY], **every)
        step, recorded = "day", sorted(group["key"]["day"] for group in days["groups"])
        if _days(days["groups"]) > DAYS_LIMIT:
            days, step = await self._reporting.stats([Dimension.WEEK], **every), "week"
        agents = None
        if agent_match is not None:
            agents = agents_meant(agent_match, await self._store.distinct(Dimension.AGENT_TYPE))
        question = SpanFilter(agent_types=agents, project=project, since=begin, until=end)
        latest = await self._reporting.search(**given, limit=_LOOKED_AT_FOR_VERDICTS, max_chars=None)
        steps = sorted(days["groups"], key=lambda group: str(group["key"][step]))
        return {
            "about": "period",
            "made_at": time_text(now),
            "since": None if begin is None else time_text(begin),
            "until": None if end is None else time_text(end),
            "agent_match": agent_match,
            "project": project,
            "totals": _sure(arms["totals"]),
            "arms": [_sure(arm) for arm in arms["groups"]],
            "arms_total": arms["total"],
            "task_types": [_sure(group) for group in task_types["groups"]],
            "first_day": recorded[0] if recorded else None,
            "last_day": recorded[-1] if recorded else None,
            "step": step,
            "steps": steps,
            "dearest": await self._largest(question, Measure.COST),
            "longest": await self._largest(question, Measure.DURATION),
            "verdicts_wanted": latest["verdicts_wanted"],
            **await self._reviewed(given, steps[0]["key"][step] if steps else None),
        }

    async def session(self, session_id: str | None = None, *, agent_match: str | None = None) -> dict[str, Any]:
        """One session: the telling part of its tree, when what ran, and what each part did for the outcome.

        Args:
            session_id: the client's session; the current one, else the latest, where it is not given.
            agent_match: only agents in whose type this regular expression is found.

        Raises:
            UnknownId: no such session.
            BadArgument: a value that cannot be used.
        """
        now = self._clock()
        credit = await self._crediting.session(session_id, max_chars=None)
        chosen: str = credit["session_id"]
        session = await self._store.session(chosen)
        counts = await self._store.span_counts(chosen)
        repaired = await self._reporting.repaired(chosen, AGENT_RUNS)
        tree = grow(repaired.spans)
        nodes = list(tree.nodes)
        if agent_match is not None:
            nodes = _only(nodes, agents_meant(agent_match, {node.span.agent_type for node in nodes}))
        critical = critical_ms(repaired.spans)
        shown = outline(nodes, critical, RUNS_LIMIT)
        repairs = [*map(repair_object, tree.repairs), *map(repair_object, repaired.moves)]
        times = _Times(repaired.spans)
        return {
            "about": "session",
            "made_at": time_text(now),
            "session_id": chosen,
            "agent_match": agent_match,
            "session": {} if session is None else session_object(session),
            "totals": totals([node.span for node in tree.nodes], counts, len(repairs)),
            "started_at": None if times.begin is None else time_text(times.begin),
            "length_ms": times.length_ms,
            "runs": [{**run, **times.of(run["span_id"])} for run in await self._told(shown.nodes, critical)],
            "runs_total": len(nodes),
            "left_out": [{**asdict(part), "cost_usd": rounded(part.cost_usd)} for part in shown.left_out],
            "critical_path": [
                {
                    "span_id": step.span_id,
                    "from_ms": round(step.start_s * 1000),
                    "to_ms": round((step.start_s + step.duration_s) * 1000),
                }
                for step in critical_path(repaired.spans)
            ],
            "at_once": times.at_once({node.span.span_id for node in nodes if node.span.kind is SpanKind.DELEGATION}),
            "credit": credit,
            "repairs": repairs[:REPAIRS_LIMIT],
        }

    async def _reviewed(self, given: dict[str, Any], first: str | None) -> dict[str, Any]:
        """What to change; nothing where nobody says it, or not of one project."""
        if self._review is None or first is None or given["project"] is not None:
            return {}
        found = await self._review(
            since=given["since"] or first,
            until=given["until"],
            agent_match=given["agent_match"],
            limit=INSIGHTS_LIMIT,
            max_chars=None,
        )
        return {
            "insights": found["insights"],
            "insights_total": found["total"],
            "insights_left_out": found["left_out"],
        }

    async def _largest(self, question: SpanFilter, measure: Measure) -> list[dict[str, Any]]:
        found = await self._store.largest(question, measure, LARGEST)
        return [{"session_id": span.session_id, **span_object(span, "summary")} for span in found]

    async def _told(self, nodes: Sequence[Node], critical: dict[str, int]) -> list[dict[str, Any]]:
        """Spans in their places, with as much of their texts as a page has room for."""
        whole = await self._store.spans([node.span.span_id for node in nodes])
        limit = min(_TEXT_CHARS, _ALL_TEXTS_CHARS // max(1, len(nodes)))
        told = []
        for node in nodes:
            texts = whole.get(node.span.span_id, node.span)
            run = node_object(node, "summary", critical)
            run |= {
                name: shorten(text, limit)
                for name in ("task", "output", "error")
                if (text := getattr(texts, name)) is not None
            }
            told.append(run)
        return told


class _Times:
    """When the runs of a session were, in milliseconds since it began."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.begin = min((span.started_at for span in spans), default=None)
        self._of = {span.span_id: self._interval(span) for span in spans}
        self.length_ms = max((end for _, end in self._of.values()), default=0)

    def of(self, span_id: str) -> dict[str, int]:
        """Beginning and last known time of a run."""
        start, end = self._of[span_id]
        return {"from_ms": start, "to_ms": end}

    def at_once(self, span_ids: set[str]) -> list[tuple[int, int]]:
        """How many of some runs went on at once, from when."""
        return at_once(self._of[span_id] for span_id in span_ids)

    def _interval(self, span: Span) -> tuple[int, int]:
        begin = self.begin or span.started_at
        end = max(span.ended_at or span.observed_at or span.started_at, span.started_at)
        return _ms(span.started_at - begin), _ms(end - begin)


def _ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def _only(nodes: Sequence[Node], agents: frozenset[str]) -> list[Node]:
    """The tree of the runs of some agents, each below its nearest ancestor among them."""
    known = {node.span.span_id: node.span for node in nodes}
    return list(grow(bridged((span for span in known.values() if span.agent_type in agents), known)).nodes)


def _sure(group: dict[str, Any]) -> dict[str, Any]:
    """Without a rate where too little was judged to name one."""
    return group if group.get("verified_n", 0) >= LEAST_EVIDENCE else {**group, "success": None}


def _days(groups: Sequence[dict[str, Any]]) -> int:
    """How many days from the first to the last."""
    days = [datetime.fromisoformat(group["key"]["day"]) for group in groups]
    return (max(days) - min(days)).days + 1 if days else 0
