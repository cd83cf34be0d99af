"""The kinds of value: texts that are cut where they must be, times in UTC, objects of a bounded size."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from storage.fields import ATTRIBUTES_LIMIT_BYTES, TEXT_LIMIT_BYTES, clip, json_bytes, well_formed, within_limit
from storage.records import Span
from storage.vocabulary import Status
from tests import strategies
from tests.factories import a_reward, a_span, at

BERLIN = ZoneInfo("Europe/Berlin")


@given(text=st.text(max_size=200), limit=st.integers(48, 300))
@example(text="é" * 100, limit=199)
@example(text="😀" * 51, limit=203)
def test_a_clipped_text_fits_and_tells_how_much_is_missing(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert len(clipped.encode()) <= limit
    if len(text.encode()) <= limit:
        assert clipped == text
        return
    kept, _, mark = clipped.rpartition("…")
    assert text.startswith(kept)
    assert mark == f"[+{len(text) - len(kept)} chars]"


@given(text=st.text(st.characters(exclude_categories=[]), max_size=50))
@example(text="\ud83d\ude00")
@example(text="a\0b\udc00")
def test_a_well_formed_text_can_be_stored_everywhere(text: str) -> None:
    formed = well_formed(text)
    formed.encode()
    assert "\0" not in formed
    assert well_formed(formed) == formed
    if "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert formed == text


@given(time=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
@example(time=datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN))  # does not exist
@example(time=datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1))  # exists twice
def test_a_time_is_turned_to_utc_and_stays_the_same_moment(time: datetime) -> None:
    found = a_span(started_at=time, ended_at=None).started_at
    assert found.tzinfo is UTC
    assert found == time.astimezone(UTC)
    assert a_reward(span_id="one", given_at=time).given_at == found


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        pytest.param(datetime(2026, 1, 1), "timezone", id="without a zone"),  # noqa: DTZ001
        pytest.param(datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "outside the years", id="too late"),
        pytest.param(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "outside the years", id="too early"),
    ],
)
def test_a_time_that_is_no_moment_in_utc_is_refused(time: datetime, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        a_span(started_at=time, ended_at=None)


@settings(max_examples=30)
@given(attributes=st.dictionaries(strategies.names, strategies.json_values, max_size=5))
def test_attributes_within_the_limit_are_left_alone(attributes: dict[str, Any]) -> None:
    assert within_limit(attributes) == attributes
    if "\\u0000" not in json.dumps(attributes):
        assert a_span(attributes=attributes).attributes == attributes


@given(sizes=st.lists(st.integers(0, 40_000), min_size=3, max_size=6))
def test_attributes_above_the_limit_keep_the_small_ones_and_tell_of_the_rest(sizes: list[int]) -> None:
    attributes: dict[str, Any] = {str(place): "x" * size for place, size in enumerate(sizes)}
    kept = within_limit(attributes)
    assert json_bytes(kept) <= ATTRIBUTES_LIMIT_BYTES
    lost = attributes.keys() - kept.keys()
    if lost:
        assert kept.pop("…") == f"[+{len(lost)} attributes]"
        assert max((len(attributes[key]) for key in kept), default=0) <= min(len(attributes[key]) for key in lost)
    assert kept.items() <= attributes.items()


def _nested(depth: int) -> Any:
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"attributes": {"a": "x" * ATTRIBUTES_LIMIT_BYTES}}, "at most 65,536", id="too many attributes"),
        pytest.param({"attributes": {"a": float("nan")}}, "use null", id="an attribute that JSON does not know"),
        pytest.param({"attributes": {"a": _nested(900)}}, "nested too deeply|recursion", id="attributes too deep"),
        pytest.param({"span_id": ""}, "at least 1 ", id="an empty id"),
        pytest.param({"span_id": "x" * 201}, "at most 200", id="an id too long"),
        pytest.param({"cost_usd": float("inf")}, "finite", id="infinite money"),
        pytest.param({"cost_usd": -0.01}, "greater than or equal to 0", id="negative money"),
        pytest.param({"input_tokens": 2**53}, "less than or equal", id="a count that JSON readers round"),
        pytest.param({"ended_at": at(-1)}, "swap them, or leave ended_at out", id="an end before the start"),
        pytest.param({"tool_sequence": ("Bash",) * 10_001}, "at most 10000", id="too many tools"),
        pytest.param({"agent": "Explore"}, "Extra inputs", id="a field that nobody knows"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        a_span(**changes)


@pytest.mark.parametrize("targets", [{}, {"span_id": "one", "session_id": "session-1"}], ids=["none", "two"])
def test_a_reward_has_exactly_one_target(targets: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give exactly one of span_id and session_id"):
        a_reward(**targets)


def test_long_texts_of_a_span_are_cut_and_odd_ones_mended() -> None:
    span = a_span(task="é" * TEXT_LIMIT_BYTES, output="a\0b", error="\ud800", attributes={"\ud800": ["\0"]})
    assert span.task is not None
    assert len(span.task.encode()) <= TEXT_LIMIT_BYTES
    assert (span.output, span.error, span.attributes) == ("a\ufffdb", "\ufffd", {"\ufffd": ["\ufffd"]})


def test_the_duration_follows_from_the_times_where_it_is_not_told() -> None:
    assert a_span(ended_at=at(1.2345)).duration_ms == 1234
    assert a_span(ended_at=at(1.2345), duration_ms=7).duration_ms == 7
    assert a_span(status=Status.RUNNING).duration_ms is None


@settings(max_examples=20)
@given(span=strategies.spans())
def test_a_span_survives_its_own_json(span: Span) -> None:
    assert Span.model_validate_json(span.model_dump_json()) == span
