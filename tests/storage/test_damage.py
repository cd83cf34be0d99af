"""Bytes that were overwritten: every answer is an answer or the clear error, and a restored file answers again."""

import random
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from storage.errors import StoreCorrupt
from storage.opening import open_store
from storage.queries import ALL_KINDS, Batch, Dimension, PageRequest, SpanFilter, Target
from storage.records import ReadPosition
from storage.store import Store
from storage.vocabulary import Source, SpanKind
from tests.factories import a_reward, a_span, at
from tests.storage.contents import Contents, contents
from tests.stores import new_folder

pytestmark = pytest.mark.anyio

EVERY = SpanFilter(kinds=ALL_KINDS)
CALL, CAPTURED = SpanKind.TOOL_CALL, Source.CAPTURED
SESSIONS = [f"session-{number}" for number in range(6)]
QUESTIONS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "spans": lambda store: store.spans([f"run-{number}" for number in range(60)]),
    "trajectory": lambda store: store.trajectory("session-1"),
    "span_counts": lambda store: store.span_counts("session-1"),
    "find": lambda store: store.find(EVERY, PageRequest(limit=1000)),
    "words": lambda store: store.find(SpanFilter(words="door 7"), PageRequest()),
    "scan": lambda store: store.scan(EVERY, PageRequest(limit=1000)),
    "sessions": lambda store: store.sessions(PageRequest()),
    "session": lambda store: store.session("session-1"),
    "rewards": lambda store: store.rewards(Target(session_id="session-1", span_id=None)),
    "resolve": lambda store: store.resolve("toolu_3"),
    "group": lambda store: store.group(SpanFilter(), list(Dimension)),
    "distinct": lambda store: store.distinct(Dimension.WEEK),
    "positions": lambda store: store.positions([f"/{number}.jsonl" for number in range(60)]),
    "health": lambda store: store.health(),
    "add": lambda store: store.add(
        Batch(
            spans=[a_span(span_id=f"run-{number}", session_id="session-1", observed_at=at(99)) for number in range(60)],
            rewards=[a_reward(span_id="run-3", reward_id="r3", given_at=at(-9)), a_reward(session_id="session-2")],
        )
    ),
    "prune": lambda store: store.prune(before=at(3)),
}


@pytest.fixture
def path() -> Iterator[Path]:
    with new_folder() as folder:
        yield folder / "telemetry.db"


async def fill(path: Path) -> Contents:
    store = open_store(str(path))
    for number in range(60):
        session_id = SESSIONS[number % len(SESSIONS)]
        run = f"run-{number}"
        await store.add(
            Batch(
                spans=[
                    a_span(
                        span_id=run, session_id=session_id, tool_use_id=f"toolu_{number}", cost_usd=0.5, model="large",
                        task=f"Find door {number}. " * 9, output="It is open. " * 50, error="none", project="/p",
                        tool_sequence=("Read", "Bash"), attributes={"a": [1, {"b": None}]}, ended_at=at(number),
                    ),
                    a_span(span_id=f"call-{number}", session_id=session_id, parent_span_id=run, kind=CALL),
                    a_span(span_id=run, session_id=session_id, source=CAPTURED, effort="high", observed_at=at(0)),
                ],
                rewards=[a_reward(span_id=run, reward_id=f"r{number}"), a_reward(session_id=session_id, reason="")],
                positions=[ReadPosition(source=f"/{number}.jsonl", identity="i", offset=1, state=b"memory" * 20)],
            )
        )  # fmt: skip
    held = await contents(store)
    await store.close()
    return held


async def ask_everything(path: Path) -> set[str]:
    """Ask all that can be asked; what was refused with the clear error. Anything else that is raised is a fault."""
    refused = set()
    for name, ask in QUESTIONS.items():
        store = open_store(str(path))
        try:
            await ask(store)
        except StoreCorrupt:
            refused.add(name)
        except Exception as error:
            error.add_note(f"asked for {name}")
            raise
        finally:
            await store.close()
    return refused


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(12), id="some"), pytest.param(range(25, 300), id="many", marks=pytest.mark.slow)]
)
async def test_overwritten_bytes_are_told_as_damage(path: Path, seeds: range) -> None:
    await fill(path)
    intact = path.read_bytes()
    refused: set[str] = set()
    for seed in seeds:
        rng = random.Random(seed)
        damaged = bytearray(intact)
        for _ in range(rng.choice([1, 3, 30])):
            start, length = rng.randrange(100, len(intact)), rng.choice([1, 8, 600])
            damaged[start : start + length] = rng.randbytes(min(length, len(intact) - start))
        for file in path.parent.iterdir():
            file.unlink()
        path.write_bytes(damaged)
        try:
            refused |= await ask_everything(path)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
    assert refused


DAMAGES = {
    "a text that is no deflated one": "update span_text set task = x'00ff00ff'",
    "attributes that are no JSON": "update span_text set attributes = '{oops'",
    "attributes that are no object": "update span_text set attributes = '[1]'",
    "stamps that are no JSON": "update span set stamps = '{oops'",
    "stamps of another shape": "update span set stamps = '{\"model\": 1}'",
    "a time beyond all years": "update span set observed_us = 9e17",
    "a session beyond all years": "update session set last_activity_us = 9e17",
    "a memory that is no deflated one": "update read_position set state = x'00ff'",
    "a reward of a source unknown": "update reward set source = 'oracle'",
}


@pytest.mark.parametrize("statement", [pytest.param(statement, id=name) for name, statement in DAMAGES.items()])
async def test_a_row_that_cannot_be_read_is_told_as_damage(path: Path, statement: str) -> None:
    await fill(path)
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()
    assert await ask_everything(path)


async def test_a_store_answers_again_when_a_backup_is_put_in_place(path: Path) -> None:
    held = await fill(path)
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    store = open_store(str(path))
    assert await contents(store) == held
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 60_000)
    await store.close()
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match="restore a backup, or move the file away and import again"):
            await contents(store)
    copy.replace(path)
    assert await contents(store) == held
    await store.close()


async def test_a_store_answers_again_when_the_bytes_are_mended_in_place(path: Path) -> None:
    held = await fill(path)
    intact = path.read_bytes()
    store = open_store(str(path))
    path.write_bytes(intact[:8192] + b"\xff" * (len(intact) - 8192))
    with pytest.raises(StoreCorrupt):
        await contents(store)
    path.write_bytes(intact)
    assert await contents(store) == held
    await store.close()
