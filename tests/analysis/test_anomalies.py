"""What is unusual for an arm, and how often chance alone looks so."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.anomalies import Measure, anomalies, false_rate, outlier
from mcp_server.analysis.notices import of_anomalies
from storage.vocabulary import Status
from tests.analysis.judged import a_delegation

amounts = st.lists(st.floats(0, 1e9), min_size=8, max_size=80)


def lognormal(chance: random.Random) -> float:
    return 1000 * chance.lognormvariate(0, 1)


def alarms(n: int, factor: float, draw: Callable[[random.Random], float], rounds: int = 4_000) -> float:
    chance = random.Random(n)
    return (
        sum(outlier(factor * draw(chance), [draw(chance) for _ in range(n)]) is not None for _ in range(rounds))
        / rounds
    )


@pytest.mark.parametrize(("n", "most"), [(8, 0.035), (15, 0.015), (30, 0.006)])
def test_ordinary_values_are_seldom_noticed(n: int, most: float) -> None:
    assert alarms(n, 1, lognormal) <= most


@pytest.mark.parametrize("n", [60, 120])
def test_with_a_long_history_the_rule_without_assumptions_keeps_its_rate_for_any_distribution(n: int) -> None:
    for draw in (lognormal, random.Random.random):
        assert alarms(n, 1, draw) <= 0.026


def test_what_is_far_above_everything_is_noticed() -> None:
    assert alarms(30, 300, lognormal) > 0.95


@pytest.mark.parametrize("n", [0, 1, 7])
def test_too_few_earlier_values_tell_nothing(n: int) -> None:
    assert outlier(1e9, [1.0] * n) is None


def test_a_notice_says_which_rule_fired_and_against_what() -> None:
    short, long = outlier(1000, [10.0] * 8), outlier(1000, [10.0] * 60)
    assert short is not None
    assert long is not None
    assert (short.median, short.n, short.p) == (10, 8, None)
    assert short.z is not None
    assert short.z > 3.5
    assert long.p == pytest.approx(1 / 61)


@given(amounts, st.floats(0, 1e9), st.randoms(use_true_random=False))
def test_the_order_of_the_history_does_not_matter(history: list[float], value: float, chance: random.Random) -> None:
    shuffled = history.copy()
    chance.shuffle(shuffled)
    assert outlier(value, history) == outlier(value, shuffled)


@given(amounts)
def test_a_value_that_is_usual_is_never_noticed(history: list[float]) -> None:
    assert outlier(sorted(history)[len(history) // 2 - 1], history) is None


def test_delegations_are_compared_with_earlier_ones_of_their_own_arm() -> None:
    usual = [a_delegation(duration_ms=1000 + place) for place in range(10)]
    other = [a_delegation(duration_ms=90_000, model="large") for _ in range(10)]
    slow = a_delegation(duration_ms=90_000)
    later = [a_delegation(duration_ms=1000) for _ in range(5)]
    looked = anomalies([*later, slow, *other, *usual], measures=[Measure.DURATION_MS])
    assert [(found.span, found.measure) for found in looked.anomalies] == [(slow, Measure.DURATION_MS)]
    assert looked.looked_at == 2 + 1 + 2 + 5
    assert looked.expected_false == pytest.approx(9 * 0.029 + 0.019)
    assert anomalies([slow, *other, *usual], measures=[Measure.DURATION_MS]).anomalies == looked.anomalies


def test_a_type_with_thirty_earlier_values_is_compared_with_itself() -> None:
    short = [a_delegation(duration_ms=100, task_type="search") for _ in range(31)]
    long = [a_delegation(duration_ms=100_000, task_type="implement") for _ in range(31)]
    usual_for_its_type = a_delegation(duration_ms=100_000, task_type="implement")
    unusual_for_its_type = a_delegation(duration_ms=100_000, task_type="search")
    found = anomalies([*short, *long, usual_for_its_type, unusual_for_its_type], measures=[Measure.DURATION_MS])
    assert unusual_for_its_type in [one.span for one in found.anomalies]
    assert usual_for_its_type not in [one.span for one in found.anomalies]


def test_small_sums_of_money_are_looked_at_too() -> None:
    usual = [a_delegation(cost_usd=0.001 + place / 1e6) for place in range(10)]
    dear = a_delegation(cost_usd=0.05)
    found = anomalies([*usual, dear], measures=[Measure.COST_USD]).anomalies
    assert [one.span for one in found] == [dear]
    assert (found[0].outlier.value, found[0].outlier.median) == pytest.approx((0.05, 0.0010045))


def test_what_still_runs_and_what_is_unknown_is_left_out() -> None:
    usual = [a_delegation(duration_ms=1000, cost_usd=None) for _ in range(10)]
    running = a_delegation(status=Status.RUNNING, ended_at=None, duration_ms=900_000)
    looked = anomalies([*usual, running], measures=[Measure.DURATION_MS, Measure.COST_USD])
    assert looked.anomalies == []
    assert looked.looked_at == 2


def test_nothing_to_look_at_is_nothing_found() -> None:
    looked = anomalies([])
    assert (looked.anomalies, looked.looked_at, looked.expected_false) == ([], 0, 0.0)


def test_the_false_alarm_rate_is_that_of_the_history() -> None:
    assert [false_rate(n) for n in (7, 8, 20, 45, 60, 200)] == [0, 0.029, 0.019, 0.007, 0.015, 0.026]


@pytest.mark.parametrize("n", [8, 60, 200])
def test_a_difference_that_is_small_is_nothing_to_look_at_however_regular_the_arm(n: int) -> None:
    assert outlier(1_490, [1_000.0] * n) is None
    assert outlier(1_510, [1_000.0] * n) is not None


def test_what_was_unusual_and_what_is_usual_are_told_apart() -> None:
    usual = [a_delegation(duration_ms=1_000, cost_usd=0.00001) for _ in range(20)]
    looked = anomalies([*usual, a_delegation(duration_ms=1_500, cost_usd=0.00003)])
    texts = [insight.text for insight in of_anomalies(looked)]
    assert len(texts) == 2
    for text in texts:
        took, usually = text.partition(" (")[0].split(" took ")[1].split(", usually ")
        assert took != usually
    assert any("took $0.00003, usually $0.00001" in text for text in texts)
