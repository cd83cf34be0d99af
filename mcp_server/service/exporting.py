"""What leaves in files: spans as they are, rows to train on, and sessions for a judge to look at."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.agent_runs import MatchMode, selected
from mcp_server.analysis.credit import assess, verdict
from mcp_server.analysis.players import trajectory
from mcp_server.analysis.repair import repair
from mcp_server.analysis.triplets import RewardPolicy, episodes, transitions
from mcp_server.analysis.weights import weight
from mcp_server.service import shapes, training
from mcp_server.service.agent_match import AgentMode, agents_meant
from mcp_server.service.decision_rows import decision_rows
from mcp_server.service.errors import UnknownId
from mcp_server.service.moments import bounds
from mcp_server.service.present import Feed
from mcp_server.service.training import Policy
from storage.queries import ALL_KINDS, PageRequest, SpanFilter, Target
from storage.records import Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status

_PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is exported; all that is given must hold."""

    session_id: str | None = None
    since: str | None = None
    """Started since: of spans each for itself, of rows the agent run that they are of."""
    until: str | None = None
    agent_match: str | None = None
    """Only of agents in whose type this regular expression is found."""
    agent_mode: AgentMode = "nearest"
    """Whether that agent made the span itself, or any one above it counts."""


@dataclass(frozen=True, slots=True)
class _Window:
    since: datetime | None
    until: datetime | None

    def holds(self, start: datetime) -> bool:
        return (self.since is None or start >= self.since) and (self.until is None or start < self.until)


def _now() -> datetime:
    return datetime.now(UTC)


