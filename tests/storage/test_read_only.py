"""Files and folders that may not be written: what may be read is read, and the rest is refused with the clear error."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest

from storage.errors import StoreReadOnly
from storage.opening import open_store
from storage.queries import ALL_KINDS, Batch, PageRequest, SpanFilter
from storage.store import Store
from tests.factories import a_span

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write"),
]

# Says for each line of modes "file folder" what reading and writing gave; the files are its own, so that it may give
# itself the rights back. One store goes through all of them.
_AS_NOBODY: Final = """
import asyncio, os, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from storage.errors import StoreError
from storage.opening import open_store
from storage.queries import ALL_KINDS, Batch, PageRequest, SpanFilter
from tests.factories import a_span

async def told(what):
    try:
        return await what
    except StoreError as error:
        return type(error).__name__

async def read(store):
    page = await store.find(SpanFilter(kinds=ALL_KINDS), PageRequest())
    await store.session("session-1")
    return page.total

async def wrote(store):
    return (await store.add(Batch(spans=[a_span()]))).spans[0].value

async def ask(path, modes):
    store = open_store(str(path))
    for mode in modes:
        file, folder, doing = mode.split("/")
        path.parent.chmod(0o777)
        for one in path.parent.iterdir():
            one.chmod(int(file, 8))
        path.parent.chmod(int(folder, 8))
        found = [await told(read(store)), await told(wrote(store))] if doing == "both" else [await told(read(store))]
        print(mode, *found, flush=True)
    await store.close()

async def first(path):
    # Later not even Python's own modules may be read.
    store = open_store(str(path))
    await store.add(Batch(spans=[a_span()]))
    await read(store)
    await store.close()

asyncio.run(first(Path(sys.argv[1]).parents[1] / "first" / "x.db"))
os.setgroups([]); os.setgid(65534); os.setuid(65534)
asyncio.run(ask(Path(sys.argv[1]), sys.argv[2].split()))
"""


@pytest.fixture
async def path() -> AsyncIterator[Path]:
    """A store of one span that belongs to nobody, in a folder of nobody's."""
    place = Path(tempfile.mkdtemp(prefix="read-only-"))  # every folder above pytest's own belongs to its user alone
    place.chmod(0o755)
    folder = place / "data"
    folder.mkdir()
    store = open_store(str(folder / "telemetry.db"))
    await store.add(Batch(spans=[a_span()]))
    await store.close()
    for one in (folder, *folder.iterdir()):
        os.chown(one, 65534, 65534)
    yield folder / "telemetry.db"
    shutil.rmtree(place)


def as_nobody(path: Path, *modes: str) -> list[str]:
    """What reading and writing gave for each of these modes, one after the other."""
    program = [sys.executable, "-W", "ignore", "-c", _AS_NOBODY, str(path), " ".join(modes), *sys.path]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "modes",
    [
        pytest.param("444/755", id="the file"),
        pytest.param("444/555", id="the file and its folder"),
        pytest.param("644/555", id="the folder"),
    ],
)
async def test_what_may_not_be_written_is_read_and_written_when_it_may_be(path: Path, modes: str) -> None:
    found = as_nobody(path, f"{modes}/both", f"{modes}/both", "644/755/both", "644/755/both")
    assert found == [
        f"{modes}/both 1 StoreReadOnly",
        f"{modes}/both 1 StoreReadOnly",
        "644/755/both 1 created",
        "644/755/both 2 created",
    ]


async def test_what_may_not_even_be_read_is_refused_until_it_may_be(path: Path) -> None:
    found = as_nobody(path, "000/755/both", "644/755/both")
    assert [line.split()[1] for line in found] == ["StoreMissing", "1"]
    assert found[1] == "644/755/both 1 created"


async def test_a_store_that_may_not_be_made_is_refused_until_it_may_be(path: Path) -> None:
    path.unlink()
    found = as_nobody(path, "444/555/read", "644/755/both")
    assert found[0] == "444/555/read StoreReadOnly"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    place = tmp_path / "mounted"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "none", str(place)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(place)], check=True)


async def total(store: Store) -> int:
    return (await store.find(SpanFilter(kinds=ALL_KINDS), PageRequest())).total


async def test_on_a_file_system_that_is_mounted_read_only_all_is_read_and_nothing_written(mounted: Path) -> None:
    store = open_store(str(mounted / "telemetry.db"))
    await store.add(Batch(spans=[a_span()]))
    await store.close()
    remount(mounted, "ro")
    assert [await total(store), await total(store)] == [1, 1]
    with pytest.raises(StoreReadOnly, match=f"its folder {mounted} may not be written; give this user write access"):
        await store.add(Batch(spans=[a_span()]))
    remount(mounted, "rw")
    await store.add(Batch(spans=[a_span()]))
    assert await total(store) == 2
    await store.close()


async def test_a_log_beside_it_makes_the_reason_clear(mounted: Path) -> None:
    path = mounted / "telemetry.db"
    store = open_store(str(path))
    await store.add(Batch(spans=[a_span()]))
    kept = {one.name: one.read_bytes() for one in mounted.iterdir() if not one.name.endswith("-shm")}
    await store.close()
    for name, content in kept.items():
        (mounted / name).write_bytes(content)
    remount(mounted, "ro")
    with pytest.raises(StoreReadOnly, match=r"which even reading needs while the log telemetry\.db-wal lies there"):
        await total(store)
    await store.close()
