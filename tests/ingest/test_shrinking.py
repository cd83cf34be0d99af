"""A shrunk JSON text is still that JSON text, with its long strings cut."""

import json
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.ingest.shrinking import STRING_LIMIT_BYTES, Shrinker

_LONGEST_ESCAPE: Final = len(r"\u00e4")
_strings = st.text(st.characters() | st.sampled_from('"\\/\n\x00\x7fäé€😀u'), max_size=30)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_strings, inner, max_size=4),
    max_leaves=10,
)
_texts = st.builds(
    lambda value, ascii_only: json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"),
    _values,
    st.booleans(),
)
_limits = st.integers(0, 12)


def _shrunk(text: bytes, limit: int = STRING_LIMIT_BYTES, cuts: list[int] | None = None) -> bytes:
    """What becomes of a text that comes in pieces."""
    shrinker = Shrinker(limit)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts or []), len(text)]
    return b"".join(shrinker.feed(text[start:end]) for start, end in pairwise(places))


def _parsed(text: bytes) -> Any:
    """A value with objects as lists of pairs: cut keys may be equal."""
    return json.loads(text.decode(errors="ignore"), object_pairs_hook=lambda pairs: ("object", pairs))


def _is_cut_of(shrunk: Any, whole: Any) -> bool:
    """Whether two values differ only in that strings of the one are beginnings of those of the other."""
    if isinstance(whole, str):
        # In UTF-16 a string that was cut between two escapes of one character is a beginning as well.
        one, other = (text.encode("utf-16-le", "surrogatepass") for text in (shrunk, whole))
        return other.startswith(one)
    if isinstance(whole, list | tuple):
        same_length = isinstance(shrunk, type(whole)) and len(shrunk) == len(whole)
        return same_length and all(_is_cut_of(*pair) for pair in zip(shrunk, whole, strict=True))
    return bool(shrunk == whole) and type(shrunk) is type(whole)


def _raw_strings(text: bytes) -> list[bytes]:
    """Strings as they are written, of a text that is well formed."""
    found: list[bytes] = []
    start: int | None = None
    place = 0
    while place < len(text):
        if start is not None and text[place : place + 1] == b"\\":
            place += 1
        elif text[place : place + 1] == b'"':
            if start is None:
                start = place + 1
            else:
                found.append(text[start:place])
                start = None
        place += 1
    assert start is None
    return found


@given(text=_texts, limit=_limits, cuts=st.lists(st.integers(0, 200), max_size=8))
@example(text=rb'"\\\\\\\\"', limit=3, cuts=[2, 3])
@example(text=rb'"abc\u00e4def"', limit=4, cuts=[5, 6, 7, 8])
@example(text=rb'"abc\ud83d\ude00"', limit=5, cuts=[])
@example(text='"€€€"'.encode(), limit=4, cuts=[2])
def test_a_shrunk_text_is_the_same_value_with_shorter_strings(text: bytes, limit: int, cuts: list[int]) -> None:
    assert _is_cut_of(_parsed(_shrunk(text, limit, cuts)), _parsed(text))


@given(text=_texts | st.binary(max_size=60), limit=_limits, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_how_a_text_comes_in_pieces_makes_no_difference(text: bytes, limit: int, cuts: list[int]) -> None:
    assert _shrunk(text, limit, cuts) == _shrunk(text, limit)


@given(text=_texts, limit=_limits)
def test_no_string_is_longer_than_the_limit_but_for_its_last_escape(text: bytes, limit: int) -> None:
    for whole, kept in zip(_raw_strings(text), _raw_strings(_shrunk(text, limit)), strict=True):
        assert whole.startswith(kept)
        assert min(len(whole), limit) - len(r"\u") < len(kept) < limit + _LONGEST_ESCAPE


@given(text=_texts | st.binary(max_size=60))
def test_a_text_without_long_strings_stays_as_it_is(text: bytes) -> None:
    assert _shrunk(text) == text


@given(text=_texts, limit=_limits)
def test_what_was_shrunk_shrinks_no_further(text: bytes, limit: int) -> None:
    once = _shrunk(text, limit)
    assert _shrunk(once, limit + _LONGEST_ESCAPE) == once


@pytest.mark.parametrize("unit", [b"y", rb"\n", rb"\"", rb"\\", rb"\u00e4", "€".encode()], ids=repr)
def test_a_long_string_is_cut_at_the_limit(unit: bytes) -> None:
    shrunk = _shrunk(b'{"a":"' + 2 * STRING_LIMIT_BYTES * unit + b'","b":1}')
    assert STRING_LIMIT_BYTES <= len(shrunk) <= STRING_LIMIT_BYTES + 30
    assert shrunk.endswith(b'","b":1}')
