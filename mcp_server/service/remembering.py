"""A suggestion is written down with all that was on offer, so that what follows it can be held against it."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Final

import anyio

from mcp_server.analysis.routing.advice import Advice
from mcp_server.analysis.routing.decisions import Decision, Kind
from mcp_server.analysis.routing.ranking import propensities
from mcp_server.analysis.tasks import Classified
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.advice_asked import Asked
from storage.errors import StoreError, StoreUnavailable
from storage.records import Offer, RoutingDecision
from storage.store import Decisions

_REMEMBERING_S: Final = 1.0
"""An answer waits no longer for what is only written down: another process may hold the database for long."""


def new_decision_id() -> str:
    """A name that no other suggestion has."""
    return f"route-{uuid.uuid4().hex[:16]}"


class Remembering:
    """Keeps what was suggested."""

    def __init__(
        self, decisions: Decisions, keep: TextKeeper, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        """Keep suggestions in a store.

        Args:
            decisions: where to.
            keep: what becomes of names.
            clock: the present time.
            new_id: what the next suggestion is called.
        """
        self._decisions = decisions
        self._keep = keep
        self._clock = clock
        self._new_id = new_id

    async def suggestion(
        self, asked: Asked, kept: str | None, task: Classified, told: Advice, lessons_n: int
    ) -> tuple[str | None, list[str]]:
        """Keep what was answered, but do not keep the answer waiting.

        Args:
            asked: what somebody wanted to know, in which session and project.
            kept: the task as it is kept; None where no texts are.
            task: its type and complexity.
            told: the answer.
            lessons_n: judged delegations behind it.

        Returns:
            What it is called, None where it may be lost; and why it may be, if so.
        """
        decision = self._decision(asked, kept, task, told, lessons_n)
        lost = await self._why_lost(decision)
        return (decision.decision_id, []) if lost is None else (None, [lost])

    async def _why_lost(self, decision: RoutingDecision) -> str | None:
        """Keep a decision: None where it is kept, else why it may be lost."""
        with anyio.move_on_after(_REMEMBERING_S):
            try:
                await self._decisions.add(decision)
            except StoreUnavailable as error:
                return f"this suggestion is not remembered: {error.problem}"
            except StoreError:
                return "this suggestion is not remembered: `delegation-telemetry doctor` says what the database lacks"
            return None
        return "this suggestion may not be remembered: the database is busy"

    def _decision(
        self, asked: Asked, kept: str | None, task: Classified, told: Advice, lessons_n: int
    ) -> RoutingDecision:
        chosen = told.decision.chosen
        return RoutingDecision(
            decision_id=self._new_id(),
            session_id=asked.session_id,
            project=asked.project,
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
            lessons_n=lessons_n,
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
