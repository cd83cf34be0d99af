"""The laws of joining versions of one span: a semilattice, so that no order and no repetition matters."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.records import Span
from storage.versions import Version, merge, same_facts
from storage.vocabulary import Source, Status
from tests import strategies
from tests.factories import a_span, at

LAW = settings(max_examples=25)


def told(version: Version) -> dict[str, Any]:
    """What a version says; that it was observed when it began or ended is the same, said or not."""
    return {**version.span.model_dump(), "observed_at": version.stamp[1]}


def known(version: Version) -> tuple[dict[str, Any], dict[str, Any]]:
    return told(version), version.stamps


def joined(sightings: list[Span]) -> Version:
    result = Version(sightings[0])
    for sighting in sightings[1:]:
        result = merge(result, Version(sighting))
    return result


@LAW
@given(sightings=strategies.versions_of_one_span(), others=strategies.versions_of_one_span())
def test_joining_is_commutative(sightings: list[Span], others: list[Span]) -> None:
    one, other = joined(sightings), joined(others)
    assert known(merge(one, other)) == known(merge(other, one))


@LAW
@given(strategies.versions_of_one_span(), strategies.versions_of_one_span(), strategies.versions_of_one_span())
def test_joining_is_associative(first: list[Span], second: list[Span], third: list[Span]) -> None:
    one, two, three = joined(first), joined(second), joined(third)
    assert known(merge(merge(one, two), three)) == known(merge(one, merge(two, three)))


@LAW
@given(sightings=strategies.versions_of_one_span())
def test_joining_is_idempotent(sightings: list[Span]) -> None:
    one = joined(sightings)
    assert known(merge(one, one)) == known(one)
    assert known(merge(one, Version(sightings[0]))) == known(one)


@LAW
@given(sightings=strategies.versions_of_one_span(), data=st.data())
def test_every_order_ends_in_the_same(sightings: list[Span], data: st.DataObject) -> None:
    assert known(joined(data.draw(st.permutations(sightings)))) == known(joined(sightings))


@LAW
@given(sightings=strategies.versions_of_one_span())
@example(
    sightings=[
        a_span(span_id="one", guessed_type="search", guessed_by="words/1"),
        a_span(span_id="one", guessed_type="docs", guessed_by="words/2"),
    ]
)
def test_a_guess_stays_with_who_guessed_it(sightings: list[Span]) -> None:
    span = joined(sightings).span
    told_together = {(one.guessed_type, one.guessed_by) for one in sightings}
    assert (span.guessed_type, span.guessed_by) in told_together


@LAW
@given(sightings=strategies.versions_of_one_span())
def test_the_join_is_a_valid_span_in_which_nothing_known_is_lost(sightings: list[Span]) -> None:
    span = joined(sightings).span
    assert Span.model_validate(span.model_dump()) == span
    for sighting in sightings:
        for name in ("model", "task", "complexity", "input_tokens"):
            assert getattr(span, name) is not None or getattr(sighting, name) is None
        assert sighting.attributes.keys() <= span.attributes.keys()


@pytest.mark.parametrize(
    ("one", "other", "field", "expected"),
    [
        pytest.param(
            a_span(span_id="x", task="old", observed_at=at(1)), a_span(span_id="x", task="new", observed_at=at(2)),
            "task", "new", id="the later sighting holds",
        ),
        pytest.param(
            a_span(span_id="x", task="stated", observed_at=at(9)), a_span(span_id="x", task="captured",
            source=Source.CAPTURED), "task", "captured", id="what was captured outranks what was stated later",
        ),
        pytest.param(
            a_span(span_id="x", model="large", observed_at=at(1)), a_span(span_id="x", observed_at=at(2)),
            "model", "large", id="not to know is not to deny",
        ),
        pytest.param(
            a_span(span_id="x", status=Status.RUNNING, observed_at=at(1)), a_span(span_id="x", status=Status.OK,
            observed_at=at(1)), "status", Status.OK, id="of two at one time the end holds",
        ),
        pytest.param(
            a_span(span_id="x", status=Status.LOST, observed_at=at(1)), a_span(span_id="x", status=Status.ERROR,
            observed_at=at(1)), "status", Status.ERROR, id="an end that was seen outweighs one that was not",
        ),
        pytest.param(
            a_span(span_id="x", output="done", observed_at=at(1)), a_span(span_id="x", status=Status.RUNNING,
            observed_at=at(2)), "output", None, id="a resumed span loses its end",
        ),
    ],
)  # fmt: skip
def test_which_value_holds(one: Span, other: Span, field: str, expected: object) -> None:
    for found in (merge(Version(one), Version(other)), merge(Version(other), Version(one))):
        assert getattr(found.span, field) == expected


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ([1], [True])], ids=repr)
def test_values_that_only_python_holds_for_equal_are_other_facts(one: Any, other: Any) -> None:
    first, second = a_span(span_id="x", attributes={"a": one}), a_span(span_id="x", attributes={"a": other})
    assert not same_facts(first, second)


def test_when_something_was_observed_is_no_fact_of_it() -> None:
    span = a_span()
    assert same_facts(span, span.model_copy(update={"observed_at": at(99), "reward": 1.0}))
