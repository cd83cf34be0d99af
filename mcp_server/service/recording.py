"""What models and people tell us: spans and judgements."""

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mcp_server.ingest.claude_code.identity import delegation_span_id
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking
from mcp_server.service.attempts import Attempts, Told, contradicts, digest
from mcp_server.service.errors import AmbiguousId, BadArgument, UnknownId
from mcp_server.service.moments import moment
from mcp_server.service.present import Feed
from storage.fields import COUNT_LIMIT, ID_LIMIT, NAME_LIMIT, TOOL_SEQUENCE_LIMIT
from storage.outcomes import OVERALL, holding, outcome
from storage.queries import Batch, Target
from storage.records import Reward, Span
from storage.store import Store
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status

SPANS_LIMIT: Final = 500
_AHEAD: Final = timedelta(days=1)

Word = Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)]
Id = Annotated[str, Field(min_length=1, max_length=ID_LIMIT)]
Tokens = Annotated[int, Field(ge=0, le=COUNT_LIMIT)]


class StatedSpan(BaseModel):
    """A span as a caller states it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    agent_type: Annotated[Word, Field(description="Kind of agent, e.g. Explore")]
    task: Annotated[str | None, Field(description="What it was asked to do")] = None
    span_id: Annotated[Id | None, Field(description="Of an earlier answer, to complete that span")] = None
    session_id: Id | None = None
    parent_span_id: Annotated[Id | None, Field(description="Span that delegated to it")] = None
    kind: Literal["delegation", "session", "llm_call", "tool_call"] = "delegation"
    name: Word | None = None
    agent_id: Annotated[Id | None, Field(description="The client's id of the agent; merges with what was captured")] = (
        None
    )
    tool_use_id: Annotated[Id | None, Field(description="Id of the call that launched it; merges likewise")] = None
    model: Word | None = None
    effort: Word | None = None
    output: Annotated[str | None, Field(description="What it delivered")] = None
    status: Literal["running", "ok", "error", "cancelled", "lost"] | None = None
    reward: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False, description="Verdict, 0 to 1")] = None
    reward_source: Literal["human", "test", "verifier", "model", "behaviour", "structure", "keyword"] = "model"
    started_at: Annotated[str | None, Field(max_length=64, description="ISO 8601 or 10m = ten minutes ago")] = None
    ended_at: Annotated[str | None, Field(max_length=64)] = None
    duration_ms: Tokens | None = None
    tool_sequence: Annotated[list[Word] | None, Field(max_length=TOOL_SEQUENCE_LIMIT)] = None
    tool_call_count: Tokens | None = None
    tool_error_count: Tokens | None = None
    input_tokens: Annotated[Tokens | None, Field(description="Without cached ones")] = None
    output_tokens: Tokens | None = None
    cache_read_tokens: Tokens | None = None
    cache_write_5m_tokens: Tokens | None = None
    cache_write_1h_tokens: Tokens | None = None
    cost_usd: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    task_type: Annotated[Word | None, Field(description="search, implement, debug, test, review, ... or your own")] = (
        None
    )
    complexity: Annotated[
        Level | None, Field(description="Judged before delegating: low one known place, high unknown or many parts")
    ] = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    project: Annotated[str | None, Field(min_length=1, max_length=4096)] = None
    branch: Word | None = None
    error: str | None = None
    attributes: Annotated[dict[str, Any] | None, Field(description="decision_id: suggestion it followed")] = None


class Recorded(BaseModel):
    """What became of one stated span."""

    span_id: str
    session_id: str
    result: Literal["created", "updated", "unchanged"]


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


def _now() -> datetime:
    return datetime.now(UTC)


def _nothing() -> None:
    return None


_NAMES: Final = frozenset({"agent_type", "model", "project", "branch"})


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
            session_id: of spans that name none; a new one for this process where it is not known.
            project: of delegations that name none.
            feed: brings the store up to date where something is judged that it does not hold yet.
            judged: is called after each judgement.
            clock: the present time.
        """
        self._store = store
        self._keep = keep
        self._session_id = session_id or f"session-{uuid.uuid4()}"
        self._project = project
        self._feed = feed
        self._on_judgement = judged
        self._clock = clock
        self._attempts = Attempts(store)

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
        given = await self._given_ids(stated, call_id)
        told = self._told([row for row, span_id in zip(stated, given, strict=True) if span_id is None], now)
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
            span = self._span(row, span_id, held.get(span_id), now, place)
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

    async def _given_ids(self, stated: Sequence[StatedSpan], call_id: str | None) -> list[str | None]:
        """For each span the given id, that of the same agent or that of its place in the call; None for the others."""
        span_ids: list[str | None] = []
        for place, row in enumerate(stated):
            span_id = row.span_id or await self._captured(row)
            if span_id is None and row.agent_id is not None:
                span_id = delegation_span_id(row.session_id or self._session_id, row.agent_id)
            if span_id is None and call_id is not None:
                span_id = digest("call", call_id, str(place))
            span_ids.append(span_id)
        return span_ids

    def _told(self, stated: Sequence[StatedSpan], now: datetime) -> list[Told]:
        """Spans that are known only by what is said of them."""
        twins: Counter[str] = Counter()
        told: list[Told] = []
        for row in stated:
            session_id = row.session_id or self._session_id
            first = digest("said", session_id, row.agent_type, row.task or "", row.started_at or "", row.kind)
            exactly = digest(first, repr(row.model_dump(exclude_none=True)))
            twins[exactly] += 1
            told.append(Told(first, f"{exactly}-{twins[exactly]}", partial(self._may_be, row, now)))
        return told

    def _may_be(self, row: StatedSpan, now: datetime, held: Span) -> bool:
        return not contradicts(row, self._status(row), held, self._keep, now)

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

    def _span(self, row: StatedSpan, span_id: str, held: Span | None, now: datetime, place: int) -> Span:
        started_at, ended_at = self._times(row, held, now, place)
        given = row.model_dump(
            exclude={"span_id", "session_id", "started_at", "ended_at", "reward", "reward_source"}, exclude_none=True
        )
        given |= {name: self._keep.text(given[name]) for name in ("task", "output", "error") if name in given}
        if "name" in given:
            given["name"] = self._keep.line(given["name"])
        for name in _NAMES & given.keys():
            given[name] = self._keep.name(given[name]) or given[name]
        if row.task_type is not None:
            given["task_type"] = self._keep.task_type(row.task_type)
        elif row.kind == "delegation" and (guess := self._keep.guess(row.name, row.task)) is not None:
            given |= guess._asdict()
        if "tool_sequence" in given:
            given = _counted(row, held) | given
            given["tool_sequence"] = [self._keep.name(tool) or tool for tool in given["tool_sequence"]]
        if "attributes" in given:
            given["attributes"] = self._keep.attributes(given["attributes"])
        if row.kind == "delegation" and row.project is None:
            given["project"] = self._project
        status = self._status_after(row, held)
        given = _texts_before(held, status) | given | {"status": status}
        try:
            return Span(
                span_id=span_id,
                session_id=row.session_id or (held.session_id if held is not None else self._session_id),
                started_at=started_at,
                ended_at=ended_at,
                observed_at=now,
                source=Source.STATED,
                **given,
            )
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            name = f"spans[{place}]{'.' if where else ''}{where}"
            reason = str(fault["msg"]).removeprefix("Value error, ")
            raise BadArgument(name, fault["input"] if where else row.agent_type, reason) from error

    def _times(self, row: StatedSpan, held: Span | None, now: datetime, place: int) -> tuple[datetime, datetime | None]:
        """Start and end as stated, else as held already, else from the duration and the present."""
        started_at, ended_at = (
            self._stated_time(f"spans[{place}].{name}", text, now)
            for name, text in (("started_at", row.started_at), ("ended_at", row.ended_at))
        )
        length = None if row.duration_ms is None else timedelta(milliseconds=row.duration_ms)
        if held is not None:
            started_at = started_at or held.started_at
            ended_at = ended_at or held.ended_at
            if ended_at is None and held.status is Status.RUNNING and self._status(row) is not Status.RUNNING:
                ended_at = max(now, started_at)
        try:
            if started_at is None:
                # Rows of one call that tell no time keep their order.
                started_at = (ended_at or now + timedelta(microseconds=place)) - (length or timedelta(0))
            if ended_at is None and length is not None:
                ended_at = started_at + length
        except OverflowError:
            reason = "it leads beyond the calendar; give milliseconds"
            raise BadArgument(f"spans[{place}].duration_ms", row.duration_ms, reason) from None
        return started_at, ended_at

    @staticmethod
    def _stated_time(name: str, text: str | None, now: datetime) -> datetime | None:
        found = moment(name, text, now)
        if found is not None and found > now + _AHEAD:
            raise BadArgument(name, text, f"it is more than a day ahead of now, {now.isoformat(timespec='seconds')}")
        return found

    @staticmethod
    def _status(row: StatedSpan) -> Status:
        """As stated; else an error where one is told, done where anything of the end is told, else running."""
        if row.status is not None:
            return Status(row.status)
        if row.error is not None:
            return Status.ERROR
        told = (row.output, row.ended_at, row.duration_ms, row.reward)
        return Status.OK if any(value is not None for value in told) else Status.RUNNING

    def _status_after(self, row: StatedSpan, held: Span | None) -> Status:
        """What it is now: one that has ended runs again only where that is said of it by an id."""
        status = self._status(row)
        if held is None or status is not Status.RUNNING:
            return status
        is_resumed = row.status is not None and any((row.span_id, row.agent_id, row.tool_use_id))
        return status if is_resumed else held.status

    @staticmethod
    def _given_with(row: StatedSpan, span: Span, now: datetime) -> Reward:
        return Reward(
            reward_id=digest("with", span.span_id, row.reward_source, str(row.reward)),
            span_id=span.span_id,
            value=row.reward,
            source=RewardSource(row.reward_source),
            given_at=now,
        )


def _texts_before(held: Span | None, status: Status) -> dict[str, Any]:
    """What was delivered stays known to one who tells more; an error only while it is one."""
    if held is None or status is Status.RUNNING:
        return {}
    return {"output": held.output} | ({"error": held.error} if status is held.status else {})


def _counted(row: StatedSpan, held: Span | None) -> dict[str, Any]:
    """The number of calls in a sequence, unless another number was told before."""
    if row.tool_sequence is None or (held is not None and held.tool_call_count not in {None, len(held.tool_sequence)}):
        return {}
    return {"tool_call_count": len(row.tool_sequence)}
