"""Taking in what other programs have written: transcripts, logs, exported spans."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio.to_thread

from mcp_server.ingest.claude_code import layout, reading, session_state
from mcp_server.ingest.claude_code.definitions import Definitions
from mcp_server.ingest.claude_code.layout import SessionFiles
from mcp_server.ingest.claude_code.liveness import Liveness
from mcp_server.ingest.formats import Format, format_of
from mcp_server.ingest.pricing import Price
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.collecting import Collected
from mcp_server.service.import_report import ImportReport
from mcp_server.service.importing_logs import import_log
from storage.records import ReadPosition
from storage.store import Store

_SESSIONS_AT_ONCE: Final = 100
_LATE_LINES_S: Final = 60  # lines are written late, the last ones even after the client's end
_NEWLINE: Final = "\n"
_FOREIGN: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
_NOT_OURS: Final = "neither a Claude Code transcript, nor a ONE_SHOT delegation log, nor an export of ours"

Watch = Callable[[int, int], None]
"""(sessions and logs done, in all)"""


def _now() -> datetime:
    return datetime.now(UTC)


def _unwatched(_done: int, _total: int) -> None:
    return None


@dataclass(slots=True)
class Found:
    """What there is to import below some paths."""

    sessions: list[SessionFiles] = field(default_factory=list)
    logs: list[tuple[Path, Format]] = field(default_factory=list)


class Importing:
    """Imports into one store."""

    def __init__(
        self, store: Store, keep: TextKeeper, price: Price, config: Path, clock: Callable[[], datetime] = _now
    ) -> None:
        """Import into a store.

        Args:
            store: where to.
            keep: what becomes of texts.
            price: of one request to a model.
            config: where Claude Code keeps its own files.
            clock: the present time.
        """
        self._store = store
        self._keep = keep
        self._price = price
        self._config = config
        self._clock = clock

    async def paths(self, paths: Sequence[Path], watch: Watch = _unwatched) -> ImportReport:
        """Read what is new in the files at or below some paths.

        Safe to repeat and to interrupt: what was read is remembered together with what was stored. A file that cannot
        be read is named in the report, and the others are read.

        Args:
            paths: files and folders.
            watch: is told how far it has come.

        Raises:
            StoreError: the store cannot keep what was read.
        """
        report = ImportReport()
        found = await anyio.to_thread.run_sync(self.found, paths, report)
        done, total = len(found.sessions), len(found.sessions) + len(found.logs)
        await self._sessions(found.sessions, report, lambda one: watch(one, total))
        for path, kind in found.logs:
            watch(done, total)
            done += 1
            await import_log(self._store, self._keep, path, kind, report)
        watch(total, total)
        return report

    async def sessions(self, sessions: Sequence[SessionFiles], over: frozenset[str] = frozenset()) -> ImportReport:
        """Read what is new in some sessions.

        Args:
            sessions: their files.
            over: ids of those that are known to have ended, where the client's own register does not tell.

        Raises:
            StoreError: the store cannot keep what was read.
        """
        report = ImportReport()
        await self._sessions(sessions, report, over=over)
        return report

    async def _sessions(
        self,
        sessions: Sequence[SessionFiles],
        report: ImportReport,
        watch: Callable[[int], None] = lambda _done: None,
        over: frozenset[str] = frozenset(),
    ) -> None:
        now = self._clock()
        liveness = Liveness(self._config, now, over)
        collected = Collected(self._store, report)
        tools = reading.Tools(
            keep=self._keep,
            price=self._price,
            version_of=Definitions(self._config).version,
            may_go_on=liveness.may_go_on,
            settled_before=now.timestamp() - _LATE_LINES_S,
            emit=collected.take,
        )
        done = 0
        async for files, before in self._known(sessions):
            watch(done)
            done += 1
            runs = liveness.runs(files.session_id)
            if session_state.is_unchanged(files, before, runs=runs, settled_before=tools.settled_before):
                report.sessions_unchanged += 1
            else:
                collected.begin()
                if await self._session(files, before, tools, report):
                    await collected.judge(files.session_id, is_first=before is None)
        await collected.store()

    async def waiting(self, paths: Sequence[Path]) -> tuple[int, int]:
        """How many sessions below some paths have something that was not imported yet, and how many there are."""
        found = await anyio.to_thread.run_sync(self.found, paths, ImportReport())
        unchanged = [session_state.is_unchanged(files, before) async for files, before in self._known(found.sessions)]
        return unchanged.count(False), len(unchanged)

    async def _known(self, sessions: Sequence[SessionFiles]) -> AsyncIterator[tuple[SessionFiles, ReadPosition | None]]:
        """Sessions with what is remembered of each as a whole."""
        for start in range(0, len(sessions), _SESSIONS_AT_ONCE):
            some = sessions[start : start + _SESSIONS_AT_ONCE]
            positions = await self._store.positions([session_state.session_source(files) for files in some])
            for files in some:
                yield files, positions.get(session_state.session_source(files))

    def found(self, paths: Iterable[Path], report: ImportReport) -> Found:
        """What there is below some paths; complaints go to the report."""
        found = Found()
        transcripts: dict[Path, None] = {}
        logs: dict[Path, Format] = {}
        for path in dict.fromkeys(Path(os.path.realpath(path.expanduser())) for path in paths):
            for file in layout.jsonl_files(path, report.problems):
                try:
                    kind = format_of(file)
                except OSError as error:
                    report.problems.append((file, error.strerror or str(error)))
                    continue
                if kind is Format.CLAUDE_CODE:
                    transcripts[file] = None
                elif kind is not None:
                    logs[file] = kind
                elif file == path and file.stat().st_size:
                    report.problems.append((file, _NOT_OURS))
        report.files = len(transcripts) + len(logs)
        found.sessions = sorted(layout.group(transcripts), key=lambda files: files.anchor)
        found.logs = sorted(logs.items())
        return found

    async def _session(
        self, files: SessionFiles, before: ReadPosition | None, tools: reading.Tools, report: ImportReport
    ) -> bool:
        """Read one session; whether it could be read."""
        # Of a session that was never read to its end no position is of use.
        positions = await self._store.positions(session_state.sources(files, before)) if before is not None else {}
        try:
            progress = await anyio.to_thread.run_sync(reading.SessionReader(files, positions, tools).read)
        except _FOREIGN as error:
            # What a stranger wrote must not keep the other sessions from being read. It is named, and read next time.
            reason = f"holds what cannot be recorded: {type(error).__name__}: {str(error).partition(_NEWLINE)[0]}"
            report.problems.append((files.anchor, reason))
            return False
        report.sessions_read += 1
        report.bytes_read += progress.bytes_read
        report.unreadable_lines += progress.unreadable_lines
        report.problems += progress.problems
        return True
