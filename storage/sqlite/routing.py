"""What routing keeps, on SQLite: each method is one function sent to the engine."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from storage.errors import StoreReadOnly
from storage.lessons import Learned, Lesson, LessonSum, Taught, Vocabulary
from storage.queries import Page, PageRequest
from storage.records import RoutingDecision
from storage.sqlite import decisions, lesson_reading, lesson_words, lessons
from storage.sqlite.common_words import CommonWords
from storage.sqlite.engine import Engine

Result = TypeVar("Result")


class SqliteLessons:
    """Implements `storage.store.Lessons`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._common = CommonWords("lesson")

    async def version(self) -> int:
        return await self._read(lesson_reading.version)

    async def sums(self) -> list[LessonSum]:
        # A long look, during which others read on.
        return await self._read(lesson_reading.sums, apart=True)

    async def after(self, number: int, limit: int) -> list[Lesson]:
        return await self._read(partial(lesson_reading.after, number=number, limit=limit))

    async def learned(self) -> Learned:
        return await self._read(lesson_reading.learned)

    async def learn(self, before: int, learned: Learned, epochs: Mapping[int, float]) -> bool:
        return await self._engine.write(partial(lessons.learn, before=before, learned=learned, epochs=epochs))

    async def vocabulary(self, words: Sequence[str]) -> Vocabulary:
        found = await self._read(partial(lesson_words.vocabulary, words=words, common=self._common))
        if self._common.are_unsaved:
            await self._engine.write_if_free(self._common.save)
        return found

    async def holding(self, words: Sequence[str], limit: int) -> list[Taught]:
        return await self._read(partial(lesson_reading.holding, words=words, limit=limit))

    async def _read(self, work: Callable[[sqlite3.Connection], Result], *, apart: bool = False) -> Result:
        read = self._engine.apart if apart else self._engine.read

        def if_built(connection: sqlite3.Connection) -> tuple[bool, Result]:
            return lessons.is_built(connection), work(connection)

        is_built, result = await read(if_built)
        if not is_built:
            # A database from before there were lessons is looked through once, by whoever asks first.
            with suppress(StoreReadOnly):
                await self._engine.write(lessons.build)
                return await read(work)
        return result


class SqliteDecisions:
    """Implements `storage.store.Decisions`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def add(self, decision: RoutingDecision) -> None:
        await self._engine.write(partial(decisions.add, decision=decision))

    async def get(self, decision_id: str) -> RoutingDecision | None:
        return await self._engine.read(partial(decisions.get, decision_id=decision_id))

    async def waiting(self, session_id: str, since: datetime) -> list[RoutingDecision]:
        return await self._engine.read(partial(decisions.waiting, session_id=session_id, since=since))

    async def link(self, decision_id: str, span_id: str, *, followed: bool) -> bool:
        return await self._engine.write(
            partial(decisions.link, decision_id=decision_id, span_id=span_id, followed=followed)
        )

    async def page(self, page: PageRequest, *, since: datetime | None = None) -> Page[RoutingDecision]:
        return await self._engine.read(partial(decisions.page, request=page, since=since))
