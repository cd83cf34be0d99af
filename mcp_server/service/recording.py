"""What models and people tell us: spans, with a judgement of each if they give one."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from pydantic import BaseModel

from mcp_server.ingest.claude_code.identity import delegation_span_id
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking
from mcp_server.service.attempts import Attempts, Told, contradicts, digest
from mcp_server.service.completing import Completing
from mcp_server.service.errors import BadArgument
from mcp_server.service.present import Feed, Present
from mcp_server.service.rewarding import Rewarding
from mcp_server.service.stated import StatedSpan
from storage.queries import Batch
from storage.records import Reward, Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind


class Recorded(BaseModel):
    """What became of one stated span."""

    span_id: str
    session_id: str
    result: Literal["created", "updated", "unchanged"]


def _now() -> datetime:
    return datetime.now(UTC)


def _nothing() -> None:
    return None


class Recording:
    """Takes in stated spans and rewards, redacted and bounded."""

    def __init__(
        self,
        store: Store,
        keep: TextKeeper,
        *,
        session_id: str | None = None,
        project: str | None = None,
        feed: Feed | None = None,
        judged: Callable[[], None] = _nothing,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Record into a store.

        Args:
            store: where to.
            keep: what becomes of texts.
            session_id: of spans that name none, where the feed knows of none; a new one if it is not known.
            project: of delegations that name none.
            feed: knows in which session the client is by now, and brings the store up to date where something is
                judged that it does not hold yet.
            judged: is called after each judgement.
            clock: the present time.
        """
        self._store = store
        self._keep = keep
        self._session_id = session_id or f"session-{uuid.uuid4()}"
        self._present = Present(store, feed, self._session_id)
        self._completing = Completing(keep, project)
        self._on_judgement = judged
        self._clock = clock
        self._attempts = Attempts(store)
        self.reward = Rewarding(store, keep, feed, judged, clock).reward

    async def spans(self, stated: Sequence[StatedSpan], call_id: str | None = None) -> list[Recorded]:
        """Keep stated spans, all or none. A repeated call creates nothing twice; twins within one call are two.

        So are an attempt that has ended and a retry, which says another thing of the same agent and task.

        Args:
            stated: 1 to 500 spans.
            call_id: the client's id of this very call, if it gives one.

        Raises:
            BadArgument: a span contradicts itself; its place is named.
        """
        now = self._clock()
        here = await self._here() if any(row.session_id is None for row in stated) else self._session_id
        given = await self._given_ids(stated, call_id, here)
        told = self._told([row for row, span_id in zip(stated, given, strict=True) if span_id is None], now, here)
        meant = await self._attempts.meant(told)
        others = iter(meant)
        span_ids = [span_id or next(others) for span_id in given]
        held = await self._store.spans(span_ids)
        spans: list[Span] = []
        rewards: list[Reward] = []
        for place, (row, span_id) in enumerate(zip(stated, span_ids, strict=True)):
            if row.reward is None and "reward_source" in row.model_fields_set:
                name = f"spans[{place}].reward_source"
                raise BadArgument(name, row.reward_source, "it says whose reward it is; give reward, too")
            span = self._completing.span(row, span_id, held.get(span_id), place, here=here, now=now)
            spans.append(span)
            if row.reward is not None:
                rewards.append(self._given_with(row, span, now))
        added = await linking.add(self._store, Batch(spans=spans, rewards=rewards))
        self._attempts.remember(told, meant)
        if rewards:
            self._on_judgement()
        return [
            Recorded(span_id=span.span_id, session_id=span.session_id, result=change.value)
            for span, change in zip(spans, added.spans, strict=True)
        ]

    async def _here(self) -> str:
        """The session of spans that name none: a client may have begun another one since this process began."""
        await self._present.fresh()
        return await self._present.here() or self._session_id

    async def _given_ids(self, stated: Sequence[StatedSpan], call_id: str | None, here: str) -> list[str | None]:
        """For each span the given id, that of the same agent or that of its place in the call; None for the others."""
        span_ids: list[str | None] = []
        for place, row in enumerate(stated):
            span_id = row.span_id or await self._captured(row)
            if span_id is None and row.agent_id is not None:
                span_id = delegation_span_id(row.session_id or here, row.agent_id)
            if span_id is None and call_id is not None:
                span_id = digest("call", call_id, str(place))
            span_ids.append(span_id)
        return span_ids

    def _told(self, stated: Sequence[StatedSpan], now: datetime, here: str) -> list[Told]:
        """Spans that are known only by what is said of them."""
        twins: Counter[str] = Counter()
        told: list[Told] = []
        for row in stated:
            session_id = row.session_id or here
            first = digest("said", session_id, row.agent_type, row.task or "", row.started_at or "", row.kind)
            exactly = digest(first, repr(row.model_dump(exclude_none=True)))
            twins[exactly] += 1
            told.append(Told(first, f"{exactly}-{twins[exactly]}", partial(self._may_be, row, now)))
        return told

    def _may_be(self, row: StatedSpan, now: datetime, held: Span) -> bool:
        return not contradicts(row, held, self._keep, now)

    async def _captured(self, row: StatedSpan) -> str | None:
        """The id of the delegation that a span's agent or tool use already has."""
        if row.kind != "delegation":
            return None
        for known in (row.agent_id, row.tool_use_id):
            if known is None:
                continue
            found = [target for target in await self._store.resolve(known) if target.span_id is not None]
            spans = await self._store.spans([target.span_id or "" for target in found])
            launched = [span.span_id for span in spans.values() if span.kind is SpanKind.DELEGATION]
            if len(launched) == 1:
                return launched[0]
        return None

    @staticmethod
    def _given_with(row: StatedSpan, span: Span, now: datetime) -> Reward:
        return Reward(
            reward_id=digest("with", span.span_id, row.reward_source, str(row.reward)),
            span_id=span.span_id,
            value=row.reward,
            source=RewardSource(row.reward_source),
            given_at=now,
        )
