"""What an alias stands for now is looked up among recent delegations."""

from datetime import timedelta

import pytest

from mcp_server.service.model_aliases import recent_aliases
from storage.queries import Batch
from storage.records import Span
from storage.store import Store
from tests.factories import NOON, a_span

pytestmark = pytest.mark.anyio


def ran(alias: str, model: str, *, days_ago: float) -> Span:
    started = NOON - timedelta(days=days_ago)
    return a_span(model=model, started_at=started, ended_at=started, attributes={"requested_model": alias})


async def test_a_month_is_looked_back(store: Store) -> None:
    await store.add(Batch(spans=[ran("opus", "large", days_ago=29), ran("haiku", "small", days_ago=31)]))
    assert await recent_aliases(store, NOON) == {"large": "opus"}


async def test_only_the_newest_delegations_tell(store: Store) -> None:
    newest = [ran("sonnet", "medium", days_ago=10 + number / 100) for number in range(299)]
    await store.add(Batch(spans=[ran("haiku", "small", days_ago=20), *newest, ran("opus", "large", days_ago=1)]))
    assert await recent_aliases(store, NOON) == {"large": "opus", "medium": "sonnet"}
