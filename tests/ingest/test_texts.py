"""What is kept of a stranger's words."""

import json
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.texts import TextKeeper
from storage.fields import ATTRIBUTES_LIMIT_BYTES, ID_LIMIT, NAME_LIMIT, TEXT_LIMIT_BYTES
from tests import strategies

SECRET: Final = "sk-ant-api03-" + "Ab3dEf9" * 13
REDACTING: Final = TextKeeper(Redactor())
VERBATIM: Final = TextKeeper(lambda text: text)
WITHOUT_CONTENT: Final = TextKeeper(Redactor(), content=False)

_any_text = st.text(st.characters() | st.sampled_from('\ud800\udc00\0\n"\\€😀'), max_size=60)

_objects = st.recursive(
    st.just(SECRET) | strategies.json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strategies.names, inner, max_size=3),
    max_leaves=5,
)


@given(text=_any_text)
def test_what_is_kept_can_always_be_stored(text: str) -> None:
    for kept in (VERBATIM.text(text), VERBATIM.line(text), VERBATIM.name(text), VERBATIM.json({text: [text]})):
        assert kept is None or "\0" not in kept.encode().decode()


@given(text=_any_text, times=st.integers(1, 3000))
@example(text="€" * 60, times=3000)
@example(text="x" * 60, times=1093)
def test_every_field_is_bounded(text: str, times: int) -> None:
    long = text * times
    assert len((VERBATIM.text(long) or "").encode()) <= TEXT_LIMIT_BYTES
    assert len((VERBATIM.json([long]) or "").encode()) <= TEXT_LIMIT_BYTES
    assert len(VERBATIM.line(long) or "") <= NAME_LIMIT
    assert len(VERBATIM.name(long) or "") <= NAME_LIMIT
    assert len(VERBATIM.name(long, 4096) or "") <= 4096


@given(text=st.text(min_size=1, max_size=200))
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert VERBATIM.text(text) == text.replace("\0", "\ufffd")


@pytest.mark.parametrize("length", [TEXT_LIMIT_BYTES + 1, TEXT_LIMIT_BYTES + 5000, 1_000_000])
@pytest.mark.parametrize("sign", ["x", "é", "€"])
def test_a_cut_tells_how_much_is_missing(length: int, sign: str) -> None:
    kept = VERBATIM.text(sign * length) or ""
    head, _, mark = kept.partition("…[+")
    assert set(head) == {sign}
    assert mark == f"{length - len(head)} chars]"
    assert len(kept.encode()) > TEXT_LIMIT_BYTES - 100


@pytest.mark.parametrize("place", range(TEXT_LIMIT_BYTES - 60, TEXT_LIMIT_BYTES + 4200, 97))
def test_no_cut_leaves_half_a_secret(place: int) -> None:
    text = ("word " * 20_000)[:place] + f" {SECRET} " + "word " * 2000
    assert "sk-ant-api03" not in (REDACTING.text(text) or "")


@pytest.mark.parametrize("keep", [REDACTING.text, REDACTING.line, REDACTING.name, REDACTING.identifier])
def test_a_secret_is_kept_nowhere(keep: Any) -> None:
    assert SECRET not in (keep(SECRET) or "")
    assert SECRET not in (keep(f"The key is {SECRET}, use it.") or "")


@given(inner=_objects)
@example(inner={SECRET: 1})
@example(inner=[{"command": f'curl -H "x-api-key: {SECRET}"\n'}])
def test_an_object_holds_no_secret_and_keeps_its_shape(inner: Any) -> None:
    kept, attributes = REDACTING.json(inner), REDACTING.attributes({"x": inner})
    assert SECRET not in (kept or "")
    assert SECRET not in json.dumps(attributes)
    if SECRET not in json.dumps(inner):
        assert json.loads(kept or "null") == json.loads(json.dumps(inner).replace("\\u0000", "\\ufffd"))


def test_the_key_of_a_value_tells_that_it_is_secret() -> None:
    kept = REDACTING.attributes({"env": {"DB_PASSWORD": "Tr0ub4dor&3xQ9"}, "count": 3})
    assert "Tr0ub4dor&3xQ9" not in json.dumps(kept)
    assert kept["count"] == 3


def test_attributes_that_cannot_be_kept_come_back_and_are_refused_elsewhere() -> None:
    for raw in ({"x": "y" * (ATTRIBUTES_LIMIT_BYTES + 1)}, {"x": float("nan")}):
        assert VERBATIM.attributes(raw) is raw


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), _nested(100_000)], ids=["NaN", "infinity", "too deep"])
def test_the_input_of_a_tool_that_is_no_json_is_left_out(value: Any) -> None:
    assert VERBATIM.json({"x": value}) is None


def test_a_description_becomes_one_line() -> None:
    assert VERBATIM.line("  Find\n\tthe   callers. ") == "Find the callers."
    assert VERBATIM.line(" \n ") is None


@pytest.mark.parametrize("empty", [None, ""])
def test_nothing_stays_nothing(empty: str | None) -> None:
    assert VERBATIM.name(empty) is None
    assert VERBATIM.identifier(empty) is None
    assert VERBATIM.text(empty) == empty


@pytest.mark.parametrize(
    ("raw", "is_kept"),
    [
        pytest.param("toolu_01AbCdEfGhIjKlMnOpQrStUv", True, id="of a use of a tool"),
        pytest.param("msg_01d4f85acc59d0488ebb78c7", True, id="of a message"),
        pytest.param("11111111-1111-4111-8111-111111111111", True, id="of a session"),
        pytest.param("a0123456789abcdef", True, id="of an agent"),
        pytest.param("my own id", True, id="somebody's own"),
        pytest.param("x" * ID_LIMIT, True, id="just not too long"),
        pytest.param("x" * (ID_LIMIT + 1), False, id="too long"),
        pytest.param(SECRET, False, id="a secret"),
        pytest.param("half\ud800", False, id="what cannot be stored"),
    ],
)
def test_an_id_is_kept_or_becomes_its_hash(raw: str, is_kept: bool) -> None:  # noqa: FBT001 - a table of cases
    kept = REDACTING.identifier(raw)
    assert (kept == raw) is is_kept
    assert kept == REDACTING.identifier(raw)
    assert kept is not None
    assert len(kept) <= ID_LIMIT


@given(one=_any_text, other=_any_text)
def test_different_ids_stay_different(one: str, other: str) -> None:
    if one != other and one and other:
        assert VERBATIM.identifier(one) != VERBATIM.identifier(other)


def test_without_content_there_are_names_and_figures_only() -> None:
    keep = WITHOUT_CONTENT
    assert (keep.text("Do it."), keep.line("Do it."), keep.json({"command": "ls"})) == (None, None, None)
    assert (keep.name("Explore"), keep.identifier("toolu_1")) == ("Explore", "toolu_1")
    raw = {"n": 1, "ok": True, "none": None, "s": "words", "in": {"s": "words", "n": [1, "words", {"s": "words"}]}}
    assert keep.attributes(raw) == {"n": 1, "ok": True, "none": None, "in": {"n": [1, {}]}}


def test_a_name_is_redacted_each_time_it_is_asked_for() -> None:
    keep = TextKeeper(Redactor())
    assert keep.name(SECRET) == keep.name(SECRET) != SECRET
    assert keep.name("Explore", 3) == "Exp"
    assert keep.name("Explore") == "Explore"
