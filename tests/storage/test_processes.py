"""Many processes on one file, and processes that die: all that was acknowledged is there, once, and whole."""

import random
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import IO, cast

import pytest

from storage.opening import open_store
from tests.storage.contents import contents

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def a_writer(path: Path, name: str, *, batches: int, batch_size: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.storage.writer", str(path), name, str(batches), str(batch_size)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin(writer: "subprocess.Popen[str]") -> IO[str]:
    """Let it write; returns what it acknowledges."""
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    return cast("IO[str]", writer.stdout)


def check(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute("pragma integrity_check")]
    connection.close()
    return found


@pytest.mark.parametrize(
    ("processes", "spans"),
    [pytest.param(4, 50, id="some"), pytest.param(16, 1000, id="many", marks=pytest.mark.slow)],
)
async def test_processes_that_write_at_once_lose_nothing_and_write_nothing_twice(
    tmp_path: Path, processes: int, spans: int
) -> None:
    path = tmp_path / "telemetry.db"  # which is new: they also open it for the first time at once
    writers = [a_writer(path, f"p{number}", batches=spans // 5, batch_size=5) for number in range(processes)]
    said = [begin(writer) for writer in writers]
    acknowledged = [[line.strip() for line in lines] for lines in said]
    for writer in writers:
        writer.communicate(timeout=300)
    assert [writer.returncode for writer in writers] == [0] * processes
    assert acknowledged == [[str(number) for number in range(spans // 5)]] * processes
    store = open_store(str(path))
    found = await contents(store)
    health = await store.health()
    await store.close()
    assert len(found.spans) == health.counts["span"] == processes * spans
    assert {name: session.span_count for name, session in found.sessions.items()} == {
        f"p{number}": spans for number in range(processes)
    }
    assert health.sound


@pytest.mark.parametrize("kills", [pytest.param(3, id="few"), pytest.param(50, id="many", marks=pytest.mark.slow)])
async def test_a_process_that_is_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path, kills: int) -> None:
    path, rng, batch_size = tmp_path / "telemetry.db", random.Random(7), 8
    acknowledged: set[tuple[str, str]] = set()
    for kill in range(kills):
        name = f"p{kill}"
        writer = a_writer(path, name, batches=10**9, batch_size=batch_size)
        lines = begin(writer)
        acknowledged |= {(name, lines.readline().strip()) for _ in range(rng.randint(1, 40))}
        writer.kill()
        # What it said before it died counts, however late it is read.
        acknowledged |= {(name, line.strip()) for line in lines.read().splitlines(keepends=True) if line[-1] == "\n"}
        writer.communicate(timeout=60)
        assert check(path) == ["ok"]
    store = open_store(str(path))
    found = await contents(store)
    health = await store.health()
    await store.close()
    whole = Counter(tuple(span_id.split("-")[:2]) for span_id in found.spans)
    assert acknowledged <= whole.keys()
    assert set(whole.values()) == {batch_size}
    assert {name: session.cost_usd for name, session in found.sessions.items()} == {
        name: float(count) for name, count in Counter(span.session_id for span in found.spans.values()).items()
    }
    assert health.sound
