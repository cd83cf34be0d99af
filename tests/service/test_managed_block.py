"""A block of ours in a file of somebody else's: all around it stays, byte for byte."""

from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.service.managed_block import DamagedBlock, OtherEncoding, block, with_block, without_block

LINES = ["## Rules", "", "- search: Explore"]
OTHERS = ["- search: Plan"]
BEGIN = b"<!-- delegation-telemetry:begin (x) -->"
END = b"<!-- delegation-telemetry:end -->"

pieces = st.one_of(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n", b"text", b"\xff", b"\xef\xbb\xbf", b"<!-- note -->", b"\x00"]),
    st.binary(max_size=20),
)
files = st.lists(pieces, max_size=8).map(b"".join).filter(lambda one: not one.startswith((b"\xff\xfe", b"\xfe\xff")))


@given(files)
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"no newline")
@example(b"cr\ronly")
@example(b"crlf\r\nno newline")
def test_what_goes_in_comes_out_byte_for_byte(content: bytes) -> None:
    written = with_block(content, LINES)
    assert written.startswith(content)
    assert block(written)
    assert without_block(written) == content
    assert without_block(content) == content


@given(files)
def test_writing_again_replaces_the_block_and_nothing_else(content: bytes) -> None:
    first = with_block(content, LINES)
    assert with_block(first, LINES) == first
    assert with_block(first, OTHERS) == with_block(content, OTHERS)


@given(files, files)
def test_a_block_in_the_middle_stays_there(before: bytes, after: bytes) -> None:
    written = with_block(before, LINES)
    middle = written + b"\n" + after
    again = with_block(middle, OTHERS)
    assert again.startswith(before)
    assert again.endswith(b"\n" + after)
    assert without_block(again) == without_block(middle)
    assert without_block(again).startswith(before)


@pytest.mark.parametrize(
    ("content", "newline"),
    [
        pytest.param(b"a\r\nb\r\n", b"\r\n", id="windows"),
        pytest.param(b"a\nb\n", b"\n", id="unix"),
        pytest.param(b"a\rb\r", b"\r", id="an old mac"),
        pytest.param(b"", b"\n", id="an empty file"),
    ],
)
def test_our_lines_end_as_those_of_the_file(content: bytes, newline: bytes) -> None:
    ours = with_block(content, LINES)[len(content) :]
    assert ours.count(newline) == len(LINES) + 2
    assert not set(ours.replace(newline, b"")) & set(b"\r\n")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"a\n" + BEGIN + b"\nrules\n", 2, id="no end"),
        pytest.param(b"a\r\nb\r\n" + END + b"\r\n", 3, id="no beginning"),
        pytest.param(BEGIN + b"\n" + END + b"\n" + BEGIN + b"\n" + END, 3, id="two blocks"),
        pytest.param(BEGIN + b"\n" + BEGIN + b"\n" + END + b"\n", 1, id="two beginnings"),
        pytest.param(END + b"\r" + BEGIN + b"\r", 1, id="the wrong way round"),
    ],
)
def test_a_damaged_block_is_refused_with_its_line(content: bytes, line: int) -> None:
    for question in (partial(with_block, content, LINES), partial(without_block, content), partial(block, content)):
        with pytest.raises(DamagedBlock, match=f"line {line}: ") as refused:
            question()
        assert refused.value.line == line


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"see " + BEGIN + b"\n", id="within a line"),
        pytest.param(b"    " + END + b"\n", id="indented, as code is"),
        pytest.param(b"<!-- delegation-telemetry:beginning -->\n", id="another word"),
    ],
)
def test_what_only_speaks_of_a_block_is_none(content: bytes) -> None:
    assert block(content) is None
    assert without_block(with_block(content, LINES)) == content


def test_lines_that_the_block_parts_stay_apart_when_it_goes() -> None:
    written = with_block(b"above", LINES) + b"below"
    assert without_block(written) == b"above\nbelow"


def test_the_block_of_a_file_with_a_mark_of_its_encoding_may_be_all_of_it() -> None:
    content = b"\xef\xbb\xbf" + BEGIN + b"\nold\n" + END + b"\n"
    assert without_block(content) == b"\xef\xbb\xbf"
    assert without_block(with_block(content, LINES)) == b"\xef\xbb\xbf"


def test_utf_16_is_refused() -> None:
    with pytest.raises(OtherEncoding, match="UTF-8"):
        with_block("rules\n".encode("utf-16"), LINES)
