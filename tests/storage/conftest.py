"""The contract suite runs once for each engine."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from storage.opening import open_store
from storage.store import Store
from tests.storage.engines import EMPTY
from tests.stores import new_folder


@pytest.fixture(scope="session", params=sorted(EMPTY))
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine."""
    return str(request.param)


@pytest.fixture
def address(engine: str) -> Iterator[str]:
    """Where an empty store of that engine is."""
    with new_folder() as folder:
        yield EMPTY[engine](folder)


@pytest.fixture
async def open_another(address: str) -> AsyncIterator[Callable[[], Store]]:
    """Opens the test's own store once more, as another process would."""
    opened: list[Store] = []

    def another() -> Store:
        opened.append(open_store(address))
        return opened[-1]

    yield another
    for one in opened:
        await one.close()


@pytest.fixture
def store(open_another: Callable[[], Store]) -> Store:
    """An empty store."""
    return open_another()
