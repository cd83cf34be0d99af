"""What has happened in a play, for those who wait for it."""

import threading
from typing import Final

LIMIT_S: Final = 30.0


class Happenings:
    """Named happenings, noted by some threads and awaited by others."""

    def __init__(self) -> None:
        self._happened: set[str] = set()
        self._changed = threading.Condition()

    def note(self, name: str) -> None:
        """Say that it has happened."""
        with self._changed:
            self._happened.add(name)
            self._changed.notify_all()

    def forget(self, name: str) -> None:
        """Let it happen anew."""
        with self._changed:
            self._happened.discard(name)

    def wait(self, name: str, limit_s: float = LIMIT_S) -> bool:
        """Wait until it has happened; False where it did not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: name in self._happened, limit_s)
