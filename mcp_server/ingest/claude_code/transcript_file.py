"""One transcript on the disk, read in chunks from where the last reading stopped."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from mcp_server.ingest.claude_code.call_spans import Owner
from mcp_server.ingest.claude_code.memory import Memory, restored
from mcp_server.ingest.claude_code.transcript import HEAVY, Fold
from mcp_server.ingest.lines import read_chunk
from mcp_server.ingest.pricing import Price
from mcp_server.ingest.texts import TextKeeper
from storage.fields import well_formed
from storage.records import ReadPosition, Span

_FINGERPRINT_BYTES: Final = 256

Positions = Mapping[str, ReadPosition]


@dataclass(slots=True)
class Progress:
    """What reading did."""

    bytes_read: int = 0
    unreadable_lines: int = 0
    delegations: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)
    """Files that could not be read, and why."""


def source_of(path: Path) -> str:
    """The name under which the position in a file is kept."""
    return well_formed(str(path))


class _Reached(NamedTuple):
    """How far a file has been taken in."""

    source: str
    identity: str
    offset: int


class TranscriptFile:
    """Folds a transcript into its memory. It may lie in several files, each going on where the one before ends."""

    def __init__(
        self,
        parts: list[Path],
        session_id: str,
        keep: TextKeeper,
        price: Price,
        *,
        is_agent: bool,
        is_fork: bool | None = False,
    ) -> None:
        """Begin with an empty memory.

        Args:
            parts: its files, in order.
            session_id: of the session it belongs to.
            keep: what becomes of texts.
            price: of one request to a model.
            is_agent: whether it is an agent's, and not that of the main thread.
            is_fork: whether that agent is a fork of the one that launched it; None where nobody knows.
        """
        self._parts = parts
        self._session_id = session_id
        self._keep = keep
        self._price = price
        self._is_agent = is_agent
        self._is_fork = is_fork
        self._reached: _Reached | None = None
        self._marks: dict[str, ReadPosition] = {}
        self._begin(Memory())

    @property
    def memory(self) -> Memory:
        """What is known after the lines read so far."""
        return self._fold.memory

    @property
    def source(self) -> str:
        """The name under which the position in its last part is kept."""
        return source_of(self._parts[-1])

    def read(self, positions: Positions, progress: Progress) -> Iterator[int]:
        """Read what is new; yields the size of each chunk when it has been taken in.

        A part that cannot be read ends the reading; what is remembered of it stands for it.
        """
        grown = False
        for path in self._parts:
            known = None if grown else positions.get(source_of(path))
            try:
                for size in self._part(path, known, progress, keeps_memory=path != self._parts[0]):
                    grown = True
                    yield size
            except OSError as error:
                progress.problems.append((path, error.strerror or str(error)))
                if not grown:
                    self.recall(known)
                return

    def recall(self, position: ReadPosition | None) -> bool:
        """Go on from what is remembered of a file that cannot be read. Whether anything is."""
        memory, _ = _restored(position)
        if memory is not None:
            self._begin(memory)
        return memory is not None

    def take(self, owner: Owner) -> tuple[list[Span], list[ReadPosition]]:
        """The spans of new calls, and the positions that are true once these spans are stored."""
        self._mark()
        positions = list(self._marks.values())
        self._marks.clear()
        return self._fold.calls.take(owner), positions

    def _part(self, path: Path, known: ReadPosition | None, progress: Progress, *, keeps_memory: bool) -> Iterator[int]:
        identity = fingerprint(path)
        is_continued = known is not None and known.identity == identity and known.offset <= path.stat().st_size
        memory, offset = _restored(known if is_continued else None)
        if memory is not None or not keeps_memory:
            self._begin(memory or Memory())
        finished = False
        while not finished:
            chunk = read_chunk(path, offset, skip=HEAVY)
            size = chunk.offset - offset
            if not size:
                break
            self._fold.lines(chunk.lines)
            offset, finished = chunk.offset, chunk.finished
            progress.unreadable_lines += chunk.unreadable
            progress.bytes_read += size
            self._reached = _Reached(source_of(path), identity, offset)
            yield size
        self._mark()  # before the memory goes on into the next part

    def _mark(self) -> None:
        """Note the position that has been reached, with all that is known there."""
        if self._reached is not None:
            source, identity, offset = self._reached
            state = self.memory.stored()
            self._marks[source] = ReadPosition(source=source, identity=identity, offset=offset, state=state)
            self._reached = None

    def _begin(self, memory: Memory) -> None:
        self._fold = Fold(
            memory, self._session_id, self._keep, self._price, is_agent=self._is_agent, is_fork=self._is_fork
        )


def fingerprint(path: Path) -> str:
    """Tells a file from another that took its name: a hash of how it begins, which never changes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_FINGERPRINT_BYTES)
    return hashlib.blake2b(head.partition(b"\n")[0], digest_size=8).hexdigest()


def _restored(position: ReadPosition | None) -> tuple[Memory | None, int]:
    """The memory and offset to go on from; where there is nothing usable, none and the start of the file."""
    memory = restored(position.state) if position is not None else None
    return memory, position.offset if position is not None and memory is not None else 0
