"""Fixtures that every floor may use."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storage.store import Store
from tests.stores import migrated, new_folder, open_empty

# Machines are noisy: no verdict by the clock.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _migrated_once() -> None:
    """The file that empty stores are copies of is made before any test changes how files are made."""
    migrated()


@pytest.fixture
def anyio_backend() -> str:
    """aiosqlite speaks nothing else."""
    return "asyncio"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of the test's own, in memory where possible: most of what is written there waits for the disk."""
    with new_folder() as folder:
        yield folder


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store on a file of its own."""
    opened = open_empty(tmp_path / "telemetry.db")
    yield opened
    await opened.close()
