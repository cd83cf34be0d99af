"""Answers about what is recorded: one session, delegations that match, statistics."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.quantiles import quantile, wilson
from mcp_server.analysis.trees import Node, bridged, grow
from mcp_server.service import cursors, shapes
from mcp_server.service.agent_match import BadPattern, matching
from mcp_server.service.asking import Asking
from mcp_server.service.errors import BadArgument, UnknownId
from mcp_server.service.feeding import Feed
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.moments import moment
from mcp_server.service.shapes import Detail, session_object, span_object
from storage.errors import BadCursor
from storage.queries import AGENT_RUNS, ALL_KINDS, Dimension, Group, PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome, SpanKind, Status

PAGE: Final = 50
_CHAIN_LIMIT: Final = 64
_EXPORT_PAGE: Final = 500
_REPAIRS_SHOWN: Final = 20  # all of them are counted in the totals


def _now() -> datetime:
    return datetime.now(UTC)


class Reporting:
    """Reads a store and answers in plain JSON objects."""

    def __init__(
        self,
        store: Store,
        *,
        session_id: str | None = None,
        feed: Feed | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Report from a store.

        Args:
            store: where from.
            session_id: the session that is meant where none is named and the feed knows of none.
            feed: brings the store up to date before each answer.
            clock: the present time.
        """
        self._store = store
        self._feed = feed
        self._session_id = session_id
        self._clock = clock
        self._asking = Asking(store, clock)

    async def trajectory(
        self,
        session_id: str | None = None,
        *,
        detail: Detail = "summary",
        kinds: Sequence[SpanKind] | None = None,
        agent_match: str | None = None,
        cursor: str | None = None,
        limit: int = 200,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """One session as a tree, parents before children, siblings by start.

        Args:
            session_id: the client's session; the current one, else the latest, where it is not given.
            detail: `skeleton` (figures), `summary` (and the heads of texts), `full` (every field).
            kinds: which spans; without it agents' runs, and in full detail calls of models and tools as well.
            agent_match: only spans of agents in whose type this regular expression is found.
            cursor: where to go on.
            limit: at most so many spans.
            max_chars: of the whole answer.

        Raises:
            UnknownId: no such session.
            BadArgument: a value that cannot be used.
        """
        await self._fresh()
        chosen = await self._session(session_id)
        wanted = frozenset(kinds) if kinds else (ALL_KINDS if detail == "full" else AGENT_RUNS)
        counts = await self._store.span_counts(chosen)
        spans = await self._bridged(await self._store.trajectory(chosen, wanted))
        tree = grow(spans)
        nodes = list(tree.nodes)
        if agent_match is not None:
            agents = self._matching(agent_match, {node.span.agent_type for node in nodes})
            nodes = [node for node in nodes if node.span.agent_type in agents]
        rest = _after(nodes, cursor)
        page = rest[:limit]
        if detail != "skeleton":
            page = await self._with_texts(page)
        runs = [span for span in spans if span.kind in AGENT_RUNS]
        answer: dict[str, Any] = {
            "session_id": chosen,
            "totals": _totals(runs, counts, len(tree.repairs)),
            "repairs": [
                {"span_id": repair.span_id, "fault": repair.fault, "reason": repair.reason} for repair in tree.repairs
            ][:_REPAIRS_SHOWN],
            "spans": [_node_object(node, detail) for node in page],
            "returned": len(page),
            "total": len(nodes),
        }
        items, kept = fitted(answer, "spans", max_chars)
        more = kept < len(rest)
        return {
            **answer,
            "spans": items,
            "returned": kept,
            "next_cursor": cursors.encode(page[kept - 1].span.span_id) if more and kept else None,
        }

    async def search(
        self,
        words: str | None = None,
        *,
        agent_type: str | None = None,
        agent_match: str | None = None,
        model: str | None = None,
        task_type: str | None = None,
        outcome: Outcome | None = None,
        status: Status | None = None,
        project: str | None = None,
        since: str | None = None,
        until: str | None = None,
        min_cost_usd: float | None = None,
        cursor: str | None = None,
        limit: int = 20,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Delegations that match all that is given, newest first, and on which of them a verdict is wanted.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._fresh()
        now = self._clock()
        agents = frozenset({agent_type}) if agent_type is not None else None
        if agent_match is not None:
            known = await self._store.distinct(Dimension.AGENT_TYPE) if agents is None else agents
            agents = self._matching(agent_match, known)
        question = SpanFilter(
            agent_types=agents,
            model=model,
            task_type=task_type,
            outcome=outcome,
            status=status,
            project=project,
            since=moment("since", since, now),
            until=moment("until", until, now),
            min_cost_usd=min_cost_usd,
            words=words,
        )
        try:
            page = await self._store.find(question, PageRequest(limit=limit, after=cursor))
        except BadCursor as error:
            raise BadArgument("cursor", cursor, "pass next_cursor exactly as it was returned") from error
        answer: dict[str, Any] = {
            "delegations": [_found_object(span) for span in page.items],
            "returned": len(page.items),
            "total": page.total,
            "next_cursor": page.next,
            "verdicts_wanted": await self._asking.about(page.items),
        }
        items, kept = fitted(answer, "delegations", max_chars)
        if kept < len(page.items):
            # What was left out for its size begins the next page.
            again = await self._store.find(question, PageRequest(limit=kept, after=cursor))
            answer["next_cursor"] = again.next
        shown = {item["span_id"] for item in items}
        wanted = [one for one in answer["verdicts_wanted"] if one["span_id"] in shown]
        return {**answer, "delegations": items, "returned": kept, "verdicts_wanted": wanted}

    async def stats(
        self,
        group_by: Sequence[Dimension] = (Dimension.AGENT_TYPE, Dimension.MODEL),
        *,
        agent_match: str | None = None,
        project: str | None = None,
        since: str | None = None,
        until: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Delegations summed up by what they have in common, most frequent group first.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._fresh()
        now = self._clock()
        agents = None
        if agent_match is not None:
            agents = self._matching(agent_match, await self._store.distinct(Dimension.AGENT_TYPE))
        question = SpanFilter(
            agent_types=agents, project=project, since=moment("since", since, now), until=moment("until", until, now)
        )
        dimensions = list(dict.fromkeys(group_by))
        groups = [_group_object(group) for group in await self._store.group(question, dimensions)]
        overall = await self._store.group(question, ())
        start = 0
        if cursor is not None:
            mark = cursors.decode(cursor)
            start = next((place + 1 for place, group in enumerate(groups) if _key(group) == mark), 0)
        page = groups[start : start + limit]
        answer: dict[str, Any] = {
            "groups": page,
            "totals": {name: value for name, value in _group_object(overall[0]).items() if name != "key"}
            if overall
            else {"n": 0},
            "returned": len(page),
            "total": len(groups),
        }
        items, kept = fitted(answer, "groups", max_chars)
        more = start + kept < len(groups)
        following = cursors.encode(_key(page[kept - 1])) if more and kept else None
        return {**answer, "groups": items, "returned": kept, "next_cursor": following}

    async def sessions(self, *, cursor: str | None = None, limit: int = PAGE) -> dict[str, Any]:
        """Sessions, latest activity first."""
        await self._fresh()
        page = await self._store.sessions(PageRequest(limit=limit, after=cursor))
        return {
            "sessions": [session_object(session) for session in page.items],
            "returned": len(page.items),
            "total": page.total,
            "next_cursor": page.next,
        }

    async def span(self, span_id: str) -> dict[str, Any]:
        """One span with every field and all judgements of it.

        Raises:
            UnknownId: no such span.
        """
        await self._fresh()
        found = (await self._store.spans([span_id])).get(span_id)
        if found is None:
            raise UnknownId(span_id, "span", "get_trajectory and search_delegations return span ids")
        targets = [target for target in await self._store.resolve(span_id) if target.span_id == span_id]
        rewards = await self._store.rewards(targets[0])
        judgements = [
            {**reward.model_dump(exclude={"span_id", "session_id"}), "given_at": shapes.time_text(reward.given_at)}
            for reward in rewards
        ]
        return {**span_object(found, "full"), "rewards": judgements}

    async def exported(
        self,
        *,
        session_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        agent_match: str | None = None,
        kinds: Sequence[str] = (),
    ) -> AsyncIterator[dict[str, Any]]:
        """Every span that matches, with every field, in the order of recording; a page of the store at a time.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._fresh()
        now = self._clock()
        question = SpanFilter(
            kinds=frozenset(SpanKind(kind) for kind in kinds) or ALL_KINDS,
            session_id=session_id,
            since=moment("since", since, now),
            until=moment("until", until, now),
        )
        cursor: str | None = None
        while True:
            page = await self._store.scan(question, PageRequest(limit=_EXPORT_PAGE, after=cursor))
            agents = None if agent_match is None else self._matching(agent_match, {s.agent_type for s in page.items})
            for span in page.items:
                if agents is None or span.agent_type in agents:
                    yield shapes.exported(span)
            cursor = page.next
            if cursor is None:
                return

    async def known(self, dimension: Dimension) -> list[str]:
        """The known values of a dimension, most frequent first."""
        return await self._store.distinct(dimension)

    async def _fresh(self) -> None:
        if self._feed is not None:
            await self._feed.fresh()

    async def _session(self, session_id: str | None) -> str:
        if session_id is not None:
            if await self._store.session(session_id) is None:
                raise UnknownId(
                    session_id, "session", "leave session_id out for the latest, or read delegation://sessions"
                )
            return session_id
        here = await self._feed.current_session() if self._feed is not None else None
        for current in (here, self._session_id):
            if current is not None and await self._store.session(current) is not None:
                return current
        latest = await self._store.sessions(PageRequest(limit=1))
        if not latest.items:
            raise UnknownId(
                "", "session", "nothing is recorded yet: run `delegation-telemetry import`, or call record_spans"
            )
        return latest.items[0].session_id

    async def _bridged(self, spans: list[Span]) -> list[Span]:
        """Spans whose parents were not asked for, hung on the nearest ancestor that was."""
        between: dict[str, Span] = {}
        ids = {span.span_id for span in spans}
        missing = {span.parent_span_id for span in spans if span.parent_span_id} - ids
        for _ in range(_CHAIN_LIMIT):
            if not missing:
                break
            found = await self._store.spans(sorted(missing))
            between |= found
            missing = {span.parent_span_id for span in found.values() if span.parent_span_id} - ids - between.keys()
        return bridged(spans, between) if between else spans

    async def _with_texts(self, nodes: Sequence[Node]) -> list[Node]:
        whole = await self._store.spans([node.span.span_id for node in nodes])
        return [
            Node(whole[node.span.span_id].model_copy(update={"parent_span_id": node.span.parent_span_id}), node.depth)
            if node.span.span_id in whole
            else node
            for node in nodes
        ]

    @staticmethod
    def _matching(pattern: str, agent_types: Sequence[str] | set[str] | frozenset[str]) -> frozenset[str]:
        try:
            return matching(pattern, agent_types)
        except BadPattern as error:
            raise BadArgument("agent_match", pattern, str(error)) from error


def _after(nodes: list[Node], cursor: str | None) -> list[Node]:
    if cursor is None:
        return nodes
    mark = cursors.decode(cursor)
    place = next((place for place, node in enumerate(nodes) if node.span.span_id == mark), None)
    if place is None:
        raise BadArgument("cursor", cursor, "the span it stood at is gone; begin again without a cursor")
    return nodes[place + 1 :]


def _node_object(node: Node, detail: Detail) -> dict[str, Any]:
    shown = span_object(node.span, detail)
    shown.pop("session_id", None)
    return {
        "span_id": shown.pop("span_id"),
        "parent_span_id": shown.pop("parent_span_id"),
        "depth": node.depth,
        **shown,
    }


def _found_object(span: Span) -> dict[str, Any]:
    return {"session_id": span.session_id, "project": span.project, **span_object(span, "summary")}


def _totals(runs: Sequence[Span], counts: dict[SpanKind, int], repairs: int) -> dict[str, Any]:
    """Of the whole session, whatever part of it is shown."""
    costs = [span.cost_usd for span in runs if span.cost_usd is not None]
    delegations = [span for span in runs if span.kind is SpanKind.DELEGATION]
    outcomes = {outcome: sum(span.outcome is outcome for span in delegations) for outcome in Outcome}
    statuses = {status: sum(span.status is status for span in delegations) for status in Status}
    ends = [span.ended_at or span.observed_at or span.started_at for span in runs]
    starts = [span.started_at for span in runs]
    tokens = [
        count
        for span in runs
        for count in (
            span.input_tokens,
            span.output_tokens,
            span.cache_read_tokens,
            span.cache_write_5m_tokens,
            span.cache_write_1h_tokens,
        )
        if count is not None
    ]
    return {
        "spans": {kind.value: counts.get(kind, 0) for kind in SpanKind},
        "delegations": len(delegations),
        "statuses": {status.value: n for status, n in statuses.items() if n},
        "outcomes": {outcome.value: n for outcome, n in outcomes.items() if n},
        "cost_usd": sum(costs) if costs else None,
        "unpriced": sum(span.cost_usd is None for span in runs),
        "total_tokens": sum(tokens) if tokens else None,
        "duration_ms": int((max(ends) - min(starts)).total_seconds() * 1000) if runs else None,
        "repairs": repairs,
    }


def _group_object(group: Group) -> dict[str, Any]:
    judged = wilson(group.verified_success_n, group.verified_n)
    return {
        "key": group.key,
        "n": group.n,
        "verified_n": group.verified_n,
        "success": None if judged is None else {"rate": judged.rate, "low": judged.low, "high": judged.high},
        "mean_reward": group.reward_sum / group.rewards_n if group.rewards_n else None,
        "statuses": {status.value: n for status, n in group.statuses.items() if n},
        "outcomes": {outcome.value: n for outcome, n in group.outcomes.items() if n},
        "cost_usd": group.cost_usd,
        "priced_n": group.cost_n,
        "cost_per_success_usd": _cost_per_success(group),
        "tokens": {name: count for name, count in group.tokens.items() if count is not None},
        "tool_calls": group.tool_calls,
        "tool_errors": group.tool_errors,
        "duration_ms": {"median": quantile(group.durations_ms, 0.5), "p95": quantile(group.durations_ms, 0.95)},
    }


def _cost_per_success(group: Group) -> float | None:
    """What one success cost; None while an outcome or a cost is unknown, for then nobody can say."""
    successes = group.outcomes[Outcome.SUCCESS]
    if group.cost_usd is None or not successes or group.outcomes[Outcome.UNKNOWN] or group.cost_n < group.n:
        return None
    return group.cost_usd / successes


def _key(group: dict[str, Any]) -> str:
    return json.dumps(group["key"], sort_keys=True)