class Exporting:
    """Reads a store, one session or one page at a time, and answers in plain JSON objects.

    Before it yields anything, each method may raise `UnknownId` for a session, and `BadArgument` for a value that
    cannot be used.
    """

    def __init__(self, store: Store, *, feed: Feed | None = None, clock: Callable[[], datetime] = _now) -> None:
        """Export from a store.

        Args:
            store: where from.
            feed: brings the store up to date before anything is read.
            clock: the present time.
        """
        self._store = store
        self._feed = feed
        self._clock = clock

    async def spans(self, scope: Scope, kinds: Sequence[str] = ()) -> AsyncIterator[dict[str, Any]]:
        """Every span with every field, in the order of recording.

        Args:
            scope: which ones.
            kinds: only these; all, where none is named.
        """
        window = await self._begun(scope)
        question = SpanFilter(
            kinds=frozenset(SpanKind(kind) for kind in kinds) or ALL_KINDS,
            session_id=scope.session_id,
            since=window.since,
            until=window.until,
        )
        meant: dict[str, frozenset[str]] = {}
        cursor: str | None = None
        while True:
            page = await self._store.scan(question, PageRequest(limit=_PAGE, after=cursor))
            if scope.agent_match is not None:
                # A session often goes on over several pages; those that have ended are forgotten.
                meant = {
                    session_id: meant[session_id]
                    if session_id in meant
                    else self._meant(self._repaired(await self._store.trajectory(session_id)), scope)
                    for session_id in dict.fromkeys(span.session_id for span in page.items)
                }
            for span in page.items:
                if scope.agent_match is None or span.span_id in meant[span.session_id]:
                    yield shapes.exported(span)
            cursor = page.next
            if cursor is None:
                return

    async def triplets(
        self, scope: Scope, *, reward_agent_match: str | None = None, policy: Policy = "last", merged: bool = False
    ) -> AsyncIterator[dict[str, Any]]:
        """Rows to train on, session by session, the one that has been silent longest first.

        Args:
            scope: which agents' answers.
            reward_agent_match: only rewards of agents in whose type this is found, read in the mode of the scope.
            policy: which answers get the reward of their agent run, or of their session.
            merged: one row for each agent run instead of one for each answer.
        """
        window = await self._begun(scope)
        if reward_agent_match is not None:
            agents_meant(reward_agent_match, (), name="reward_agent_match")
        for session_id in await self._sessions(scope, window):
            spans = await self._whole(session_id)
            receivers = None if scope.agent_match is None else self._meant(spans, scope)
            givers = None
            if reward_agent_match is not None:
                types = {span.agent_type for span in spans}
                agents = agents_meant(reward_agent_match, types, name="reward_agent_match")
                givers = selected(spans, agents, MatchMode(scope.agent_mode))
            runs = {span.span_id for span in spans if window.holds(span.started_at)}
            found = transitions(spans, receivers=receivers, givers=givers, policy=RewardPolicy(policy))
            rows = (row for row in found if row.agent_span_id in runs)
            if merged:
                for episode in episodes(rows):
                    yield training.trajectory_row(episode)
            else:
                for row in rows:
                    yield training.triplet_row(row)

    async def cases(self, scope: Scope) -> AsyncIterator[dict[str, Any]]:
        """For each session that did not wholly succeed, where a judge should look first.

        Args:
            scope: which sessions: those that were active in its window. Its agents do not matter.
        """
        window = await self._begun(scope)
        for session_id in await self._sessions(scope, window):
            session = trajectory(await self._whole(session_id))
            judgements = await self._store.rewards(Target(session_id=session_id, span_id=None))
            assessed = assess(session, verdict(judgements, _weight))
            if assessed.top_blame:
                yield training.judge_case(session_id, session, assessed)

    async def decisions(self, scope: Scope) -> AsyncIterator[dict[str, Any]]:
        """Routing decisions with every field of a span, newest first.

        Args:
            scope: which ones, by session and time. Agents do not matter.
        """
        window = await self._begun(scope, is_recorded=False)
        async for row in decision_rows(self._store.decisions, window.since, window.until, scope.session_id):
            yield row

    async def _begun(self, scope: Scope, *, is_recorded: bool = True) -> _Window:
        """The scope's times, after everything in it was checked and the store brought up to date."""
        if scope.agent_match is not None:
            agents_meant(scope.agent_match, ())
        now = self._clock()
        window = _Window(*bounds(scope.since, scope.until, now))
        if self._feed is not None:
            await self._feed.fresh()
        if is_recorded and scope.session_id is not None and await self._store.session(scope.session_id) is None:
            raise UnknownId(scope.session_id, "session", "`delegation-telemetry log --json` shows the ids of sessions")
        return window

    async def _sessions(self, scope: Scope, window: _Window) -> list[str]:
        """Ids of the sessions that may hold something of the scope, latest activity last."""
        if scope.session_id is not None:
            return [scope.session_id]
        found: list[str] = []
        cursor: str | None = None
        while True:
            # All of them first: a session that goes on meanwhile would change its place.
            page = await self._store.sessions(PageRequest(limit=_PAGE, after=cursor))
            found += [
                session.session_id
                for session in page.items
                if (window.since is None or session.last_activity_at >= window.since)
                and (window.until is None or session.started_at < window.until)
            ]
            cursor = page.next
            if cursor is None:
                return found[::-1]

    async def _whole(self, session_id: str) -> list[Span]:
        """All spans of a session with their texts, each where it belongs."""
        known = await self._store.trajectory(session_id)
        ids = [span.span_id for span in known]
        whole: dict[str, Span] = {}
        for start in range(0, len(ids), _PAGE):
            whole |= await self._store.spans(ids[start : start + _PAGE])
        return self._repaired(whole.get(span.span_id, span) for span in known)

    def _repaired(self, spans: Iterable[Span]) -> list[Span]:
        return list(repair(spans, now=self._clock()).spans)

    @staticmethod
    def _meant(spans: Sequence[Span], scope: Scope) -> frozenset[str]:
        """Ids of the spans of the agents that a scope names."""
        agents = agents_meant(scope.agent_match or "", {span.agent_type for span in spans})
        return selected(spans, agents, MatchMode(scope.agent_mode))


def _weight(source: RewardSource) -> float:
    # A session is judged as a whole: how its main agent's run ended does not make a judgement weaker.
    return weight(source, Status.OK)
