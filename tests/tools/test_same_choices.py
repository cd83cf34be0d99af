"""Who asks through the tools is told what the services say."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from mcp import Client

from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.advice_asked import Asked
from mcp_server.service.advising import Advising
from mcp_server.service.crediting import Crediting
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from mcp_server.service.stated import StatedSpan
from storage.store import Store
from storage.vocabulary import Level, RewardSource
from tests.factories import NOON
from tests.stores import open_empty
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio

STEPS: Final = 40
ARMS: Final = tuple((agent, model) for agent in ("Explore", "Plan") for model in ("haiku", "opus"))
TYPES: Final = ("search", "debug", "docs")
Choice = tuple[str, str | None, float | None]


def _number(*parts: object) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=4).digest())


def _task(step: int) -> dict[str, Any]:
    return {
        "task": f"Look at part {_number('part', step) % 9} of module {_number('module', step) % 7}, thing {step % 5}",
        "task_type": TYPES[step % len(TYPES)],
        "complexity": list(Level)[_number("level", step) % 3],
    }


def _reward(step: int, agent: str, model: str | None) -> float:
    """Made up: opus is better, Plan is bad at searching."""
    ease = 60 + 25 * (model == "opus") - 40 * (agent == "Plan" and step % 3 == 0)
    return float(_number("reward", step, agent, model) % 100 < ease)


def _services(store: Store, folder: Path, clock: Callable[[], datetime]) -> Services:
    keep = TextKeeper(lambda text: text)
    reporting = Reporting(store, session_id="here", clock=clock)
    return Services(
        recording=Recording(store, keep, session_id="here", clock=clock),
        reporting=reporting,
        crediting=Crediting(store, reporting.present, clock),
        reviewing=Reviewing(store, reporting.present, reporting.asking, clock=clock),
        advising=Advising(store, reporting.present, keep, config=folder, clock=clock),
    )


def _first(answer: dict[str, Any]) -> Choice:
    chosen = answer["arm"] or answer["alternatives"][0]
    return chosen["agent_type"], chosen["model"], (answer["expected"] or answer["alternatives"][0])["success"]


class _Days:
    """Twenty questions make a day."""

    def __init__(self) -> None:
        self.step = 0

    def __call__(self) -> datetime:
        return NOON + timedelta(days=self.step // 20, minutes=self.step)


async def _by_services(store: Store, folder: Path) -> list[Choice]:
    clock, chosen = _Days(), list[Choice]()
    services = _services(store, folder, clock)
    for step in range(STEPS):
        clock.step = step
        chosen.append(_first(await services.advising.suggest(Asked(candidates=ARMS, prefer="quality", **_task(step)))))
        agent, model, _ = chosen[-1]
        stated = StatedSpan(agent_type=agent, model=model, status="ok", **_task(step))
        [recorded] = await services.recording.spans([stated])
        await services.recording.reward(recorded.span_id, _reward(step, agent, model), RewardSource.HUMAN)
    return chosen


async def _by_tools(store: Store, folder: Path) -> list[Choice]:
    clock, chosen = _Days(), list[Choice]()
    candidates = [{"agent_type": agent, "model": model} for agent, model in ARMS]
    async with Client(build_server(_services(store, folder, clock))) as client:
        ask = Ask(client)
        for step in range(STEPS):
            clock.step = step
            chosen.append(_first(await ask("suggest_routing", candidates=candidates, prefer="quality", **_task(step))))
            agent, model, _ = chosen[-1]
            span = {"agent_type": agent, "model": model, "status": "ok", **_task(step)}
            recorded = (await ask("record_spans", spans=[span]))["results"][0]
            value = _reward(step, agent, model)
            await ask("record_reward", target_id=recorded["span_id"], value=value, source="human")
    return chosen


async def test_services_and_tools_make_the_same_choices(store: Store, tmp_path: Path) -> None:
    by_services = await _by_services(store, tmp_path)
    other = open_empty(tmp_path / "other.db")
    try:
        assert await _by_tools(other, tmp_path) == by_services
    finally:
        await other.close()
    assert len({choice[:2] for choice in by_services}) > 1
    late = [model for _, model, _ in by_services[STEPS // 2 :]]
    assert late.count("opus") > late.count("haiku")
