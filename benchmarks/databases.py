"""Databases of many spans, built once through the product itself and used by several benchmarks.

python benchmarks/databases.py FILE COUNT [DELEGATIONS]
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import spans
from measuring import Report
from spans import SPANS_PER_TRAJECTORY

from storage.opening import open_store
from storage.queries import Batch
from storage.sqlite.migrate import migrations

_BYTES_PER_SPAN: Final = 5_000
_TRAJECTORIES_AT_ONCE: Final = 25


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--spans` and `--keep`, for `measuring.arguments`."""
    parser.add_argument(
        "--spans", type=int, nargs="+", default=[10_000], help="sizes of database, multiples of 20 (default 10000)"
    )
    parser.add_argument(
        "--delegations",
        type=int,
        default=spans.DELEGATIONS,
        metavar="N",
        help="of the 20 spans of a trajectory; the rest are calls (default %(default)s; 2 make 100,000 in a million)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the databases in --dir, for the next benchmark")


@contextmanager
def folder_of(given: argparse.Namespace) -> Iterator[Path]:
    """The folder that was chosen, or a temporary one."""
    if given.dir is not None:
        given.dir.mkdir(parents=True, exist_ok=True)
        yield given.dir
        return
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        yield Path(folder)


@contextmanager
def database(
    report: Report, folder: Path, count: int, *, keep: bool, delegations: int = spans.DELEGATIONS
) -> Iterator[Path]:
    """A database of `count` spans, a quarter of its delegations judged; made where it is not there already."""
    path = folder / f"{count}-spans-{delegations}-in-20-{_version()}.db"
    if not path.exists():
        started = time.perf_counter()
        # In a process of its own, so that the one that measures starts with an empty memory.
        subprocess.run([sys.executable, __file__, str(path), str(count), str(delegations)], check=True)
        report.amount(f"building a database of {count:,} spans", count / (time.perf_counter() - started), "spans/s")
    try:
        yield path
    finally:
        if not keep:
            remove(path)


def remove(path: Path) -> None:
    """Delete a database and the files beside it."""
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def need_room(folder: Path, count: int) -> None:
    """Stop where so many spans do not fit on the disk."""
    need, free = count * _BYTES_PER_SPAN, shutil.disk_usage(folder).free
    if free < need:
        raise SystemExit(
            f"{count:,} spans take {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; choose another --dir"
        )


def _version() -> str:
    """Changes whenever the schema or the generator does."""
    digest = hashlib.md5(json.dumps([spans.trajectory(0), spans.trajectory(1, 2)]).encode())
    for _, script in migrations():
        digest.update(script.encode())
    return digest.hexdigest()[:8]


async def _fill(path: Path, count: int, delegations: int) -> None:
    store = open_store(str(path))
    trajectories = spans.trajectories(count // SPANS_PER_TRAJECTORY, delegations)
    try:
        while some := list(itertools.islice(trajectories, _TRAJECTORIES_AT_ONCE)):
            batch = Batch(
                spans=[spans.span(row) for rows in some for row in rows],
                rewards=[reward for rows in some for reward in spans.rewards(rows)],
            )
            await store.add(batch)
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("delegations", type=int, nargs="?", default=spans.DELEGATIONS)
    given = parser.parse_args()
    need_room(given.file.parent, given.count)
    part = given.file.with_suffix(".part")
    remove(part)
    asyncio.run(_fill(part, given.count, given.delegations))
    part.rename(given.file)


if __name__ == "__main__":
    main()
