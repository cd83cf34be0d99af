"""Who should do a task: asked of the past, remembered with what was answered."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mcp_server.analysis.routing.advice import advice
from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Known, Question, decide, offered_by_default
from mcp_server.analysis.routing.rollups import History
from mcp_server.analysis.routing.utility import Preference
from mcp_server.analysis.tasks import Classified, Origin, classified
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import offering
from mcp_server.service.advice_asked import Asked
from mcp_server.service.advice_object import advice_object
from mcp_server.service.arm_usage import ArmUsage
from mcp_server.service.briefing import Briefing
from mcp_server.service.errors import BadArgument
from mcp_server.service.learning import Fitted, Learning
from mcp_server.service.model_aliases import recent_aliases
from mcp_server.service.offering import Offered, Offering
from mcp_server.service.present import Present
from mcp_server.service.remembering import Remembering, new_decision_id
from mcp_server.service.routing_table import routing_table
from mcp_server.service.similar_lessons import neighbours, quick_calls
from storage.errors import StoreError
from storage.store import Store


def _now() -> datetime:
    return datetime.now(UTC)


class Advising:
    """Suggests who should do a task, from what a store holds."""

    def __init__(
        self,
        store: Store,
        present: Present,
        keep: TextKeeper,
        *,
        config: Path,
        project: str | None = None,
        briefing: Briefing | None = None,
        clock: Callable[[], datetime] = _now,
        new_id: Callable[[], str] = new_decision_id,
    ) -> None:
        """Advise from a store.

        Args:
            store: where from, and where suggestions are remembered.
            present: brings the store up to date, and tells which session asks.
            keep: what becomes of the texts of tasks.
            config: where Claude Code keeps the user's own files.
            project: whose agents are meant where none is named.
            briefing: leaves what is known where hooks find it; None where hooks are not ours to advise.
            clock: the present time.
            new_id: what the next suggestion is called.
        """
        self._store = store
        self._present = present
        self._keep = keep
        self._project = project
        self._clock = clock
        self._offering = Offering(config, clock)
        self._usage = ArmUsage(store, clock)
        self._remembering = Remembering(store.decisions, keep, clock, new_id)
        self.learning: Final = Learning(store.lessons)
        self._briefing = briefing
        self._briefed: Fitted | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def suggest(self, asked: Asked) -> dict[str, Any]:
        """Which arm a task should be delegated to, or to do it inline, to ask, or that nobody can know; remembered.

        The answer has at most 1,500 characters of JSON.

        Raises:
            BadArgument: task or task_type is blank.
        """
        for name, text in (("task", asked.task), ("task_type", asked.task_type)):
            if text is not None and not text.strip():
                raise BadArgument(name, text, "it is blank; say what is to be done, or leave task_type out")
        await self._present.fresh()
        asked = await self._placed(asked)
        task = self._classified(asked)
        fitted = await self.learning.known()
        question = Question(
            profile=_profile(task, fitted.history),
            criticality=asked.criticality,
            uncertainty=asked.uncertainty,
            prefer=Preference(asked.prefer),
            max_cost_usd=asked.max_cost_usd,
            max_duration_s=asked.max_duration_s,
        )
        kept = self._keep.text(asked.task)
        near = await neighbours(self._store.lessons, kept)
        known = replace(await self._known(fitted), neighbours=near, tool_calls=quick_calls(near))
        offered = await self._offered(asked, known, task.task_type)
        told = advice(question, known, decide(question, known, offered.arms))
        decision_id, cautions = await self._remembering.suggestion(asked, kept, task, told, fitted.lessons_n)
        return advice_object(told, task, offered.untried, decision_id, cautions)

    def soon(self) -> None:
        """Learn what is new while others go on, and leave it where hooks find it."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._quietly())

    async def _quietly(self) -> None:
        with suppress(StoreError):
            await self.refresh()

    async def refresh(self) -> None:
        """Learn what is new, and leave it where hooks find it, if it was fitted anew."""
        fitted = await self.learning.caught_up()
        if self._briefing is None or fitted is self._briefed:
            return
        known = await self._known(fitted)
        alias_of = await recent_aliases(self._store, self._clock())
        arms, _ = offered_by_default(known.history, known.usage)
        await self._briefing.after_fit(known, arms, alias_of)
        self._briefed = fitted

    async def known(self) -> Known:
        """All that is known, for no task in particular."""
        return await self._known(await self.learning.caught_up())

    async def _known(self, fitted: Fitted) -> Known:
        return Known(history=fitted.history, router=fitted.router, usage=await self._usage.known_with(fitted))

    async def table(self) -> dict[str, Any]:
        """What is advised per type of task, most frequent type first; nothing is remembered of it."""
        await self._present.fresh()
        return routing_table(await self._known(await self.learning.known()))

    async def _placed(self, asked: Asked) -> Asked:
        """The same, with the session and the project that are meant where none is named."""
        session_id = asked.session_id or await self._present.here()
        return replace(asked, session_id=session_id, project=asked.project or self._project)

    def _classified(self, asked: Asked) -> Classified:
        """Type and complexity; a type that nobody states is guessed by the rules that delegations are stored with."""
        found = classified([asked.task], asked.task_type, asked.complexity)
        guess = self._keep.guess(asked.task) if found.type_origin is not Origin.CALLER else None
        if guess is None:
            return found
        return replace(found, task_type=guess.guessed_type, type_origin=Origin(guess.guessed_by.partition("/")[0]))

    async def _offered(self, asked: Asked, known: Known, task_type: str) -> Offered:
        if asked.candidates:
            return offering.named([Arm(*one) for one in asked.candidates], known.usage)
        return await self._offering.offered(known.history, known.usage, asked.project, f"{asked.task} {task_type}")


def _profile(task: Classified, history: History) -> Profile:
    """What is known of a task. A type guessed from its words counts only where the past knows it by that name.

    Else it would add nothing but doubt: nothing was ever learned about that type.
    """
    types = {task_type for task_type, _ in history.by_type}
    knows_type = task.type_origin is not Origin.WORDS or task.task_type in types
    return Profile(task.task_type if knows_type else None, task.complexity)
