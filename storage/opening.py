"""From an address to a store. An engine is imported only when it is asked for."""

from pathlib import Path
from typing import Final

from storage.errors import NoDatabase, UnknownEngine
from storage.store import Store

_SQLITE: Final = "sqlite:///"


def open_store(address: str, *, synchronous: str = "normal", must_exist: bool = False) -> Store:
    """The store at an address. Nothing is opened or made before the first call.

    Args:
        address: a file path, or `sqlite:///path`; there three slashes are followed by a path relative to the working
            folder, four begin one from the root.
        synchronous: `normal` survives the death of the process; `full` also a power cut.
        must_exist: whether a path at which nothing is must be an error.

    Raises:
        UnknownEngine: there is no engine for such an address.
        NoDatabase: nothing is there.
    """
    named = address.removeprefix(_SQLITE)
    if "://" in named or not named.strip():
        raise UnknownEngine(address)
    path = Path(named).expanduser()
    if must_exist and not path.exists():
        raise NoDatabase(str(path.absolute()), address)
    from storage.sqlite.engine import Engine  # noqa: PLC0415 - only the engine that is asked for
    from storage.sqlite.store import SqliteStore  # noqa: PLC0415

    return SqliteStore(Engine(path, synchronous="full" if synchronous == "full" else "normal"))
