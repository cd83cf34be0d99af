"""Captured sessions of the real client, and how tests import transcripts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest.pricing import Price, cost_usd
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.guessing import TypeGuesser
from mcp_server.service.importing import Importing
from storage.queries import ALL_KINDS, PageRequest, SpanFilter, Target
from storage.records import Reward, Span
from storage.store import Store

SESSIONS: Final = Path(__file__).parent / "sessions"
SCENARIOS: Final = sorted(path.parent.name for path in SESSIONS.glob("*/expected.json"))
LONG_AFTER: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""Nothing of what was captured still runs then."""
VERBATIM: Final = TextKeeper(lambda text: text, guess=TypeGuesser())


def projects(scenario: str) -> Path:
    """The client's folder of transcripts, as it lay there after the run."""
    return SESSIONS / scenario / "projects"


def expected(scenario: str) -> dict[str, Any]:
    """What an importer must find there."""
    found: dict[str, Any] = json.loads((SESSIONS / scenario / "expected.json").read_text(encoding="utf-8"))
    return found


def importing(
    store: Store,
    *,
    now: datetime = LONG_AFTER,
    keep: TextKeeper = VERBATIM,
    price: Price = cost_usd,
    config: Path = Path("/nowhere"),
) -> Importing:
    """An importer that keeps texts as they are, long after everything ended, unless told otherwise."""
    return Importing(store, keep, price, config, clock=lambda: now)


async def every_span(store: Store) -> dict[str, Span]:
    """All spans with all their fields, by id."""
    found: dict[str, Span] = {}
    cursor: str | None = None
    while True:
        page = await store.scan(SpanFilter(kinds=ALL_KINDS), PageRequest(limit=1000, after=cursor))
        found |= {span.span_id: span for span in page.items}
        cursor = page.next
        if cursor is None:
            return dict(sorted(found.items()))


async def every_reward(store: Store, spans: dict[str, Span]) -> list[Reward]:
    """All rewards of these spans, by id."""
    rewards = [
        reward
        for span in spans.values()
        for reward in await store.rewards(Target(session_id=span.session_id, span_id=span.span_id))
    ]
    return sorted(rewards, key=lambda reward: reward.reward_id)


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a store holds."""

    spans: dict[str, Span]
    rewards: list[Reward]

    def told(self) -> list[str]:
        """One line for each fact, so that two of these differ where the stores do."""
        lines = [
            f"{span.kind} {span.agent_type} {span_id} {name} = {value!r}"
            for span_id, span in self.spans.items()
            for name, value in _comparable(span.model_dump()).items()
            if value not in (None, (), {})
        ]
        return [*lines, *(repr(reward) for reward in self.rewards)]


def _comparable(fields: dict[str, Any]) -> dict[str, Any]:
    """Comparable fields: the order of a sum shows in its last digit."""
    cost = fields["subtree_cost_usd"]
    return {
        **fields,
        "attributes": dict(sorted(fields["attributes"].items())),
        "subtree_cost_usd": None if cost is None else round(cost, 12),
    }


async def contents(store: Store) -> Contents:
    """All that a store holds."""
    spans = await every_span(store)
    return Contents(spans, await every_reward(store, spans))


async def whole(open_empty: Callable[[], Store], folder: Path, **options: Any) -> Contents:
    """What one import of a folder makes of an empty store."""
    store = open_empty()
    try:
        await importing(store, **options).paths([folder])
        return await contents(store)
    finally:
        await store.close()
