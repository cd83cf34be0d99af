"""Importing a growing folder in parts gives what importing it at once gives."""

import itertools
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from storage.store import Store
from tests.claude_code import captured, growing
from tests.claude_code.captured import LONG_AFTER

pytestmark = pytest.mark.anyio

MEANWHILE: Final = datetime(2026, 11, 20, 13, tzinfo=UTC)  # while it was captured: what has no end yet runs
CLOCKS: Final = {"while it goes on": MEANWHILE, "long after": LONG_AFTER}
WAYS: Final = list(itertools.product(growing.CUTS, CLOCKS.items(), (1, 2)))
"""How it is cut, by which clock it is read, and how often before it is whole."""


async def _grown(
    store: Store, grow: growing.Growing, cut: growing.Cut, rng: random.Random, steps: int, now: datetime
) -> captured.Contents:
    """Import in some steps and then the whole."""
    grow.clear()
    for _ in range(steps):
        sizes = {path: size for path, content in grow.files.items() if (size := cut(rng, path, content)) is not None}
        grow.grow(sizes)
        await captured.importing(store, now=now).paths([grow.folder])
    grow.complete()
    report = await captured.importing(store).paths([grow.folder])
    assert report.problems == []
    return await captured.contents(store)


def _differences(one: captured.Contents, other: captured.Contents) -> dict[str, list[str]]:
    left, right = set(one.told()), set(other.told())
    return {"only in parts": sorted(left - right), "only at once": sorted(right - left)}


@pytest.mark.parametrize("scenario", captured.SCENARIOS)
async def test_in_parts_is_as_at_once(scenario: str, empty_store: Callable[[], Store], tmp_path: Path) -> None:
    at_once = await captured.whole(empty_store, captured.projects(scenario))
    grow = growing.Growing(captured.projects(scenario), tmp_path / "projects")
    # One way for each session, which its name decides, whatever is captured besides; slow tests go every way with each.
    cut, (when, now), steps = random.Random(scenario).choice(WAYS)
    await _check(scenario, empty_store, grow, cut, f"{when} {steps}", at_once, steps=steps, now=now)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", captured.SCENARIOS)
async def test_in_any_parts_is_as_at_once(
    scenario: str, seed: int, empty_store: Callable[[], Store], tmp_path: Path
) -> None:
    at_once = await captured.whole(empty_store, captured.projects(scenario))
    grow = growing.Growing(captured.projects(scenario), tmp_path / "projects")
    for cut in growing.CUTS:
        for when, now in CLOCKS.items():
            await _check(scenario, empty_store, grow, cut, f"{when} {seed}", at_once, steps=1 + seed % 3, now=now)


async def _check(
    scenario: str,
    empty_store: Callable[[], Store],
    grow: growing.Growing,
    cut: growing.Cut,
    seed: str,
    at_once: captured.Contents,
    **options: Any,
) -> None:
    store = empty_store()
    rng = random.Random(f"{scenario} {cut.__name__} {seed}")
    in_parts = await _grown(store, grow, cut, rng, **options)
    await store.close()
    assert _differences(in_parts, at_once) == {"only in parts": [], "only at once": []}, (scenario, cut.__name__, seed)
