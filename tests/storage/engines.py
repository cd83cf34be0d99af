"""The engines that the contract suite runs on, and how a test gets a store on one of them.

A further engine joins by a line in `EMPTY`; what tests ask goes through `storage.store.Store` alone.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import anyio

from storage.opening import open_store
from tests.stores import migrated, new_folder


def _empty_sqlite(folder: Path) -> str:
    file = folder / "telemetry.db"
    file.write_bytes(migrated())
    return f"sqlite:///{file}"


EMPTY: Final[dict[str, Callable[[Path], str]]] = {"sqlite": _empty_sqlite}
"""By engine: makes an empty store in a folder, and gives its address."""


def on_empty_stores(engine: str, check: Callable[..., Awaitable[None]], count: int = 1) -> None:
    """Run `check` with so many new stores: for laws, each example of which starts from nothing."""

    async def run() -> None:
        with new_folder() as folder:
            places = [folder / str(number) for number in range(count)]
            for place in places:
                place.mkdir()
            stores = [open_store(EMPTY[engine](place)) for place in places]
            try:
                await check(*stores)
            finally:
                for store in stores:
                    await store.close()

    anyio.run(run)
