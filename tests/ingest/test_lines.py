"""A JSONL file is read by whole lines, wherever a reading stops, and in bounded memory."""

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.ingest.lines import Chunk, read_chunk
from tests import strategies

MEGABYTE: Final = 1024 * 1024
_TOO_LONG: Final = b'{"a":[' + b"1," * (5 * MEGABYTE) + b"1]}"

_objects = st.dictionaries(strategies.names, strategies.json_values, max_size=3)
_lines = st.one_of(
    _objects.map(lambda found: json.dumps(found, ensure_ascii=False).encode()),
    _objects.map(lambda found: json.dumps(found).encode()),
    st.sampled_from([b"", b" ", b"\r", b"\0" * 50, b"[1]", b"null", b'"x"', b"{", b'{"a":"\xff"}', b"\xef\xbb\xbf{}"]),
    st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
)
_files = st.lists(_lines, max_size=8).map(lambda lines: b"".join(line + b"\n" for line in lines))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines") / "x.jsonl"


def _read(file: Path, **options: Any) -> Chunk:
    """A file from its start, chunk after chunk, as one."""
    whole = Chunk()
    _read_on(file, whole, **options)
    return whole


def _read_on(file: Path, known: Chunk, **options: Any) -> None:
    """What is new in a file since it was read."""
    finished = False
    while not finished:
        chunk = read_chunk(file, known.offset, **options)
        known.lines += chunk.lines
        known.places += chunk.places
        known.unreadable += chunk.unreadable
        known.offset, finished = chunk.offset, chunk.finished


def _told(chunk: Chunk) -> tuple[str, list[int], int, int]:
    """Comparable, with NaN in it as well."""
    return repr(chunk.lines), chunk.places, chunk.offset, chunk.unreadable


@given(content=_files, torn=_lines, limit=st.integers(1, 200))
def test_reading_in_any_chunks_is_reading_at_once(content: bytes, torn: bytes, limit: int, file: Path) -> None:
    file.write_bytes(content + torn)
    at_once = _read(file)
    assert _told(_read(file, limit_bytes=limit)) == _told(at_once)
    assert at_once.offset == len(content)


@given(content=_files, cuts=st.lists(st.integers(0, 400), max_size=6))
@example(content='{"a":"€😀"}\n{"b":1}\n'.encode(), cuts=[8, 9, 10, 11, 12, 16])
def test_reading_a_growing_file_is_reading_the_whole(content: bytes, cuts: list[int], file: Path) -> None:
    file.write_bytes(content)
    at_once, known = _read(file), Chunk()
    for size in (*sorted(cuts), len(content)):
        file.write_bytes(content[:size])
        _read_on(file, known)
        assert known.offset == content.rfind(b"\n", 0, size) + 1
    assert _told(known) == _told(at_once)


@given(content=_files)
def test_every_line_stands_where_it_is_said_to_stand(content: bytes, file: Path) -> None:
    file.write_bytes(content)
    whole = _read(file)
    assert len(whole.places) == len(whole.lines)
    for line, place in zip(whole.lines, whole.places, strict=True):
        assert place == 0 or content[place - 1 : place] == b"\n"
        assert repr(_only(file, content[place : content.index(b"\n", place) + 1])) == repr(line)


def _only(file: Path, line: bytes) -> dict[str, Any]:
    other = file.with_suffix(".line")
    other.write_bytes(line)
    (found,) = read_chunk(other, 0).lines
    return found


@given(objects=st.lists(_objects, max_size=5))
def test_every_object_comes_back(objects: list[dict[str, Any]], file: Path) -> None:
    file.write_bytes(b"".join(json.dumps(found, ensure_ascii=False).encode() + b"\n" for found in objects))
    chunk = read_chunk(file, 0)
    assert (chunk.lines, chunk.unreadable, chunk.finished) == (objects, 0, True)


