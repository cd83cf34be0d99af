"""Surveys of small histories, as the command makes them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import anyio

from mcp_server.service.crediting import Crediting
from mcp_server.service.reporting import Reporting
from mcp_server.service.surveying import Review, Surveying
from storage.queries import Batch
from storage.records import Reward, Span
from storage.vocabulary import SpanKind, Status
from tests.factories import NOON, a_reward, a_span, at
from tests.stores import new_folder, open_empty

TEXTS: Final = frozenset(
    {
        "agent_type", "model", "task", "name", "output", "error", "task_type", "agent_match", "project", "branch",
        "session_id", "reasons", "reason", "text", "change", "cautions", "span_ids",
        "insights_left_out",
    }
)  # fmt: skip
"""Fields that hold what strangers wrote."""
INSIGHT: Final[dict[str, Any]] = {
    "kind": "saving",
    "text": "The cheaper model is not worse.",
    "n": 40,
    "low": -0.05,
    "high": 0.1,
    "size": {"usd": 3.5, "ms": 60_000, "failures": 2.0},
    "span_ids": ["a", "b", "c", "d"],
    "change": "Give it the work.",
}


async def findings(**question: Any) -> dict[str, Any]:
    """What a review answers."""
    return {"insights": [INSIGHT], "total": 3, "left_out": ["only the newest were looked at"]}


async def nothing_found(**question: Any) -> dict[str, Any]:
    """What a review answers where nothing stands out."""
    return {"insights": [], "total": 0, "left_out": []}


def survey(
    spans: Sequence[Span], rewards: Sequence[Reward] = (), review: Review | None = None, **question: Any
) -> dict[str, Any]:
    """Of a store that holds these: of a session where one is named, else of a period."""

    async def asking(folder: Path) -> dict[str, Any]:
        store = open_empty(folder / "telemetry.db")
        try:
            await store.add(Batch(spans=spans, rewards=rewards))
            reporting = Reporting(store, clock=_noon)
            surveying = Surveying(store, reporting, Crediting(store, reporting.present, _noon), review, _noon)
            ask = surveying.session if "session_id" in question else surveying.period
            return await ask(**question)
        finally:
            await store.close()

    with new_folder() as folder:
        return anyio.run(asking, folder, backend="asyncio")


def a_history() -> tuple[list[Span], list[Reward]]:
    """A session with all that a page can show: nested, failed, lost, misplaced and judged delegations."""
    common: dict[str, Any] = {"project": "/home/user/shop", "model": "small", "cost_usd": 0.5, "task": "Find it"}
    main = {**common, "branch": "main", "task": "Mend the door"}
    spans = [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", ended_at=at(100), **main),
        *(
            a_span(
                span_id=f"worker-{number}",
                parent_span_id="main",
                agent_type="worker",
                name="Find it",
                output="It is here.",
                task_type="search",
                input_tokens=1000,
                started_at=at(number),
                ended_at=at(10 + number),
                **common,
            )
            for number in range(7)
        ),
        a_span(
            span_id="below",
            parent_span_id="worker-0",
            agent_type="Plan",
            status=Status.ERROR,
            error="timeout: no answer",
            started_at=at(2),
            ended_at=at(8),
            **common,
        ),
        a_span(span_id="lost", parent_span_id="main", status=Status.LOST, ended_at=None, started_at=at(50)),
        a_span(span_id="orphan", parent_span_id="nobody", started_at=at(60), ended_at=at(70)),
    ]
    rewards = [a_reward(span_id=f"worker-{number}", value=float(number > 0)) for number in range(6)]
    return spans, [*rewards, a_reward(session_id="session-1", value=0.1)]


def _noon() -> datetime:
    return NOON
