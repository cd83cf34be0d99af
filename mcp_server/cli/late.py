"""Services that are made when they are first used."""

from collections.abc import Callable
from typing import Any


class Late:
    """Stands for an object until somebody uses it: what a server imports at its start, every session waits for."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    @property
    def is_made(self) -> bool:
        """Whether anybody has used it."""
        return self._made is not None

    def __getattr__(self, name: str) -> Any:
        """What the object has under this name."""
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)
