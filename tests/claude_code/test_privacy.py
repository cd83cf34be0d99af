"""No secret and, without content, no text at all reaches the database: not in spans, nor in what readers remember."""

import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.guessing import TypeGuesser
from storage.store import Store
from tests.claude_code import captured, scripted
from tests.stores import open_empty

pytestmark = pytest.mark.anyio

PLANTED: Final = "xyzzyhunter"
SCENARIOS: Final = (
    "mixed_big", "workflow_two", "skill_fork_fail", "api_error_529_v2.0.77", "taskstop_v2.1.100", "max_turns",
    "branch_while_bg", "deny_unknown_invalid", "subtask", "sigkill_bg_resume", "worktree", "background_one_v2.1.20",
)  # fmt: skip

# What a line must say as it is to be understood at all.
_STRUCTURE: Final = frozenset(
    {
        "type", "role", "timestamp", "status", "commandMode", "kind", "stop_reason", "toolDenialKind", "version",
        "requestShape", "subtype", "operation",
    }
)  # fmt: skip
_IDS: Final = frozenset(
    {
        "id", "uuid", "parentUuid", "sessionId", "session_id", "agentId", "tool_use_id", "toolUseId", "parentAgentId",
        "runId", "resumedAgentId", "launchedAgentId", "task_id", "requestSessionId", "promptId",
    }
)  # fmt: skip
_NAMES: Final = frozenset(
    {
        "name", "model", "resolvedModel", "subagent_type", "agentType", "attributionAgent", "cwd", "gitBranch",
        "effort", "worktreePath", "worktreeBranch", "requestedModel", "error", "apiErrorType", "skill", "isolation",
    }
)  # fmt: skip


def _hidden(text: str) -> str:
    return re.sub(PLANTED, "[redacted:planted]", text, flags=re.IGNORECASE)


def _planted(value: Any, key: str, spare: frozenset[str]) -> Any:
    """A value with the word at the end of every string, but for those under some keys."""
    if isinstance(value, str):
        return value if key in spare else f"{value} {PLANTED}"
    if isinstance(value, list):
        return [_planted(one, key, spare) for one in value]
    if isinstance(value, dict):
        odd = {PLANTED: PLANTED} if key == "input" else {}
        return {name: _planted(one, name, spare) for name, one in (value | odd).items()}
    return value


def _plant(scenario: str, folder: Path, spare: frozenset[str]) -> None:
    origin = captured.projects(scenario)
    for path in origin.rglob("*.json*"):
        parts = path.read_bytes().split(b"\n") if path.suffix == ".jsonl" else [path.read_bytes()]
        content = b"\n".join(
            scripted.dumped(_planted(json.loads(part), "", spare))[:-1] if part.strip() else b"" for part in parts
        )
        scripted.write(folder / path.relative_to(origin), content)


def _stored(database: Path) -> Iterator[str]:
    """Everything that stands in a database, as text: all values of all tables, unpacked, and the bytes themselves."""
    connection = sqlite3.connect(database)
    # Virtual tables hold nothing themselves: what they index stands in tables of their own, which are read.
    stored = "select name from sqlite_master where type = 'table' and sql not like 'create virtual%'"
    tables = [row[0] for row in connection.execute(stored)]
    for table in tables:
        for row in connection.execute(f"select * from {table}"):
            for value in row:
                yield value if isinstance(value, str) else repr(value)
                if isinstance(value, bytes):
                    yield _unpacked(value).decode(errors="replace")
    connection.close()
    for path in (database, database.with_name(f"{database.name}-wal")):
        if path.exists():
            yield path.read_bytes().decode("latin-1")


def _unpacked(blob: bytes) -> bytes:
    try:
        return zlib.decompress(blob)
    except zlib.error:
        return blob


async def _found(folder: Path, database: Path, keep: TextKeeper) -> list[str]:
    """Where the word stands after an import, in parts and to the end."""
    store = open_empty(database)
    report = await captured.importing(store, keep=keep).paths([folder])
    assert report.problems == []
    await store.close()
    places = [text for text in _stored(database) if PLANTED in text.lower()]
    return [text[max(0, place - 60) : place + 40] for text in places for place in [text.lower().index(PLANTED)]]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_every_string_passes_the_redactor(scenario: str, tmp_path: Path) -> None:
    _plant(scenario, tmp_path / "projects", _STRUCTURE | _IDS)
    assert await _found(tmp_path / "projects", tmp_path / "x.db", TextKeeper(_hidden)) == []


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_secret_in_an_id_becomes_its_hash(scenario: str, tmp_path: Path) -> None:
    _plant(scenario, tmp_path / "projects", _STRUCTURE)
    assert await _found(tmp_path / "projects", tmp_path / "x.db", TextKeeper(_hidden)) == []


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_without_content_no_text_is_stored(scenario: str, tmp_path: Path) -> None:
    _plant(scenario, tmp_path / "projects", _STRUCTURE | _IDS | _NAMES)
    assert (
        await _found(tmp_path / "projects", tmp_path / "x.db", TextKeeper(str, content=False, guess=TypeGuesser()))
        == []
    )


async def test_the_search_itself_finds_what_is_there(tmp_path: Path) -> None:
    _plant("success", tmp_path / "projects", _STRUCTURE | _IDS)
    assert len(await _found(tmp_path / "projects", tmp_path / "x.db", captured.VERBATIM)) > 10


@pytest.fixture
def without_content(tmp_path: Path) -> Callable[[], Store]:
    return lambda: open_empty(tmp_path / "without.db")


@pytest.mark.parametrize("scenario", captured.SCENARIOS[::4])
async def test_figures_and_states_are_the_same_without_content(
    scenario: str, store: Store, without_content: Callable[[], Store]
) -> None:
    await captured.importing(store).paths([captured.projects(scenario)])
    keep = TextKeeper(str, content=False, guess=TypeGuesser())
    other = await captured.whole(without_content, captured.projects(scenario), keep=keep)
    texts = {"task", "output", "error", "name", "reward", "reward_source"}
    with_content = await captured.every_span(store)
    assert other.spans.keys() == with_content.keys()
    for span_id, span in other.spans.items():
        assert (span.task, span.output) == (None, None)
        assert span.model_dump(exclude=texts) == with_content[span_id].model_dump(exclude=texts)
        assert (span.error or "").partition(":")[0] == (with_content[span_id].error or "").partition(":")[0]


async def test_a_secret_across_the_cut_of_a_long_text_is_not_kept_in_part() -> None:
    keep = TextKeeper(_hidden)
    for length in range(65_400, 65_600, 7):
        kept = keep.text("x" * length + PLANTED + "y" * 100_000) or ""
        assert "xy" not in kept


async def test_a_cut_tells_how_much_is_missing() -> None:
    kept = TextKeeper(str).text("x" * 100_000) or ""
    head, _, mark = kept.partition("…")
    assert mark == f"[+{100_000 - len(head)} chars]"
    assert len(kept.encode()) <= 64 * 1024