@pytest.mark.parametrize(
    ("raw", "lines", "unreadable"),
    [
        pytest.param(b"", [], 0, id="an empty file"),
        pytest.param(b'{"a":1}', [], 0, id="a torn line, though it looks whole"),
        pytest.param(b'{"a":1}\n', [{"a": 1}], 0, id="a line"),
        pytest.param(b'{"a":1}\r\n', [{"a": 1}], 0, id="the line end of another system"),
        pytest.param(b'\xef\xbb\xbf{"a":1}\n', [{"a": 1}], 0, id="a byte order mark"),
        pytest.param(b'\0\0\0{"a":1}\0\0\n', [{"a": 1}], 0, id="NUL around a line, as after a power cut"),
        pytest.param(b"\n \n\0\0\n", [], 0, id="empty lines"),
        pytest.param(b'{"a":"h\xffi"}\n', [{"a": "h\ufffdi"}], 0, id="bad UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}\n', [{"a": 3 * "\ufffd"}], 0, id="half a pair as bytes"),
        pytest.param(b'{"a":"\\ud800"}\n', [{"a": "\ufffd"}], 0, id="half a pair as an escape"),
        pytest.param(b'{"\\ud800":["\\udc00"]}\n', [{"\ufffd": ["\ufffd"]}], 0, id="halves of pairs deeper within"),
        pytest.param(b'{"a":"x\ty"}\n', [{"a": "x\ty"}], 0, id="a control character within a string"),
        pytest.param(b"[1]\n1\nnull\n", [], 3, id="values that are no objects"),
        pytest.param(b'{"a":1}{"b":2}\n', [], 1, id="two objects in a line"),
        pytest.param(b'{"a":\n{"b":2}\n', [{"b": 2}], 1, id="half an object, and a whole one"),
        pytest.param(b'{"a":' + 9999 * b"[" + 9999 * b"]" + b"}\n", [], 1, id="nested too deeply"),
    ],
)
def test_what_a_file_may_hold(raw: bytes, lines: list[Any], unreadable: int, file: Path) -> None:
    file.write_bytes(raw)
    chunk = read_chunk(file, 0)
    assert (chunk.lines, chunk.unreadable, chunk.finished) == (lines, unreadable, True)


def test_a_chunk_holds_at_least_one_line_and_stops_once_it_is_large(file: Path) -> None:
    line = b'{"a":"0123456789"}\n'
    file.write_bytes(5 * line)
    sizes = [(limit, len(read_chunk(file, 0, limit).lines)) for limit in (1, len(line), len(line) + 1, 10_000)]
    assert sizes == [(1, 1), (len(line), 1), (len(line) + 1, 2), (10_000, 5)]


@pytest.mark.parametrize("length", [20, 3 * MEGABYTE], ids=["short", "long"])
def test_lines_to_be_skipped_are_passed_over_unseen(length: int, file: Path) -> None:
    skipped = b'{"type":"heavy",' + b"?" * length
    file.write_bytes(b'{"a":1}\n' + skipped + b'\n{"b":2}\n' + skipped)
    chunk = read_chunk(file, 0, skip=re.compile(rb'\{"type":"heavy"'))
    assert (chunk.lines, chunk.unreadable) == ([{"a": 1}, {"b": 2}], 0)
    assert chunk.offset == file.stat().st_size - len(skipped)


@pytest.mark.parametrize(
    ("line", "found", "unreadable"),
    [
        pytest.param(b'{"a":"' + b"y" * (3 * MEGABYTE) + b'","b":1}', [1], 0, id="one long string is cut"),
        pytest.param(b'{"a":[' + b"1," * MEGABYTE + b'1],"b":1}', [1], 0, id="much, and not too much"),
        pytest.param(_TOO_LONG, [], 1, id="too much"),
        pytest.param(b'{"a":"' + b"y" * (3 * MEGABYTE), [], 1, id="long, and no JSON"),
        pytest.param(
            b'{"a":"' + b"y" * (MEGABYTE - 14) + b'","b":1}', [1], 0, id="just as long as what is read at once"
        ),
    ],
)
def test_a_long_line_between_others(line: bytes, found: list[int], unreadable: int, file: Path) -> None:
    content = b'{"b":0}\n' + line + b'\n{"b":2}\n'
    file.write_bytes(content + line)  # and once more, torn
    chunk = _read(file)
    assert [one["b"] for one in chunk.lines] == [0, *found, 2]
    assert (chunk.unreadable, chunk.offset) == (unreadable, len(content))
    assert chunk.places[-1] == len(content) - len(b'{"b":2}\n')


@pytest.mark.parametrize("start", [b'{"a":"', b'{"a":[', b'{"type":"heavy"'], ids=["a string", "a list", "skipped"])
def test_memory_does_not_grow_with_the_line(start: bytes, file: Path) -> None:
    with file.open("wb") as written:
        written.write(start)
        for _ in range(40):
            written.write(b"1," * (MEGABYTE // 2))
        written.write(b'0"\n')
    tracemalloc.start()
    try:
        read_chunk(file, 0, skip=re.compile(rb'\{"type":"heavy"'))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_chunk(tmp_path / "nowhere", 0)


def test_a_file_shorter_than_what_was_read_has_nothing_new(file: Path) -> None:
    file.write_bytes(b'{"a":1}\n')
    assert _told(read_chunk(file, 1000)) == _told(Chunk(offset=1000))
