"""The store on SQLite: each method is one function sent to the engine."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from storage.errors import StoreUnavailable
from storage.queries import (
    ALL_KINDS,
    Added,
    Batch,
    Dimension,
    Group,
    Health,
    Page,
    PageRequest,
    Pruned,
    SpanFilter,
    Target,
)
from storage.records import ReadPosition, Reward, Session, Span
from storage.sqlite import groups, listing, positions, rewards, rollups, sessions, spans, upkeep, writing
from storage.sqlite.engine import Engine
from storage.vocabulary import SpanKind

_PRUNE_LIMIT: Final = 100_000  # rounds


class SqliteStore:
    """Implements `storage.store.Store` on one file."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, batch: Batch) -> Added:
        return await self._engine.write(partial(writing.add, batch=batch))

    async def spans(self, span_ids: Sequence[str]) -> dict[str, Span]:
        return await self._engine.read(partial(spans.by_ids, span_ids=span_ids))

    async def trajectory(self, session_id: str, kinds: frozenset[SpanKind] = ALL_KINDS) -> list[Span]:
        return await self._engine.read(partial(spans.of_session, session_id=session_id, kinds=kinds))

    async def span_counts(self, session_id: str) -> dict[SpanKind, int]:
        return await self._engine.read(partial(spans.kinds_of_session, session_id=session_id))

    async def find(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        return await self._engine.read(partial(listing.find, question=question, request=page))

    async def scan(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        return await self._engine.read(partial(listing.scan, question=question, request=page))

    async def sessions(self, page: PageRequest) -> Page[Session]:
        return await self._engine.read(partial(sessions.page, request=page))

    async def session(self, session_id: str) -> Session | None:
        return await self._engine.read(partial(sessions.one, session_id=session_id))

    async def rewards(self, target: Target) -> list[Reward]:
        return await self._engine.read(partial(rewards.of_target, target=target))

    async def resolve(self, target_id: str) -> list[Target]:
        return await self._engine.read(partial(sessions.resolve, target_id=target_id))

    async def group(self, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
        return await self._engine.read(partial(groups.group, question=question, by=by))

    async def distinct(self, dimension: Dimension) -> list[str]:
        return await self._engine.read(partial(listing.distinct, dimension=dimension))

    async def positions(self, sources: Sequence[str]) -> dict[str, ReadPosition]:
        return await self._engine.read(partial(positions.get, sources=sources))

    async def prune(self, *, before: datetime | None = None, max_bytes: int | None = None) -> Pruned:
        size = await self._engine.read(upkeep.used_bytes)
        done = Pruned(spans=0, sessions=0, rewards=0, size_before_bytes=size, size_after_bytes=size)
        for _ in range(_PRUNE_LIMIT):
            if max_bytes is not None and done.size_after_bytes > max_bytes:
                some = await self._engine.write(partial(upkeep.prune_some, before=None, max_bytes=max_bytes))
            elif before is not None:
                some = await self._engine.write(partial(upkeep.prune_some, before=before, max_bytes=None))
            else:
                break
            if not some.sessions:
                break
            done = Pruned(
                spans=done.spans + some.spans,
                sessions=done.sessions + some.sessions,
                rewards=done.rewards + some.rewards,
                size_before_bytes=size,
                size_after_bytes=some.size_after_bytes,
            )
        if done.sessions:
            # Room that cannot be given back to the disk now is filled with new spans.
            with suppress(StoreUnavailable):
                await self._engine.outside(upkeep.shrink)
        return done

    async def rebuild(self) -> None:
        await self._engine.write(rollups.rebuild)

    async def backup(self, target: Path) -> int:
        return await self._engine.apart(partial(upkeep.backup, target=target))

    async def health(self) -> Health:
        return await self._engine.apart(partial(upkeep.health, path=self._engine.path))

    async def close(self) -> None:
        await self._engine.close()
