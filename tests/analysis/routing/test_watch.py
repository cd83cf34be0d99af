"""When an arm no longer does what it did."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.routing.watch import ALARM, Watch, after_new_version, after_reward


def after(rewards: list[float], expected: float, weight: float = 1.0) -> Watch:
    watch = Watch()
    for reward in rewards:
        watch = after_reward(watch, expected, reward, weight)
    return watch


def test_an_arm_that_keeps_falling_short_begins_a_new_epoch() -> None:
    assert after([0.0] * 11, expected=0.8) == Watch(1.0, 0.0, 0)


def test_ten_rewards_are_too_few_for_an_alarm() -> None:
    watch = after([0.0] * 10, expected=0.8)
    assert watch.epoch == 0
    assert watch.shortfall == pytest.approx(7.5)


def test_an_arm_that_does_as_expected_is_left_alone() -> None:
    chance = random.Random(5)
    assert after([float(chance.random() < 0.8) for _ in range(60)], expected=0.8).epoch == 0


def test_rewards_that_are_hardly_trusted_hardly_count() -> None:
    assert after([0.0] * 40, expected=0.8, weight=0.1).shortfall == pytest.approx(3.0)
    assert after([0.0] * 1_000, expected=0.8, weight=0.0) == Watch()


def test_a_new_version_of_an_agent_is_half_a_new_epoch() -> None:
    assert after_new_version(Watch(1.0, 3.0, 7)) == Watch(1.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))))
def test_epochs_never_go_back_and_the_shortfall_stays_near_the_alarm(rows: list[tuple[float, float, float]]) -> None:
    watch = Watch()
    for expected, reward, weight in rows:
        before, watch = watch, after_reward(watch, expected, reward, weight)
        assert watch.epoch >= before.epoch
        assert 0 <= watch.shortfall <= ALARM + 11
