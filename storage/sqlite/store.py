"""The store on SQLite: each method is one function sent to the engine."""

import math
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from storage.errors import StoreUnavailable
from storage.lessons import TaskHead, Vocabulary
from storage.queries import (
    ALL_KINDS,
    Added,
    Batch,
    Dimension,
    Essence,
    Group,
    Health,
    Measure,
    Page,
    PageRequest,
    Pruned,
    SpanFilter,
    Target,
)
from storage.records import HookEvent, ReadPosition, Reward, Session, Span
from storage.sqlite import (
    decisions,
    events,
    lessons,
    listing,
    positions,
    rewards,
    rollup_building,
    rollup_groups,
    rollups,
    search,
    sessions,
    similar,
    spans,
    upkeep,
    writing,
)
from storage.sqlite.common_words import CommonWords
from storage.sqlite.engine import Engine, Result
from storage.sqlite.routing import SqliteDecisions, SqliteLessons
from storage.sqlite.upkeep import Removed
from storage.vocabulary import SpanKind

_SHARE_OF_ROWS: Final = 0.7
"""How much of what is to be freed is asked of the rows at once: their words in the index free more afterwards."""


class SqliteStore:
    """Implements `storage.store.Store` on one file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lessons = SqliteLessons(engine)
        self._decisions = SqliteDecisions(engine)
        self._common = CommonWords("delegation")

    @property
    def lessons(self) -> SqliteLessons:
        return self._lessons

    @property
    def decisions(self) -> SqliteDecisions:
        return self._decisions

    async def add(self, batch: Batch) -> Added:
        return await self._engine.write(partial(writing.add, batch=batch))

    async def spans(self, span_ids: Sequence[str]) -> dict[str, Span]:
        return await self._engine.read(partial(spans.by_ids, span_ids=span_ids))

    async def trajectory(
        self, session_id: str, kinds: frozenset[SpanKind] = ALL_KINDS, *, texts: bool = False
    ) -> list[Span]:
        return await self._engine.read(partial(spans.of_session, session_id=session_id, kinds=kinds, texts=texts))

    async def span_counts(self, session_id: str) -> dict[SpanKind, int]:
        return await self._engine.read(partial(spans.kinds_of_session, session_id=session_id))

    async def find(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        return await self._engine.read(partial(listing.find, question=question, request=page))

    async def newest(self, question: SpanFilter, limit: int, *, texts: bool = True) -> list[Span]:
        return await self._engine.read(partial(listing.newest, question=question, limit=limit, texts=texts))

    async def scan(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        return await self._engine.read(partial(listing.scan, question=question, request=page))

    async def largest(self, question: SpanFilter, measure: Measure, limit: int) -> list[Span]:
        return await self._engine.read(partial(listing.largest, question=question, measure=measure, limit=limit))

    async def sessions(self, page: PageRequest) -> Page[Session]:
        return await self._engine.read(partial(sessions.page, request=page))

    async def session(self, session_id: str) -> Session | None:
        return await self._engine.read(partial(sessions.one, session_id=session_id))

    async def rewards(self, target: Target) -> list[Reward]:
        return await self._engine.read(partial(rewards.of_target, target=target))

    async def reward(self, reward_id: str) -> Reward | None:
        return await self._engine.read(partial(rewards.one, reward_id=reward_id))

    async def resolve(self, target_id: str) -> list[Target]:
        return await self._engine.read(partial(sessions.resolve, target_id=target_id))

    async def group(self, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
        return await self._of_sums(partial(rollup_groups.group, question=question, by=by))

    async def compare(
        self, question: SpanFilter, other: SpanFilter, by: Sequence[Dimension]
    ) -> tuple[list[Group], list[Essence]]:
        return await self._of_sums(partial(rollup_groups.compare, question=question, other=other, by=by))

    async def verified_n(self) -> int:
        return await self._of_sums(rollup_groups.verified_n)

    async def _of_sums(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """What is asked of sums: those of a database that an earlier version wrote are made by whoever asks first."""

        def if_built(connection: sqlite3.Connection) -> tuple[bool, Result]:
            return rollups.is_built(connection), work(connection)

        is_built, result = await self._engine.read(if_built)
        if not is_built:
            await self._engine.write_if_free(rollup_building.build)  # where that cannot be, the next one tries
        return result

    async def vocabulary(self, words: Sequence[str]) -> Vocabulary:
        found = await self._engine.read(partial(similar.vocabulary, words=words, common=self._common))
        if self._common.are_unsaved:
            await self._engine.write_if_free(self._common.save)
        return found

    async def holding(self, words: Sequence[str], question: SpanFilter, limit: int) -> list[TaskHead]:
        return await self._engine.read(partial(similar.holding, words=words, question=question, limit=limit))

    async def distinct(self, dimension: Dimension) -> list[str]:
        return await self._engine.read(partial(listing.distinct, dimension=dimension))

    async def positions(self, sources: Sequence[str]) -> dict[str, ReadPosition]:
        return await self._engine.read(partial(positions.get, sources=sources))

    async def open_sources(self) -> list[str]:
        return await self._engine.read(positions.open_sources)

    async def events(self, session_id: str) -> list[HookEvent]:
        return await self._engine.read(partial(events.of_session, session_id=session_id))

    async def latest_event(self, process_ids: Sequence[int] = ()) -> HookEvent | None:
        return await self._engine.read(partial(events.latest, process_ids=process_ids))

    async def prune(self, *, before: datetime | None = None, max_bytes: int | None = None) -> Pruned:
        size = left = await self._engine.read(upkeep.used_bytes)
        done = Removed()
        if before is not None:
            await self._engine.write(partial(decisions.remove_homeless, before=before))
            done = await self._remove(before, math.inf)
            left = await self._tidied(left, done)
        while max_bytes is not None and left > max_bytes:
            some = await self._remove(None, (left - max_bytes) * _SHARE_OF_ROWS)
            if not some.sessions:
                break
            done, left = done + some, await self._tidied(left, some)
        if done.sessions:
            # Room that cannot be given back to the disk now is filled with new spans.
            with suppress(StoreUnavailable):
                await self._engine.outside(upkeep.shrink)
        return Pruned(
            spans=done.spans,
            sessions=done.sessions,
            rewards=done.rewards,
            size_before_bytes=size,
            size_after_bytes=left,
        )

    async def _remove(self, before: datetime | None, enough_bytes: float) -> Removed:
        """In short transactions, so that no other process waits for long."""
        done = Removed()
        while done.freed_bytes < enough_bytes:
            some = await self._engine.write(
                partial(upkeep.remove_some, before=before, enough_bytes=enough_bytes - done.freed_bytes)
            )
            if not some.sessions:
                break
            done += some
        return done

    async def _tidied(self, size_bytes: int, removed: Removed) -> int:
        """How much is used when the index of words has dropped what was removed."""
        if not removed.sessions:
            return size_bytes
        more = await self._engine.write(partial(search.tidy, begin=True))
        while more:
            more = await self._engine.write(partial(search.tidy, begin=False))
        return await self._engine.read(upkeep.used_bytes)

    async def rebuild(self) -> None:
        await self._engine.write(rollup_building.rebuild)
        await self._engine.write(lessons.rebuild)

    async def backup(self, target: Path) -> int:
        return await self._engine.apart(partial(upkeep.backup, target=target))

    async def health(self) -> Health:
        return await self._engine.apart(partial(upkeep.health, path=self._engine.path))

    async def close(self) -> None:
        await self._engine.close()
