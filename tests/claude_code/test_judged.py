"""Captured sessions are judged by their own evidence, exactly as written by hand beside them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.service.reporting import Reporting
from storage.opening import open_store
from storage.queries import Target
from storage.store import Store
from storage.vocabulary import VERIFIED, Outcome, RewardSource, SpanKind
from tests.claude_code import captured, growing, judged_sessions

pytestmark = pytest.mark.anyio


@pytest.fixture(params=judged_sessions.SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_an_import_concludes_what_a_person_would(scenario: str, store: Store) -> None:
    report = await captured.importing(store).paths([judged_sessions.projects(scenario)])
    assert (report.problems, report.unreadable_lines) == ([], 0)
    found = await judged_sessions.concluded(store, await captured.every_span(store))
    assert found == judged_sessions.expected(scenario)


@pytest.mark.parametrize("cut", growing.CUTS)
async def test_a_session_that_grows_is_judged_as_if_read_at_once(
    scenario: str, cut: growing.Cut, store: Store, tmp_path: Path
) -> None:
    import random  # noqa: PLC0415

    grow = growing.Growing(judged_sessions.projects(scenario), tmp_path / "projects")
    rng = random.Random(f"{scenario} {cut.__name__}")
    sizes = {path: size for path, content in grow.files.items() if (size := cut(rng, path, content)) is not None}
    grow.grow(sizes)
    await captured.importing(store).paths([grow.folder])
    grow.complete()
    await captured.importing(store).paths([grow.folder])
    found = await judged_sessions.concluded(store, await captured.every_span(store))
    assert found == judged_sessions.expected(scenario)
