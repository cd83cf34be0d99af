"""Taking in logs of one line for each delegation: those of ONE_SHOT, and our own exports."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio.to_thread

from mcp_server.ingest import exported, oneshot
from mcp_server.ingest.claude_code.transcript_file import fingerprint, source_of
from mcp_server.ingest.formats import Format
from mcp_server.ingest.lines import Chunk, read_chunk
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking
from mcp_server.service.import_report import ImportReport
from storage.queries import Batch
from storage.records import ReadPosition, Reward, Span
from storage.store import Store

_LINES_AT_ONCE_BYTES: Final = 1024 * 1024


async def import_log(store: Store, keep: TextKeeper, path: Path, kind: Format, report: ImportReport) -> None:
    """Keep what is new in a log; a file that cannot be read is named in the report.

    Safe to repeat and to interrupt: how far it was read is remembered together with what was stored.

    Raises:
        StoreError: the store cannot keep what was read.
    """
    source = source_of(path)
    known = (await store.positions([source])).get(source)
    try:
        log = await anyio.to_thread.run_sync(_identified, path)
        offset = known.offset if known is not None and log.continues(known) else 0
        while True:
            chunk = await anyio.to_thread.run_sync(read_chunk, path, offset, _LINES_AT_ONCE_BYTES)
            if chunk.offset == offset:
                return
            spans, rewards = _records(log.identity, kind, chunk, keep, report)
            position = ReadPosition(source=source, identity=log.identity, offset=chunk.offset)
            report.count(await linking.add(store, Batch(spans=spans, rewards=rewards, positions=[position])))
            report.bytes_read += chunk.offset - offset
            report.unreadable_lines += chunk.unreadable
            offset = chunk.offset
    except OSError as error:
        report.problems.append((path, error.strerror or str(error)))


def _records(
    log: str, kind: Format, chunk: Chunk, keep: TextKeeper, report: ImportReport
) -> tuple[list[Span], list[Reward]]:
    spans: list[Span] = []
    rewards: list[Reward] = []
    for place, line in zip(chunk.places, chunk.lines, strict=True):
        if kind is Format.EXPORT and exported.is_decision(line):
            report.decisions += 1
            continue
        try:
            span, reward = _record(line, kind, log, place, keep)
        except (ValueError, TypeError, OverflowError):
            report.unreadable_lines += 1
            continue
        spans.append(span)
        if reward is not None:
            rewards.append(reward)
    return spans, rewards


def _record(line: dict[str, Any], kind: Format, log: str, place: int, keep: TextKeeper) -> tuple[Span, Reward | None]:
    if kind is Format.EXPORT:
        return exported.records(line, keep)
    return oneshot.records(line, log, place, keep)


class _Log(NamedTuple):
    """A log file as it is now."""

    identity: str
    size: int

    def continues(self, position: ReadPosition) -> bool:
        """Whether it is still the file in which the position was made, and has not shrunk."""
        return position.identity == self.identity and position.offset <= self.size


def _identified(path: Path) -> _Log:
    return _Log(fingerprint(path), path.stat().st_size)
