"""Intervals hold what they promise, and little data says so."""

import math
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.intervals import Rewards, difference, mean_reward, success_rate

RATES = [place / 20 for place in range(1, 20)]


def one(reward: float, weight: float = 1.0) -> Rewards:
    return Rewards(weight, weight * reward, weight * reward * reward)


def chance_of(successes: int, n: int, rate: float) -> float:
    return math.comb(n, successes) * rate**successes * (1 - rate) ** (n - successes)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_a_rate_lies_in_its_interval_nine_times_in_ten_over_all_rates(n: int) -> None:
    estimates = [success_rate(successes, n) for successes in range(n + 1)]
    fine = [0.05 + 0.9 * place / 900 for place in range(901)]
    coverage = fmean(
        sum(chance_of(k, n, rate) for k, found in enumerate(estimates) if found and found.low <= rate <= found.high)
        for rate in fine
    )
    assert coverage == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_simulated_arms_are_covered_as_often(n: int) -> None:
    chance = random.Random(n)
    hits = 0
    arms = 8_000
    for _ in range(arms):
        rate = chance.uniform(0.05, 0.95)
        found = success_rate(sum(chance.random() < rate for _ in range(n)), n)
        assert found is not None
        hits += found.low <= rate <= found.high
    assert hits / arms == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize("sharpness", [0.5, 2.0, 8.0], ids=["nearly ones and zeros", "spread", "close together"])
def test_mean_rewards_are_covered_as_well(n: int, sharpness: float) -> None:
    chance = random.Random(f"{n} {sharpness}")
    hits = 0
    arms = 4_000
    for _ in range(arms):
        mean = chance.uniform(0.05, 0.95)
        drawn = [chance.betavariate(mean * sharpness, (1 - mean) * sharpness) for _ in range(n)]
        found = mean_reward(Rewards(n, sum(drawn), sum(one * one for one in drawn)))
        assert found is not None
        hits += found.low <= mean <= found.high
    # From few rewards in the middle the interval is wider than it need be, never too narrow.
    assert 0.87 <= hits / arms <= (0.95 if n == 100 else 1.0)


@pytest.mark.parametrize(("n", "other_n"), [(5, 5), (20, 5), (20, 20), (100, 40)])
def test_differences_are_covered_too(n: int, other_n: int) -> None:
    chance = random.Random(n * other_n)
    hits = 0
    pairs = 4_000
    for _ in range(pairs):
        rate, other = chance.uniform(0.05, 0.95), chance.uniform(0.05, 0.95)
        found = difference(
            sum(chance.random() < rate for _ in range(n)),
            n,
            sum(chance.random() < other for _ in range(other_n)),
            other_n,
        )
        assert found is not None
        hits += found.low <= rate - other <= found.high
    assert hits / pairs == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("n", [0, 1, 4, 4.9])
def test_little_data_gives_no_rate(n: float) -> None:
    assert success_rate(n, n) is None
    assert difference(n, n, 50, 100) is None
    assert mean_reward(Rewards(n, n, n)) is None


def test_a_rate_from_few_is_shrunken_and_marked_so() -> None:
    few, many = success_rate(5, 5), success_rate(500, 500)
    assert few is not None
    assert many is not None
    assert few.shrunken
    assert 0.8 < few.value < 0.9
    assert not many.shrunken
    assert many.value == 1.0


@given(st.integers(5, 10_000), st.floats(0, 1))
def test_the_value_lies_between_its_bounds_and_all_in_what_is_possible(n: int, share: float) -> None:
    for found in (success_rate(n * share, n), mean_reward(Rewards(n, n * share, n * share * share))):
        assert found is not None
        assert 0 <= found.low <= found.value <= found.high <= 1


@given(st.integers(5, 500), st.integers(5, 500), st.floats(0, 1), st.floats(0, 1))
def test_a_difference_turned_round_is_its_negative(n: int, other_n: int, share: float, other: float) -> None:
    one = difference(n * share, n, other_n * other, other_n)
    back = difference(other_n * other, other_n, n * share, n)
    assert one is not None
    assert back is not None
    assert (one.value, one.low, one.high) == pytest.approx((-back.value, -back.high, -back.low))


def test_more_evidence_for_the_same_share_makes_the_interval_narrower() -> None:
    widths = [found.high - found.low for n in (5, 10, 40, 160) if (found := success_rate(n * 0.6, n))]
    assert widths == sorted(widths, reverse=True)
    assert len(widths) == 4


def test_rewards_of_little_weight_say_little() -> None:
    full = Rewards()
    light = Rewards()
    for place in range(100):
        full += one(float(place % 2))
        light += one(float(place % 2), weight=0.1)
    sure, unsure = mean_reward(full), mean_reward(light)
    assert sure is not None
    assert unsure is not None
    assert unsure.high - unsure.low > 2 * (sure.high - sure.low)
