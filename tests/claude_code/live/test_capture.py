"""A session that is played with the plugin loaded ends in the right records without any import."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from storage.opening import open_store
from storage.records import Span
from tests.claude_code import captured
from tests.claude_code.live import truth
from tests.claude_code.live.playing import Run, play
from tests.claude_code.live.scenarios import PLAYS
from tests.claude_code.live.script import Scenario
from tests.isolation import SYSTEM_PATH

pytestmark = [pytest.mark.claude_code, pytest.mark.anyio]

PLUGIN: Final = Path(__file__).parents[3] / "claude_config"
BIN: Final = Path(sys.executable).parent
_KEPT_BY_READING: Final = {"observed_at"}


def ask(run: Run, *arguments: str) -> str:
    """What the console script answers to the user who played."""
    environment = {"HOME": str(run.home), "PATH": os.environ["PATH"], "TMPDIR": str(run.folder)}
    asked = [str(BIN / "delegation-telemetry"), *arguments]
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout


async def spans_in(database: Path) -> dict[str, Span]:
    """All spans of a database, by id."""
    store = open_store(str(database))
    try:
        return await captured.every_span(store)
    finally:
        await store.close()


def _facts(spans: dict[str, Span]) -> dict[str, dict[str, object]]:
    return {span_id: span.model_dump(exclude=_KEPT_BY_READING) for span_id, span in sorted(spans.items())}


@pytest.mark.parametrize(("scenario", "version"), PLAYS)
async def test_a_session_is_recorded_by_itself(scenario: Scenario, version: str, tmp_path: Path) -> None:
    run = play(scenario, version, tmp_path / "play", plugin=PLUGIN, environment={"PATH": f"{BIN}:{SYSTEM_PATH}"})
    ask(run, "log")
    data = run.home / ".local/share/delegation-telemetry"
    live = await spans_in(data / "telemetry.db")
    truth.check(run, live)
    assert list((data / "spool").iterdir()) == []
    ask(run, "import", "--db", str(tmp_path / "imported.db"), str(run.transcripts))
    imported = await spans_in(tmp_path / "imported.db")
    truth.check(run, imported)
    assert _facts(live) == _facts(imported)
