"""Sessions that fail more than they should."""

import random

import pytest

from mcp_server.analysis.failing import shortfall


def related(chance: random.Random, rate: float, m: int) -> int:
    """Successes of a session whose tasks resemble each other."""
    own = chance.betavariate(rate * 5, (1 - rate) * 5)
    return sum(chance.random() < own for _ in range(m))


@pytest.mark.parametrize(("m", "most"), [(5, 0.005), (10, 0.035)])
def test_related_tasks_seldom_look_like_a_failing_session(m: int, most: float) -> None:
    chance = random.Random(m)
    sessions = 4_000
    noticed = sum(shortfall(related(chance, 0.7, m), [0.7] * m, 100) is not None for _ in range(sessions))
    assert noticed / sessions <= most


@pytest.mark.parametrize("m", [5, 10, 20])
def test_independent_tasks_hardly_ever_do(m: int) -> None:
    chance = random.Random(m)
    sessions = 4_000
    noticed = sum(
        shortfall(sum(chance.random() < 0.7 for _ in range(m)), [0.7] * m, 100) is not None for _ in range(sessions)
    )
    assert noticed / sessions <= 0.002


def test_a_session_in_which_everything_fails_is_noticed() -> None:
    found = shortfall(0, [0.95] * 12, 100)
    assert found is not None
    assert (found.successes, found.n) == (0, 12)
    assert found.expected == pytest.approx(11.4)
    assert found.chance < 0.01


def test_hard_tasks_expect_less() -> None:
    assert shortfall(0, [0.2] * 12, 100) is None


def test_four_judged_delegations_are_too_few() -> None:
    assert shortfall(0, [0.99] * 4, 100) is None


def test_forecasts_of_certainty_are_not_believed() -> None:
    assert shortfall(6, [1.0] * 6, 100) is None
    assert shortfall(0, [0.0] * 6, 100) is None
