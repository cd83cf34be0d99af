"""Sketches of many values: what may be relied on."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.analysis.quantiles import quantile
from storage.sketch import Sketch

values = st.lists(st.integers(0, 2**62) | st.integers(0, 50) | st.integers(900, 1100), max_size=60)
shares = st.floats(0, 1)


@given(values, values)
def test_adding_sketches_is_the_sketch_of_all_values(one: list[int], other: list[int]) -> None:
    assert Sketch.of(one) + Sketch.of(other) == Sketch.of(one + other)


@given(values, values)
def test_taking_away_undoes_adding(kept: list[int], gone: list[int]) -> None:
    assert Sketch.of(kept + gone) - Sketch.of(gone) == Sketch.of(kept)


@given(values)
def test_the_order_of_values_does_not_matter(some: list[int]) -> None:
    assert Sketch.of(some) == Sketch.of(reversed(some))
    assert Sketch.of(some).n == len(some)


@given(values.filter(bool), shares)
@example([1], 0.5)
@example([0, 1], 0.5)
@example([2**62], 1.0)
def test_a_quantile_is_within_two_percent(some: list[int], share: float) -> None:
    exact = quantile(sorted(some), share)
    assert Sketch.of(some).quantile(share) == pytest.approx(exact, rel=0.02, abs=1e-6)


def test_every_single_number_is_within_two_percent() -> None:
    for value in (*range(1, 5000), *(10**power + near for power in range(4, 19) for near in (-1, 0, 1))):
        assert Sketch.of([value]).quantile(0.5) == pytest.approx(value, rel=0.02)


@given(values)
def test_it_comes_back_from_its_bytes(some: list[int]) -> None:
    sketch = Sketch.of(some)
    assert Sketch.from_bytes(sketch.to_bytes()) == sketch


@given(st.lists(values, max_size=8))
@example([[], [2**62], [0]])
def test_many_are_summed_from_their_bytes(many: list[list[int]]) -> None:
    assert Sketch.of_all(Sketch.of(some).to_bytes() for some in many) == Sketch.of(
        value for some in many for value in some
    )


def test_nothing_has_no_quantile_and_no_bytes() -> None:
    assert Sketch().quantile(0.5) is None
    assert Sketch().to_bytes() == b""
    assert Sketch.from_bytes(b"") == Sketch()


def test_what_is_not_in_it_cannot_be_taken_away() -> None:
    with pytest.raises(ValueError, match="only lose values that it holds"):
        Sketch.of([10]) - Sketch.of([1000])


def test_a_day_of_durations_stays_small() -> None:
    chance = random.Random(1)
    durations = [int(chance.lognormvariate(9.4, 0.8)) for _ in range(10_000)]
    assert len(Sketch.of(durations).to_bytes()) < 1024
