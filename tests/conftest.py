"""Fixtures that every floor may use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storage.opening import open_store
from storage.store import Store

# Machines are noisy: no verdict by the clock.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def anyio_backend() -> str:
    """aiosqlite speaks nothing else."""
    return "asyncio"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store on a file of its own."""
    opened = open_store(str(tmp_path / "telemetry.db"))
    yield opened
    await opened.close()
