"""Who should do a task: asked of the past, remembered with what was answered."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mcp_server.analysis.routing.advice import Advice, advice
from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Decision, Kind, Known, Question, decide, offered_by_default
from mcp_server.analysis.routing.ranking import propensities
from mcp_server.analysis.routing.rollups import History
from mcp_server.analysis.routing.utility import Preference, Usage
from mcp_server.analysis.tasks import Classified, Origin, classified
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import offering
from mcp_server.service.advice_object import advice_object, arm_object
from mcp_server.service.briefing import Briefing
from mcp_server.service.errors import BadArgument
from mcp_server.service.learning import Fitted, Learning
from mcp_server.service.model_aliases import recent_aliases
from mcp_server.service.offering import Offered, Offering
from mcp_server.service.present import Present
from mcp_server.service.shapes import rounded
from mcp_server.service.similar_lessons import neighbours, quick_calls
from storage.errors import StoreError
from storage.queries import Dimension, Group, SpanFilter
from storage.records import Offer, RoutingDecision
from storage.store import Store
from storage.vocabulary import Level

TYPES_SHOWN: Final = 12
_REMEMBERED: Final = timedelta(seconds=60)
_FEW: Final = 20
"""With fewer lessons every question is answered from what is there at that very moment."""
_BY_ARM_AND_TYPE: Final = (Dimension.AGENT_TYPE, Dimension.MODEL, Dimension.TASK_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to know; what is None is not known."""

    task: str
    task_type: str | None = None
    complexity: Level | None = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    candidates: Sequence[tuple[str, str | None]] | None = None
    """Agent types and models; an agent without a model stands for all models that it was seen with."""
    prefer: str = Preference.BALANCED
    max_cost_usd: float | None = None
    max_duration_s: float | None = None
    project: str | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Usage:
    rows: Sequence[Usage]
    read_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return f"route-{uuid.uuid4().hex[:16]}"


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
        new_id: Callable[[], str] = _new_id,
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
        self._new_id = new_id
        self._offering = Offering(config, clock)
        self.learning: Final = Learning(store.lessons)
        self._usage: _Usage | None = None
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
        usage = await self._used(fitted)
        known = Known(
            history=fitted.history, router=fitted.router, usage=usage, neighbours=near, tool_calls=quick_calls(near)
        )
        offered = await self._offered(asked, known, task.task_type)
        told = advice(question, known, decide(question, known, offered.arms))
        decision = await self._decision(asked, kept, task, told, fitted)
        cautions: list[str] = []
        try:
            await self._store.decisions.add(decision)
        except StoreError as error:
            cautions.append(f"this suggestion is not remembered: {str(error)[:120]}")
        decision_id = None if cautions else decision.decision_id
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
        return Known(history=fitted.history, router=fitted.router, usage=await self._used(fitted))

    async def table(self) -> dict[str, Any]:
        """What is advised per type of task, most frequent type first; nothing is remembered of it."""
        await self._present.fresh()
        fitted = await self.learning.known()
        known = await self._known(fitted)
        arms, _ = offered_by_default(known.history, known.usage)
        judged = fitted.history.total
        return {
            "judged": {"n": judged.n, "verified_n": judged.verified_n},
            "routes": [_route(one, known, arms) for one in _types(fitted.history)[:TYPES_SHOWN]],
        }

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
        project = asked.project or self._project
        return await self._offering.offered(known.history, known.usage, project, f"{asked.task} {task_type}")

    async def _used(self, fitted: Fitted) -> Sequence[Usage]:
        """What arms have cost and how long they took, read again after a minute, and when there is a new arm."""
        now, held = self._clock(), self._usage
        is_fresh = held is not None and timedelta(0) <= now - held.read_at < _REMEMBERED
        is_whole = held is not None and fitted.history.by_arm.keys() <= {row.arm for row in held.rows}
        if held is None or not is_fresh or not is_whole or fitted.lessons_n < _FEW:
            groups = await self._store.group(SpanFilter(), _BY_ARM_AND_TYPE)
            held = self._usage = _Usage([_usage(group) for group in groups if group.key["agent_type"]], now)
        return held.rows

    async def _decision(
        self, asked: Asked, kept: str | None, task: Classified, told: Advice, fitted: Fitted
    ) -> RoutingDecision:
        chosen = told.decision.chosen
        return RoutingDecision(
            decision_id=self._new_id(),
            session_id=asked.session_id or await self._present.here(),
            project=asked.project or self._project,
            at=self._clock(),
            task=kept,
            task_type=self._keep.name(task.task_type),
            task_type_origin=task.type_origin,
            complexity=task.complexity,
            complexity_origin=task.complexity_origin,
            criticality=asked.criticality,
            uncertainty=asked.uncertainty,
            prefer=asked.prefer,
            decision=told.decision.kind,
            ground=told.decision.ground,
            reason=told.reason,
            agent_type=chosen.arm.agent_type if chosen else None,
            model=chosen.arm.model if chosen else None,
            explore=told.decision.explore,
            offers=_offers(told.decision),
            lessons_n=fitted.lessons_n,
        )


def _profile(task: Classified, history: History) -> Profile:
    """What is known of a task. A type guessed from its words counts only where the past knows it by that name.

    Else it would add nothing but doubt: nothing was ever learned about that type.
    """
    types = {task_type for task_type, _ in history.by_type}
    knows_type = task.type_origin is not Origin.WORDS or task.task_type in types
    return Profile(task.task_type if knows_type else None, task.complexity)


def _usage(group: Group) -> Usage:
    return Usage(
        arm=Arm(group.key["agent_type"] or "", group.key["model"]),
        task_type=group.key["task_type"],
        n=group.n,
        cost_n=group.cost_n,
        cost_usd=group.cost_usd or 0.0,
        duration_n=group.durations.n,
        duration_ms=group.durations.quantile(0.5) or 0.0,
    )


def _offers(decision: Decision) -> list[Offer]:
    """All arms on offer; only one to which the task should be delegated was chosen."""
    is_chosen = decision.kind is Kind.DELEGATE
    picked = propensities(decision.ranking) if is_chosen else {}
    return [
        Offer(
            agent_type=one.arm.agent_type,
            model=one.arm.model,
            p=one.p,
            sd=one.sd,
            n_eff=one.n_eff,
            utility=one.utility,
            index=one.index,
            p_best=min(1.0, one.p_best),
            propensity=picked.get(one.arm, 0.0),
        )
        for one in decision.ranking
    ]


def _types(history: History) -> list[str | None]:
    """Types of judged delegations, most frequent first."""
    times: dict[str | None, int] = {}
    for (task_type, _), count in history.by_type.items():
        times[task_type] = times.get(task_type, 0) + count.n
    return sorted(times, key=lambda one: (-times[one], one or ""))


def _route(task_type: str | None, known: Known, arms: Sequence[Arm]) -> dict[str, Any]:
    """What is advised for one type of task of unknown complexity."""
    question = Question(profile=Profile(task_type))
    told = advice(question, known, decide(question, known, arms))
    expected = told.expected
    return {
        "task_type": task_type,
        "decision": told.decision.kind.value,
        "arm": arm_object(expected.arm) if expected else None,
        "success": rounded(round(expected.p, 2)) if expected else None,
        "low": rounded(round(expected.low, 2)) if expected else None,
        "high": rounded(round(expected.high, 2)) if expected else None,
        "p_best": rounded(round(expected.p_best, 2)) if expected else None,
        "n": told.judged.n,
        "verified_n": told.judged.verified_n,
        "reason": told.reason,
    }
