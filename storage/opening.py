"""From an address to a store. An engine is imported only when it is asked for."""

from pathlib import Path
from typing import Final

from storage.errors import UnknownEngine
from storage.store import Store

_SQLITE: Final = "sqlite:///"


def open_store(address: str, *, synchronous: str = "normal") -> Store:
    """The store at an address. Nothing is opened or made before the first call.

    Args:
        address: a file path, or `sqlite:///path`.
        synchronous: `normal` survives the death of the process; `full` also a power cut.

    Raises:
        UnknownEngine: there is no engine for such an address.
    """
    path = address.removeprefix(_SQLITE)
    if "://" in path:
        raise UnknownEngine(address)
    from storage.sqlite.engine import Engine  # noqa: PLC0415 - only the engine that is asked for
    from storage.sqlite.store import SqliteStore  # noqa: PLC0415

    return SqliteStore(Engine(Path(path).expanduser(), synchronous="full" if synchronous == "full" else "normal"))
