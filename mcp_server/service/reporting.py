"""Answers about what is recorded: one session, delegations that match, and what they add up to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.agent_runs import MatchMode, selected
from mcp_server.analysis.repair import Move, Repaired, repair
from mcp_server.analysis.trees import Node, Repair, bridged, grow
from mcp_server.service import cursors, shapes
from mcp_server.service.agent_match import AgentMode, agents_meant
from mcp_server.service.asking import Asking
from mcp_server.service.bridging import bridged_over
from mcp_server.service.errors import UnknownId
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.present import Feed, Present
from mcp_server.service.searching import Searching
from mcp_server.service.session_tree import critical_ms, node_object, repair_object, totals
from mcp_server.service.shapes import Detail, session_object, span_object
from mcp_server.service.statistics import Statistics
from storage.queries import AGENT_RUNS, ALL_KINDS, CALLS, Dimension, PageRequest
from storage.store import Store
from storage.vocabulary import SpanKind

PAGE: Final = 50
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
        self.present = Present(store, feed, session_id)
        self._clock = clock
        self.asking = Asking(store, clock)
        self.stats = Statistics(store, self.present, clock).stats
        self.search = Searching(store, self.present, self.asking, clock).search

    async def trajectory(
        self,
        session_id: str | None = None,
        *,
        detail: Detail = "summary",
        kinds: Sequence[SpanKind] | None = None,
        agent_match: str | None = None,
        agent_mode: AgentMode = "nearest",
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
            agent_mode: whether that agent made the span itself, or any one above it counts.
            cursor: where to go on.
            limit: at most so many spans.
            max_chars: of the whole answer.

        Raises:
            UnknownId: no such session.
            BadArgument: a value that cannot be used.
        """
        await self.present.fresh()
        chosen = await self.present.session(session_id)
        wanted = frozenset(kinds) if kinds else (ALL_KINDS if detail == "full" else AGENT_RUNS)
        counts = await self._store.span_counts(chosen)
        # Agents' runs are always needed: sums and the critical path are of the whole session.
        read = ALL_KINDS if wanted & CALLS else AGENT_RUNS
        all_at_once = detail != "skeleton" and sum(counts.get(kind, 0) for kind in read) <= limit
        repaired = await self.repaired(chosen, read, texts=all_at_once)
        spans = {span.span_id: span for span in repaired.spans}
        tree = grow(bridged((span for span in repaired.spans if span.kind in wanted), spans))
        nodes = list(tree.nodes)
        if agent_match is not None:
            agents = agents_meant(agent_match, {span.agent_type for span in repaired.spans})
            meant = selected(repaired.spans, agents, MatchMode(agent_mode))
            nodes = [node for node in nodes if node.span.span_id in meant]
        asked = ("trajectory", chosen, sorted(wanted), agent_match, agent_mode)
        rest = nodes[cursors.place_after([node.span.span_id for node in nodes], cursor, asked) :]
        page = rest[:limit]
        if detail != "skeleton" and not all_at_once:
            page = await self._with_texts(page)
        runs = [span for span in repaired.spans if span.kind in AGENT_RUNS]
        critical = critical_ms(repaired.spans)
        repairs: list[Repair | Move] = [*tree.repairs, *repaired.moves]
        answer: dict[str, Any] = {
            "session_id": chosen,
            "totals": totals(runs, counts, len(repairs)),
            "repairs": [repair_object(found) for found in repairs[:_REPAIRS_SHOWN]],
            "spans": [node_object(node, detail, critical) for node in page],
            "returned": len(page),
            "total": len(nodes),
        }
        items, kept = fitted(answer, "spans", max_chars)
        more = kept < len(rest)
        return {
            **answer,
            "spans": items,
            "returned": kept,
            "next_cursor": cursors.encode(page[kept - 1].span.span_id, *asked) if more and kept else None,
        }

    async def repaired(self, session_id: str, kinds: frozenset[SpanKind], *, texts: bool = False) -> Repaired:
        """The spans of a session of these kinds, each where it belongs."""
        known = await self._store.trajectory(session_id, kinds, texts=texts)
        return repair(await bridged_over(self._store, known), now=self._clock())

    async def sessions(self, *, cursor: str | None = None, limit: int = PAGE) -> dict[str, Any]:
        """Sessions, latest activity first."""
        await self.present.fresh()
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
        await self.present.fresh()
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

    async def known(self, dimension: Dimension) -> list[str]:
        """The known values of a dimension, most frequent first."""
        return await self._store.distinct(dimension)

    async def _with_texts(self, nodes: Sequence[Node]) -> list[Node]:
        whole = await self._store.spans([node.span.span_id for node in nodes])
        return [
            Node(whole[node.span.span_id].model_copy(update={"parent_span_id": node.span.parent_span_id}), node.depth)
            if node.span.span_id in whole
            else node
            for node in nodes
        ]
