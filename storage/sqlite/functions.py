"""What SQLite is taught beyond its own functions: to make sketches, and to add them up while it adds up numbers."""

import sqlite3
import struct
from typing import Final

from storage.sketch import Sketch

SUM_OF_SKETCHES: Final = "sum_of_sketches"
"""An aggregate of blobs as `Sketch.to_bytes` gives them, itself such a blob; null where one of them is damaged."""
SKETCH_OF: Final = "sketch_of"
"""An aggregate of whole numbers >= 0 or nulls, which do not count: the blob of their sketch."""
_UNREADABLE: Final = (ValueError, TypeError, LookupError, OverflowError, struct.error)


class _SumOfSketches:
    # Collected first and added at once: a step is taken for each of thousands of rows.
    __slots__ = ("_held", "step")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self.step = self._held.append

    def finalize(self) -> bytes | None:
        try:
            return Sketch.of_all(self._held).to_bytes()
        except _UNREADABLE:
            return None  # SQLite would not hand on what it was


class _SketchOf:
    __slots__ = ("_held", "step")

    def __init__(self) -> None:
        self._held: list[int | None] = []
        self.step = self._held.append

    def finalize(self) -> bytes:
        return Sketch.of(value for value in self._held if value is not None).to_bytes()


def teach(connection: sqlite3.Connection) -> None:
    """Have a connection know the functions of this file."""
    # typeshed wants `step` to be declared as a method.
    connection.create_aggregate(SUM_OF_SKETCHES, 1, _SumOfSketches)  # type: ignore[arg-type]
    connection.create_aggregate(SKETCH_OF, 1, _SketchOf)  # type: ignore[arg-type]
