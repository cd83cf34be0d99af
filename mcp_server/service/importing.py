"""Taking in what other programs have written: transcripts, logs, exported spans."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.from_thread
import anyio.to_thread

from mcp_server.ingest import exported, oneshot
from mcp_server.ingest.claude_code import layout, reading
from mcp_server.ingest.claude_code.definitions import Definitions
from mcp_server.ingest.claude_code.layout import SessionFiles
from mcp_server.ingest.claude_code.liveness import Liveness
from mcp_server.ingest.claude_code.transcript_file import fingerprint, source_of
from mcp_server.ingest.formats import Format, format_of
from mcp_server.ingest.lines import Chunk, read_chunk
from mcp_server.ingest.pricing import Price
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking
from mcp_server.service.judging import judged
from storage.queries import Added, Batch, Change
from storage.records import ReadPosition, Reward, Span
from storage.store import Store

_LINES_AT_ONCE_BYTES: Final = 1024 * 1024
_SESSIONS_AT_ONCE: Final = 100
_SPANS_AT_ONCE: Final = 300
_LATE_LINES_S: Final = 60  # lines are written late, the last ones even after the client's end
_NEWLINE: Final = "\n"
_FOREIGN: Final = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
_NOT_OURS: Final = "neither a Claude Code transcript, nor a ONE_SHOT delegation log, nor an export of ours"


@dataclass(slots=True)
class ImportReport:
    """What an import did."""

    files: int = 0
    sessions_read: int = 0
    sessions_unchanged: int = 0
    created: int = 0
    updated: int = 0
    bytes_read: int = 0
    unreadable_lines: int = 0
    decisions: int = 0
    """Routing decisions that `export --decisions` wrote: no spans, and passed over."""
    problems: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be read, and why. The others were read."""

    def count(self, added: Added) -> None:
        """Take in what one batch did."""
        self.created += sum(change is Change.CREATED for change in added.spans)
        self.updated += sum(change is Change.UPDATED for change in added.spans)


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


class _Collected:
    """What was read and not yet stored: small sessions share a transaction."""

    def __init__(self, store: Store, report: ImportReport) -> None:
        self._store = store
        self._report = report
        self._spans: list[Span] = []
        self._rewards: list[Reward] = []
        self._positions: dict[str, ReadPosition] = {}
        self._reconsidered: list[str] = []
        self._begun = 0
        self._has_stored = False

    def begin(self) -> None:
        """From now on it is another session that is taken."""
        self._begun, self._has_stored = len(self._spans), False

    def take(self, batch: Batch) -> None:
        """Take a batch from a worker thread. What is there already is stored first, if it is enough by itself.

        So the last batch of a session waits until it is judged, and is stored together with the judgement.
        """
        if len(self._spans) >= _SPANS_AT_ONCE:
            anyio.from_thread.run(self.store)
        self._spans += batch.spans
        self._rewards += batch.rewards
        self._positions |= {position.source: position for position in batch.positions}

    async def judge(self, session_id: str, *, is_first: bool) -> None:
        """Conclude from what was taken of a session, and from what is held of it, how its delegations did."""
        is_whole = is_first and not self._has_stored
        verdict = await judged(self._store, session_id, self._spans[self._begun :], is_whole=is_whole)
        self._rewards += verdict.rewards
        self._reconsidered += verdict.reconsidered

    async def store(self) -> None:
        """Store all of it."""
        batch = Batch(
            spans=self._spans,
            rewards=self._rewards,
            positions=list(self._positions.values()),
            reconsidered=self._reconsidered,
        )
        self._has_stored = self._has_stored or len(self._spans) > self._begun
        self._spans, self._rewards, self._positions, self._reconsidered, self._begun = [], [], {}, [], 0
        if batch.positions:
            self._report.count(await linking.add(self._store, batch))


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
            await self._log(path, kind, report)
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
        collected = _Collected(self._store, report)
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
            if reading.is_unchanged(files, before, runs=runs, settled_before=tools.settled_before):
                report.sessions_unchanged += 1
            else:
                collected.begin()
                if await self._session(files, before, tools, report):
                    await collected.judge(files.session_id, is_first=before is None)
        await collected.store()

    async def waiting(self, paths: Sequence[Path]) -> tuple[int, int]:
        """How many sessions below some paths have something that was not imported yet, and how many there are."""
        found = await anyio.to_thread.run_sync(self.found, paths, ImportReport())
        unchanged = [reading.is_unchanged(files, before) async for files, before in self._known(found.sessions)]
        return unchanged.count(False), len(unchanged)

    async def _known(self, sessions: Sequence[SessionFiles]) -> AsyncIterator[tuple[SessionFiles, ReadPosition | None]]:
        """Sessions with what is remembered of each as a whole."""
        for start in range(0, len(sessions), _SESSIONS_AT_ONCE):
            some = sessions[start : start + _SESSIONS_AT_ONCE]
            positions = await self._store.positions([reading.session_source(files) for files in some])
            for files in some:
                yield files, positions.get(reading.session_source(files))

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
        positions = await self._store.positions(reading.sources(files, before)) if before is not None else {}
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

    async def _log(self, path: Path, kind: Format, report: ImportReport) -> None:
        """Read what is new in a log of one line for each delegation."""
        source = source_of(path)
        known = (await self._store.positions([source])).get(source)
        try:
            log = await anyio.to_thread.run_sync(_identified, path)
            offset = known.offset if known is not None and log.continues(known) else 0
            while True:
                chunk = await anyio.to_thread.run_sync(read_chunk, path, offset, _LINES_AT_ONCE_BYTES)
                if chunk.offset == offset:
                    return
                spans, rewards = self._records(log.identity, kind, chunk, report)
                position = ReadPosition(source=source, identity=log.identity, offset=chunk.offset)
                report.count(await linking.add(self._store, Batch(spans=spans, rewards=rewards, positions=[position])))
                report.bytes_read += chunk.offset - offset
                report.unreadable_lines += chunk.unreadable
                offset = chunk.offset
        except OSError as error:
            report.problems.append((path, error.strerror or str(error)))

    def _records(self, log: str, kind: Format, chunk: Chunk, report: ImportReport) -> tuple[list[Span], list[Reward]]:
        spans: list[Span] = []
        rewards: list[Reward] = []
        for place, line in zip(chunk.places, chunk.lines, strict=True):
            if kind is Format.EXPORT and exported.is_decision(line):
                report.decisions += 1
                continue
            try:
                span, reward = self._record(line, kind, log, place)
            except (ValueError, TypeError, OverflowError):
                report.unreadable_lines += 1
                continue
            spans.append(span)
            if reward is not None:
                rewards.append(reward)
        return spans, rewards

    def _record(self, line: dict[str, Any], kind: Format, log: str, place: int) -> tuple[Span, Reward | None]:
        if kind is Format.EXPORT:
            return exported.records(line, self._keep)
        return oneshot.records(line, log, place, self._keep)


class _Log(NamedTuple):
    """A log file as it is now."""

    identity: str
    size: int

    def continues(self, position: ReadPosition) -> bool:
        """Whether it is still the file in which the position was made, and has not shrunk."""
        return position.identity == self.identity and position.offset <= self.size


def _identified(path: Path) -> _Log:
    return _Log(fingerprint(path), path.stat().st_size)
