"""The lines of a growing JSONL file from an offset on, in bounded memory."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic_core import from_json

from mcp_server.ingest.shrinking import Shrinker
from storage.fields import well_formed

CHUNK_BYTES: Final = 4 * 1024 * 1024
_LONG_LINE_BYTES: Final = 1024 * 1024
_HOPELESS_LINE_BYTES: Final = 8 * 1024 * 1024  # after shrinking; parsed it may take thirty times as much
_NEWLINE: Final = b"\n"
_NOTHING: Final = re.compile(rb"(?!)")
_FILLING: Final = b"\0 \t\r\n"  # after a power cut a file may hold blocks of NUL
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(slots=True)
class Chunk:
    """Some whole lines of a file."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """Where in the file each of the lines begins."""
    offset: int = 0
    """Where the next chunk begins: after the last whole line."""
    unreadable: int = 0
    """Lines that are no JSON object, or are too long even when shrunk."""
    finished: bool = True
    """Whether nothing but a torn last line is left."""


def read_chunk(path: Path, offset: int, limit_bytes: int = CHUNK_BYTES, skip: re.Pattern[bytes] = _NOTHING) -> Chunk:
    """Whole lines from `offset` on, at least one and about `limit_bytes` of them.

    Args:
        path: the file.
        offset: where a line begins.
        limit_bytes: stop after so many.
        skip: lines that begin so are passed over without being parsed.

    Raises:
        OSError: the file cannot be read.
    """
    chunk = Chunk(offset=offset)
    with path.open("rb") as file:
        file.seek(offset)
        for line, length in _whole_lines(file, skip):
            place = chunk.offset
            chunk.offset += length
            if line is None:
                chunk.unreadable += 1
            elif line.strip(_FILLING) and not skip.match(line):
                parsed = _parse(line)
                if isinstance(parsed, dict):
                    chunk.lines.append(parsed)
                    chunk.places.append(place)
                else:
                    chunk.unreadable += 1
            if chunk.offset - offset >= limit_bytes:
                chunk.finished = False
                break
    return chunk


def _whole_lines(file: BinaryIO, skip: re.Pattern[bytes]) -> Iterator[tuple[bytes | None, int]]:
    """Each line that has its newline, with its length in the file; None for one that is too long."""
    while line := file.readline(_LONG_LINE_BYTES):
        if line.endswith(_NEWLINE):
            yield line, len(line)
        elif len(line) < _LONG_LINE_BYTES:
            return  # torn: still being written
        elif skip.match(line):
            length = _skip_line(file, len(line))
            if length is None:
                return
            yield b"", length
        else:
            shrunk, length = _shrink_line(file, line)
            if length is None:
                return
            yield shrunk, length


def _skip_line(file: BinaryIO, length: int) -> int | None:
    while piece := file.readline(_LONG_LINE_BYTES):
        length += len(piece)
        if piece.endswith(_NEWLINE):
            return length
    return None


def _shrink_line(file: BinaryIO, first: bytes) -> tuple[bytes | None, int | None]:
    shrinker, length, size = Shrinker(), 0, 0
    pieces: list[bytes] = []
    piece = first
    while piece:
        length += len(piece)
        shrunk = shrinker.feed(piece)
        size += len(shrunk)
        if size > _HOPELESS_LINE_BYTES:
            return None, _skip_line(file, length) if not piece.endswith(_NEWLINE) else length
        pieces.append(shrunk)
        if piece.endswith(_NEWLINE):
            return b"".join(pieces), length
        piece = file.readline(_LONG_LINE_BYTES)
    return None, None


def _parse(line: bytes) -> Any:
    line = line.strip(_FILLING)
    try:
        return from_json(line)
    except ValueError:
        pass
    try:  # bad UTF-8, control characters and halves of surrogate pairs are no reason to lose a line
        text = line.decode(errors="replace").lstrip(_BYTE_ORDER_MARK)
        return _well_formed(json.loads(text, strict=False, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return None


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {well_formed(key): _well_formed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_well_formed(one) for one in value]
    return value
