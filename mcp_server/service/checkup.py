"""Is everything as it should be? Each finding comes with its cure."""

import json
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from mcp_server.ingest.claude_code import layout
from mcp_server.service.importing import Importing
from mcp_server.settings import Settings
from storage.errors import StoreError
from storage.store import Store

DEFAULT_RETENTION_DAYS: Final = 30
SOON: Final = timedelta(days=7)
_PRIVATE: Final = stat.S_IRWXG | stat.S_IRWXO
_SETTINGS_FILES: Final = ("settings.json", "settings.local.json")


class State(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    check: str
    state: State
    text: str
    cure: str | None = None

    def as_object(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Checkup:
    """Looks at the database, the client's transcripts and how long they will be there."""

    def __init__(self, store: Store, importing: Importing, settings: Settings) -> None:
        """Look at what these settings mean."""
        self._store = store
        self._importing = importing
        self._settings = settings

    async def findings(self) -> list[Finding]:
        """Everything that was looked at, in a fixed order."""
        database = await self._database()
        found = [*database, await anyio.to_thread.run_sync(self._file_mode)]
        if any(finding.state is State.PROBLEM for finding in database):
            return found
        return [*found, *await self._transcripts()]

    async def _database(self) -> list[Finding]:
        try:
            health = await self._store.health()
        except StoreError as error:
            return [Finding("database", State.PROBLEM, str(error), "see the message")]
        counts = health.counts
        size = f"{health.size_bytes / 1e6:.1f} MB"
        text = f"{health.location}: {counts['span']} spans in {counts['session']} sessions, {size}"
        findings = [Finding("database", State.OK, text)]
        if not health.sound:
            cure = "restore a backup, or move the file away and import again"
            findings = [Finding("database", State.PROBLEM, f"{text}; {'; '.join(health.complaints[:3])}", cure)]
        findings.append(Finding("schema", State.OK, f"version {health.schema} of {health.newest_schema}"))
        return findings

    def _file_mode(self) -> Finding:
        path = Path(self._settings.db.removeprefix("sqlite:///")).expanduser()
        try:
            mode = path.stat().st_mode
        except OSError:
            return Finding("privacy", State.OK, "no database file yet")
        if mode & _PRIVATE:
            return Finding(
                "privacy", State.WARNING, f"{path} can be read by others (mode {mode & 0o777:o})", f"chmod 600 '{path}'"
            )
        return Finding("privacy", State.OK, f"only you can read the database; content = {self._settings.content}")

    async def _transcripts(self) -> list[Finding]:
        folder = self._settings.claude_config / layout.PROJECTS
        if not folder.is_dir():
            cure = "set CLAUDE_CONFIG_DIR if Claude Code keeps its files elsewhere; other clients need nothing here"
            return [Finding("transcripts", State.WARNING, f"no Claude Code transcripts at {folder}", cure)]
        waiting, total = await self._importing.waiting([folder])
        state = State.WARNING if waiting else State.OK
        text = f"{total} sessions in {folder}, {waiting} not or not wholly imported"
        findings = [Finding("transcripts", state, text, "delegation-telemetry import" if waiting else None)]
        return [*findings, await anyio.to_thread.run_sync(self._retention, folder)]

    def _retention(self, folder: Path) -> Finding:
        days = _retention_days(self._settings.claude_config)
        oldest = min((_modified(path) for path in folder.glob("*/*.jsonl")), default=None)
        kept = f"Claude Code deletes transcripts after {days} days"
        if oldest is None:
            return Finding("retention", State.OK, kept)
        left = oldest + timedelta(days=days) - datetime.now(UTC)
        text = f"{kept}; the oldest goes in {max(0, left.days)} days"
        if left > SOON:
            return Finding("retention", State.OK, text)
        cure = (
            f"import now; to keep them longer set cleanupPeriodDays in {self._settings.claude_config / 'settings.json'}"
        )
        return Finding("retention", State.WARNING, text, cure)


def _retention_days(config: Path) -> int:
    """After how many days the client deletes transcripts."""
    days = DEFAULT_RETENTION_DAYS
    for name in _SETTINGS_FILES:
        try:
            found = json.loads((config / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        told = found.get("cleanupPeriodDays") if isinstance(found, dict) else None
        if isinstance(told, int) and told > 0:
            days = told
    return days


def _modified(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except OSError:
        return datetime.now(UTC)


def grave(findings: Sequence[Finding]) -> bool:
    """Whether anything does not work."""
    return any(finding.state is State.PROBLEM for finding in findings)
