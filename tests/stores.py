"""Empty stores, quickly: these tests are many, and few of them are about migration or the disk."""

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import anyio

from storage.opening import open_store
from storage.store import Store

_MEMORY: Final = Path("/dev/shm")
_ENOUGH_BYTES: Final = 1 << 30
"""A few tests write hundreds of megabytes; a container often has but 64 MB of memory to give."""


@cache
def _place() -> Path | None:
    """Where folders lie in memory; None where the machine has no such place, or little room there."""
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES else None


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder in memory where the machine has one; it is gone afterwards."""
    with tempfile.TemporaryDirectory(dir=_place(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def open_empty(path: Path) -> Store:
    """A new store at a path where nothing is; its file was migrated once and for all."""
    path.write_bytes(migrated())
    return open_store(str(path))


@cache
def migrated() -> bytes:
    """The file of a store to which nothing was added."""

    async def made(path: Path) -> bytes:
        store = open_store(str(path))
        await store.spans([])
        await store.close()
        return path.read_bytes()

    # On a thread of its own: whoever asks first may have an event loop already.
    with new_folder() as folder, ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, made, folder / "empty.db").result()
