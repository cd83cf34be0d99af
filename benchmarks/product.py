"""The product's router as its callers meet it: spans and rewards recorded, suggestions asked, on a store of its own."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from anyio.from_thread import start_blocking_portal
from mcp import Client
from routers import Task

from mcp_server.analysis.intervals import Z_90
from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.ranking import CONTENDERS, Ranked
from mcp_server.analysis.routing.utility import Estimate
from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.advice_asked import Asked
from mcp_server.service.advising import Advising
from mcp_server.service.crediting import Crediting
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from mcp_server.service.stated import StatedSpan
from storage.opening import open_store
from storage.records import Offer
from storage.vocabulary import Level, RewardSource

THROUGH: Final = ("service", "tools")
_BEGINNING: Final = datetime(2026, 1, 5, 6, tzinfo=UTC)
_BETWEEN: Final = timedelta(seconds=1)
_SESSION: Final = "replayed"
_MEMORY: Final = Path("/dev/shm")


class Door(Protocol):
    """One way to the product."""

    async def record(self, span: dict[str, Any]) -> str:
        """Record a delegation; its id."""

    async def judge(self, span_id: str, value: float) -> None:
        """Give a person's verdict."""

    async def suggest(self, question: dict[str, Any]) -> dict[str, Any]:
        """Ask who should do a task."""


class ThroughServices:
    """By calling what the tools call."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def record(self, span: dict[str, Any]) -> str:
        """As `record_spans` does."""
        return (await self._services.recording.spans([StatedSpan(**span)]))[0].span_id

    async def judge(self, span_id: str, value: float) -> None:
        """As `record_reward` does."""
        await self._services.recording.reward(span_id, value, RewardSource.HUMAN)

    async def suggest(self, question: dict[str, Any]) -> dict[str, Any]:
        """As `suggest_routing` does."""
        candidates = [(one["agent_type"], one["model"]) for one in question["candidates"]]
        level = question["complexity"]
        return await self._services.advising.suggest(
            Asked(**{**question, "candidates": candidates, "complexity": None if level is None else Level(level)})
        )


class ThroughTools:
    """By calling the tools of a server, through a client in memory."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def record(self, span: dict[str, Any]) -> str:
        """`record_spans`."""
        answer = await self._call("record_spans", {"spans": [span]})
        return str(answer["results"][0]["span_id"])

    async def judge(self, span_id: str, value: float) -> None:
        """`record_reward`."""
        await self._call("record_reward", {"target_id": span_id, "value": value, "source": "human"})

    async def suggest(self, question: dict[str, Any]) -> dict[str, Any]:
        """`suggest_routing`."""
        return await self._call("suggest_routing", question)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await self._client.call_tool(tool, arguments)
        if result.is_error or result.structured_content is None:
            raise RuntimeError(f"{tool}: {result.content}")
        return dict(result.structured_content)


class ProductLearner:
    """A server over an empty store, taught and asked as a client would; a context, and a learner inside it."""

    def __init__(self, through: str, *, uses_complexity: bool = True) -> None:
        """A product without a past.

        Args:
            through: `service` or `tools`.
            uses_complexity: False tells it nothing of complexity, to show what that costs.
        """
        self._uses_complexity = uses_complexity
        self._now = _BEGINNING
        self._caught_up = True
        self._around = ExitStack()
        folder = Path(
            self._around.enter_context(tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.exists() else None))
        )
        self._portal = self._around.enter_context(start_blocking_portal(backend="asyncio"))
        self._store = open_store(str(folder / "replay.db"))
        self._around.callback(self._portal.call, self._store.close)
        self._services = self._made(folder)
        self._door: Door = ThroughServices(self._services)
        if through == "tools":
            connecting = Client(build_server(self._services))
            self._door = ThroughTools(self._around.enter_context(self._portal.wrap_async_context_manager(connecting)))

    def close(self) -> None:
        """Let go of the store."""
        self._around.close()

    def observe(self, task: Task, arm: Arm, reward: float) -> None:
        """Record a delegation, and a person's verdict on it."""
        self._pass_time(task.day)
        self._portal.call(self._observed, task, arm, reward)
        self._caught_up = False

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """Arms, best first, as far as the answer names them."""
        answer = self._portal.call(self._asked, task, arms)
        told = ([answer["arm"]] if answer["arm"] else []) + answer["alternatives"]
        return [Arm(one["agent_type"], one["model"]) for one in told]

    def ranking(self, task: Task, arms: Sequence[Arm], contenders: int = CONTENDERS) -> list[Ranked]:
        """Arms with all that is known of them, as the decision log has it."""
        del contenders
        return self._portal.call(self._ranked, task, arms)

    def _made(self, folder: Path) -> Services:
        def clock() -> datetime:
            return self._now

        keep = TextKeeper(lambda text: text)
        reporting = Reporting(self._store, session_id=_SESSION, clock=clock)
        return Services(
            recording=Recording(self._store, keep, session_id=_SESSION, clock=clock),
            reporting=reporting,
            crediting=Crediting(self._store, reporting.present, clock),
            reviewing=Reviewing(self._store, reporting.present, reporting.asking, clock=clock),
            advising=Advising(self._store, reporting.present, keep, config=folder, clock=clock),
        )

    def _pass_time(self, day: int) -> None:
        self._now = max(self._now + _BETWEEN, _BEGINNING + timedelta(days=day))

    async def _observed(self, task: Task, arm: Arm, reward: float) -> None:
        span = {
            **self._described(task),
            "agent_type": arm.agent_type,
            "model": arm.model,
            "started_at": self._now.isoformat(),
            "status": "ok",
        }
        known = {name: value for name, value in span.items() if value is not None}
        await self._door.judge(await self._door.record(known), reward)

    async def _asked(self, task: Task, arms: Sequence[Arm]) -> dict[str, Any]:
        candidates = [{"agent_type": arm.agent_type, "model": arm.model} for arm in arms]
        # Nothing is charged: no cost is known, and what is quick is not better.
        return await self._door.suggest({**self._described(task), "candidates": candidates, "prefer": "quality"})

    async def _ranked(self, task: Task, arms: Sequence[Arm]) -> list[Ranked]:
        if not self._caught_up:
            await self._services.advising.learning.caught_up()
            self._caught_up = True
        decision = await self._store.decisions.get((await self._asked(task, arms))["decision_id"])
        return [] if decision is None else [_ranked(offer) for offer in decision.offers]

    def _described(self, task: Task) -> dict[str, Any]:
        level = task.profile.complexity if self._uses_complexity else None
        return {
            "task": task.text,
            "task_type": task.profile.task_type,
            "complexity": None if level is None else level.value,
        }


def _ranked(offer: Offer) -> Ranked:
    return Ranked(
        arm=Arm(offer.agent_type, offer.model),
        p=offer.p,
        sd=offer.sd,
        low=max(0.0, offer.p - Z_90 * offer.sd),
        high=min(1.0, offer.p + Z_90 * offer.sd),
        n_eff=offer.n_eff,
        utility=offer.utility,
        index=offer.index,
        p_best=offer.p_best,
        estimate=Estimate(),
    )
