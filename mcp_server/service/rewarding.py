"""What models and people judge: a span, an agent, a tool use or a session."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.attempts import digest
from mcp_server.service.errors import AmbiguousId, BadArgument, UnknownId
from mcp_server.service.present import Feed
from storage.outcomes import OVERALL, holding, outcome
from storage.queries import Batch, Target
from storage.records import Reward
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status


class Judged(BaseModel):
    """What holds about a target after a judgement."""

    reward_id: str
    result: Literal["created", "unchanged"]
    span_id: str | None
    session_id: str
    name: str
    value: float
    """Of the reward that holds now, which may be another one."""
    source: str
    outcome: str
    rewards: int
    """How many rewards of this name the target has."""


class Rewarding:
    """Takes in judgements."""

    def __init__(
        self,
        store: Store,
        keep: TextKeeper,
        feed: Feed | None,
        judged: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Take judgements into a store.

        Args:
            store: where to.
            keep: what becomes of texts.
            feed: brings the store up to date where something is judged that it does not hold yet.
            judged: is called after each judgement.
            clock: the present time.
        """
        self._store = store
        self._keep = keep
        self._feed = feed
        self._on_judgement = judged
        self._clock = clock

    async def reward(
        self,
        target_id: str,
        value: float,
        source: RewardSource,
        *,
        name: str = OVERALL,
        reason: str | None = None,
        reward_id: str | None = None,
    ) -> Judged:
        """Keep a judgement of a span, an agent, a tool use or a session.

        Raises:
            UnknownId: nothing has this id.
            AmbiguousId: several spans do.
            BadArgument: another reward has the given id.
        """
        target = await self._target(target_id)
        known = await self._store.rewards(target)
        kept_reason = self._keep.text(reason)
        chosen_id = reward_id or digest(target_id, name, source, str(value), kept_reason or "")
        reward = Reward(
            reward_id=chosen_id,
            span_id=target.span_id,
            session_id=None if target.span_id is not None else target.session_id,
            name=name,
            value=value,
            source=source,
            reason=kept_reason,
            given_at=self._clock(),
        )
        clash = next((one for one in known if one.reward_id == chosen_id), None)
        elsewhere = await self._store.reward(chosen_id) if clash is None else None
        if elsewhere is not None:
            judged_id = elsewhere.span_id or elsewhere.session_id
            raise BadArgument("reward_id", chosen_id, f"it already judges {judged_id!r}; choose another id")
        if clash is not None and (clash.value, clash.source, clash.name) != (value, source, name):
            raise BadArgument(
                "reward_id",
                chosen_id,
                f"it already names a reward of {clash.value} by {clash.source}; choose another id",
            )
        added = await self._store.add(Batch(rewards=[reward]))
        self._on_judgement()
        return await self._judged(target, reward, created=added.rewards[0])

    async def _judged(self, target: Target, reward: Reward, *, created: bool) -> Judged:
        alike = [one for one in await self._store.rewards(target) if one.name == reward.name]
        held = holding(alike) or reward
        if target.span_id is not None:
            status = (await self._store.spans([target.span_id]))[target.span_id].status
        else:
            session = await self._store.session(target.session_id)
            status = (session.status if session else None) or Status.OK
        return Judged(
            reward_id=reward.reward_id,
            result="created" if created else "unchanged",
            span_id=target.span_id,
            session_id=target.session_id,
            name=reward.name,
            value=held.value,
            source=held.source,
            outcome=outcome(status, held.value, held.source),
            rewards=len(alike),
        )

    async def _target(self, target_id: str) -> Target:
        found = await self._store.resolve(target_id)
        if not found and self._feed is not None:
            # Whoever judges has just seen the end of what is judged: nobody may have asked for it since.
            await self._feed.thorough()
            found = await self._store.resolve(target_id)
        if not found:
            raise UnknownId(
                target_id,
                "span, agent, tool use or session",
                "search_delegations lists delegations with their span_id and agent_id",
            )
        delegations = [target for target in found if target.span_id is not None]
        exact = [target for target in delegations if target.span_id == target_id]
        sessions = [target for target in found if target.span_id is None]
        if exact or sessions:
            return (exact or sessions)[0]
        if len(delegations) > 1:
            spans = await self._store.spans([target.span_id or "" for target in delegations])
            launched = [target for target in delegations if spans[target.span_id or ""].kind is SpanKind.DELEGATION]
            if len(launched) == 1:
                return launched[0]
            raise AmbiguousId(target_id, [target.span_id or "" for target in delegations])
        return delegations[0]
