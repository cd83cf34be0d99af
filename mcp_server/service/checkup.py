"""Is everything as it should be? Each finding comes with its cure."""

import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import anyio.to_thread

from mcp_server.analysis.plurals import counted
from mcp_server.ingest.claude_code import layout
from mcp_server.ingest.claude_code.installation import Installation, installation
from mcp_server.ingest.texts import Guesser
from mcp_server.service import capture_checks, type_checks
from mcp_server.service.capturing import Capturing
from mcp_server.service.findings import Finding, State
from mcp_server.service.guessing import TypeGuesser
from mcp_server.service.hook_files import HookFiles
from mcp_server.service.importing import Importing
from mcp_server.service.shell_words import argument
from mcp_server.service.untyped import guess_untyped
from mcp_server.settings import APP_NAME, Settings
from storage.errors import StoreError
from storage.queries import PageRequest
from storage.store import Store

SOON: Final = timedelta(days=7)
_REBUILD: Final = "delegation-telemetry doctor --rebuild"
_PRIVATE: Final = stat.S_IRWXG | stat.S_IRWXO


class Checkup:
    """Looks at the database, the client's transcripts and how long they will be there."""

    def __init__(
        self, store: Store, importing: Importing, capturing: Capturing, settings: Settings, guess: Guesser
    ) -> None:
        """Look at what these settings mean.

        Args:
            store: where spans are kept.
            importing: reads transcripts.
            capturing: takes in what running clients tell.
            settings: as they hold for this process.
            guess: for tasks of which nobody stated the type.
        """
        self._guess = guess
        self._store = store
        self._capturing = capturing
        self._importing = importing
        self._settings = settings

    async def findings(self) -> list[Finding]:
        """Everything that was looked at, in a fixed order."""
        database = await self._database()
        if any(finding.state is State.PROBLEM for finding in database):
            return database  # whatever lies there may not be ours
        found = [*database, await anyio.to_thread.run_sync(self._file_mode)]
        client = await anyio.to_thread.run_sync(installation, self._settings.claude_config)
        return [*found, *await self._capture(client), *await self._transcripts(client), await self._types()]

    async def mend(self) -> None:
        """Do what is safe: take in what waits, guess types that nobody guessed yet, close the database to others.

        Raises:
            StoreError: the store cannot keep what was found.
        """
        await anyio.to_thread.run_sync(self._make_private)
        if not (await self._store.health()).summed_up:
            await self.rebuild()
        await self._capturing.catch_up()
        await self._importing.paths([self._settings.claude_config / layout.PROJECTS])
        await guess_untyped(self._store, self._guess)

    async def rebuild(self) -> None:
        """Sum all delegations up anew.

        Raises:
            StoreError: the store cannot be written.
        """
        await self._store.rebuild()

    async def _types(self) -> Finding:
        without_own = TypeGuesser() if self._settings.task_types else None
        try:
            return await type_checks.task_types(self._store, self._guess, without_own)
        except StoreError as error:
            return Finding(type_checks.CHECK, State.PROBLEM, str(error), "see the message")

    async def _capture(self, client: Installation) -> list[Finding]:
        now = datetime.now(UTC)
        newest = await self._store.latest_event()
        sessions = (await self._store.sessions(PageRequest(limit=1))).items
        settings, spools = self._settings, self._settings.spools
        hook_files = HookFiles(settings.routing_folder)
        return [
            capture_checks.plugin(client),
            capture_checks.events(client, newest, now),
            await anyio.to_thread.run_sync(capture_checks.backlog, spools, now),
            await anyio.to_thread.run_sync(capture_checks.routing, settings.routing, hook_files, now),
            capture_checks.version(sessions[0].client if sessions else None),
            await anyio.to_thread.run_sync(capture_checks.databases, settings.db, settings.default_db),
        ]

    async def _database(self) -> list[Finding]:
        try:
            health = await self._store.health()
        except StoreError as error:
            return [Finding("database", State.PROBLEM, str(error), "see the message")]
        counts = health.counts
        size = f"{health.size_bytes / 1e6:.1f} MB"
        text = (
            f"{health.location}: {counted(counts['span'], 'span')} in {counted(counts['session'], 'session')}, {size}"
        )
        findings = [Finding("database", State.OK, text)]
        if not health.sound:
            cure = "restore a backup, or move the file away and import again"
            findings = [Finding("database", State.PROBLEM, f"{text}; {'; '.join(health.complaints[:3])}", cure)]
        findings.append(Finding("schema", State.OK, f"version {health.schema} of {health.newest_schema}"))
        findings.append(
            Finding("sums", State.OK, "statistics are kept up to date")
            if health.summed_up
            else Finding("sums", State.WARNING, "statistics are counted anew for each answer: slow", _REBUILD)
        )
        return findings

    def _file_mode(self) -> Finding:
        path = self._database_path()
        try:
            mode = path.stat().st_mode
        except OSError:
            return Finding("privacy", State.OK, "no database file yet")
        if mode & _PRIVATE:
            target = argument(str(path))
            cure = "delegation-telemetry doctor --fix, for this database" if target is None else f"chmod 600 {target}"
            return Finding("privacy", State.WARNING, f"{path} can be read by others (mode {mode & 0o777:o})", cure)
        return Finding("privacy", State.OK, f"only you can read the database; content = {self._settings.content}")

    def _make_private(self) -> None:
        path = self._database_path()
        for place, mode in ((path, 0o600), (path.parent, 0o700)):
            if place.exists() and place.stat().st_mode & _PRIVATE and (place == path or place.name == APP_NAME):
                place.chmod(mode)

    def _database_path(self) -> Path:
        return Path(self._settings.db.removeprefix("sqlite:///")).expanduser()

    async def _transcripts(self, client: Installation) -> list[Finding]:
        folder = self._settings.claude_config / layout.PROJECTS
        if not folder.is_dir():
            cure = "set CLAUDE_CONFIG_DIR if Claude Code keeps its files elsewhere; other clients need nothing here"
            return [Finding("transcripts", State.WARNING, f"no Claude Code transcripts at {folder}", cure)]
        waiting, total = await self._importing.waiting([folder])
        state = State.WARNING if waiting else State.OK
        text = f"{counted(total, 'session')} in {folder}, {waiting} not or not wholly imported"
        findings = [Finding("transcripts", state, text, "delegation-telemetry import" if waiting else None)]
        return [*findings, await anyio.to_thread.run_sync(self._retention, folder, client.retention_days)]

    def _retention(self, folder: Path, days: int) -> Finding:
        ages = [_modified(path) for path in folder.glob("*/*.jsonl")]
        oldest = min(ages, default=None)
        kept = f"Claude Code deletes transcripts after {counted(days, 'day')}"
        if oldest is None:
            return Finding("retention", State.OK, kept)
        left = oldest + timedelta(days=days) - datetime.now(UTC)
        text = f"{kept}; the oldest goes in {counted(max(0, left.days), 'day')}"
        if left > SOON:
            return Finding("retention", State.OK, text)
        going = sum(age + timedelta(days=days) - datetime.now(UTC) <= SOON for age in ages)
        text = f"{text}, {going} of {len(ages)} within {SOON.days} days"
        cure = (
            f"import now; to keep them longer set cleanupPeriodDays in {self._settings.claude_config / 'settings.json'}"
        )
        return Finding("retention", State.WARNING, text, cure)


def _modified(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except OSError:
        return datetime.now(UTC)


def grave(findings: Sequence[Finding]) -> bool:
    """Whether anything does not work."""
    return any(finding.state is State.PROBLEM for finding in findings)
