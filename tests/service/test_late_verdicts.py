"""Whoever has just got an agent back may judge it, though nobody has asked for anything since it ended."""

from pathlib import Path

import pytest

from mcp_server.service.capturing import Capturing
from mcp_server.service.errors import UnknownId
from mcp_server.service.recording import Recording
from storage.store import Store
from storage.vocabulary import Outcome, RewardSource
from tests.claude_code import captured, scripted
from tests.claude_code.captured import VERBATIM

pytestmark = pytest.mark.anyio


@pytest.fixture
async def recording(store: Store, tmp_path: Path) -> Recording:
    capturing = Capturing(
        store, captured.importing(store), VERBATIM, config=tmp_path, patience_s=0.0, clock=lambda: captured.LONG_AFTER
    )
    transcript = scripted.main_file(tmp_path)
    told = {"hook_event_name": "SessionStart", "session_id": scripted.SESSION, "transcript_path": str(transcript)}
    await capturing.event(told)
    return Recording(store, VERBATIM, feed=capturing)


async def test_what_has_just_ended_can_be_judged(recording: Recording, tmp_path: Path) -> None:
    scripted.a_session(tmp_path)
    judged = await recording.reward(scripted.AGENT, 1.0, RewardSource.VERIFIER)
    assert (judged.session_id, judged.outcome) == (scripted.SESSION, Outcome.SUCCESS)


async def test_what_never_was_cannot(recording: Recording, tmp_path: Path) -> None:
    scripted.a_session(tmp_path)
    with pytest.raises(UnknownId):
        await recording.reward("a-stranger", 1.0, RewardSource.VERIFIER)
