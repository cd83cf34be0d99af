"""Judged delegations as sums per day."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.analysis.routing.rollups import (
    LEFT_AFTER_ALARM,
    Count,
    Rollup,
    history,
    is_stale,
    rolled_up,
)
from tests.analysis.routing.logs import LARGE, SMALL, judged, mixed


def test_days_of_one_row_each_decay_row_by_row() -> None:
    log = judged(SMALL, [1.0], day=0) + judged(SMALL, [0.0], day=1) + judged(SMALL, [1.0], day=2)
    weight, reward = history(rolled_up(log)).evidence[log[0].cell]
    keep = 0.5 ** (1 / 120)
    assert weight == pytest.approx(1 + keep + keep**2)
    assert reward == pytest.approx(1 + keep**2)


def test_the_rows_of_one_day_count_alike_and_together_as_much_as_one_by_one() -> None:
    log = judged(SMALL, [1.0] * 200)
    weight, _ = history(rolled_up(log)).evidence[log[0].cell]
    keep = 0.5 ** (1 / 120)
    assert weight == pytest.approx(sum(keep**age for age in range(200)))


def test_the_half_life_grows_with_the_history() -> None:
    log = [one for day in range(40) for one in judged(SMALL, [1.0] * 50, day=day)]
    weight, _ = history(rolled_up(log)).evidence[log[0].cell]
    # All of 2,000 with a half-life of 1,000: 1,000 / ln 2 x (1 - 1/4). At 120 it would be 173.
    assert weight == pytest.approx(1082, rel=0.01)


def test_evidence_of_an_earlier_epoch_counts_less() -> None:
    log = judged(SMALL, [1.0], epoch=0.0) + judged(LARGE, [1.0])
    now = history(rolled_up(log), {SMALL: 2.0}).evidence
    assert now[log[0].cell].weight == pytest.approx(LEFT_AFTER_ALARM**2 * now[log[1].cell].weight)


def test_a_new_version_ages_the_past_by_half_an_alarm() -> None:
    log = judged(SMALL, [1.0])
    plain, aged = (history(rolled_up(log), {SMALL: epoch}).evidence[log[0].cell].weight for epoch in (0.0, 0.5))
    assert aged == pytest.approx(plain * LEFT_AFTER_ALARM**0.5)


def test_a_reward_of_no_weight_is_no_row() -> None:
    log = judged(SMALL, [1.0, 0.0])
    keywords = judged(LARGE, [1.0] * 50, weight=0.0, verified=False)
    assert history(rolled_up(log + keywords)) == history(rolled_up(log))


def test_a_span_that_is_judged_a_thousand_times_counts_once_with_its_last_judgement() -> None:
    once = judged(SMALL, [1.0], weight=0.3, verified=False)
    before = [replace(once[0], reward=0.0)] * 1_000
    assert rolled_up(before + once) == rolled_up(once)


def test_people_see_counts_that_do_not_decay() -> None:
    log = judged(SMALL, [1.0, 0.8, 0.5]) + judged(SMALL, [0.9], weight=0.3, verified=False, task_type="test")
    known = history(rolled_up(log))
    assert known.total == Count(4, 3, 3)
    assert known.by_arm == {SMALL: Count(4, 3, 3)}
    assert known.by_type == {("search", SMALL): Count(3, 3, 2), ("test", SMALL): Count(1, 0, 1)}


@pytest.mark.parametrize(
    ("fitted_n", "n", "stale"),
    [
        pytest.param(10, 10, False, id="nothing new"),
        pytest.param(10, 11, True, id="few, so each one counts"),
        pytest.param(198, 199, True, id="fewer than two hundred"),
        pytest.param(200, 204, False, id="four of many"),
        pytest.param(200, 205, True, id="five of many"),
        pytest.param(100, 99, True, id="one taken away"),
    ],
)
def test_a_model_is_fitted_anew_when_enough_has_changed(fitted_n: int, n: int, stale: bool) -> None:  # noqa: FBT001
    assert is_stale(fitted_n, n) is stale


@settings(deadline=None)
@given(seed=st.integers(0, 1_000), n=st.integers(0, 60), cut=st.integers(0, 60), per_day=st.integers(1, 20))
def test_sums_kept_in_steps_are_those_of_all_at_once(seed: int, n: int, cut: int, per_day: int) -> None:
    log = [replace(one, day=one.day // per_day) for one in mixed(n, random.Random(seed))]
    merged: dict[tuple[object, ...], Rollup] = {}
    for part in (log[:cut], log[cut:]):
        for row in rolled_up(part):
            key = (row.day, row.cell, row.epoch)
            merged[key] = merged[key].plus(row) if key in merged else row
    shuffled = random.Random(seed).sample(list(merged.values()), len(merged))
    assert history(shuffled) == history(rolled_up(log))
