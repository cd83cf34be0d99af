"""Importing the transcripts of a session that was really played records what really happened in it."""

from pathlib import Path

import pytest

from storage.store import Store
from tests.claude_code import captured
from tests.claude_code.live import truth
from tests.claude_code.live.playing import play
from tests.claude_code.live.scenarios import PLAYS
from tests.claude_code.live.script import Scenario

pytestmark = [pytest.mark.claude_code, pytest.mark.anyio]


@pytest.mark.parametrize(("scenario", "version"), PLAYS)
async def test_an_import_tells_what_happened(scenario: Scenario, version: str, tmp_path: Path, store: Store) -> None:
    run = play(scenario, version, tmp_path / "play")
    report = await captured.importing(store, config=run.config).paths([run.transcripts])
    assert (report.problems, report.unreadable_lines) == ([], 0)
    truth.check(run, await captured.every_span(store))
