"""What tests of captured sessions share."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from storage.store import Store
from tests.stores import open_empty


@pytest.fixture
def empty_store(tmp_path: Path) -> Callable[[], Store]:
    """Opens an empty store at every call."""
    numbers = count()
    return lambda: open_empty(tmp_path / f"{next(numbers)}.db")
