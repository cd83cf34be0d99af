"""Arms in the order in which they should be tried."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.analysis.routing import chances
from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.chances import Contender
from mcp_server.analysis.routing.forecasts import Forecast
from mcp_server.analysis.routing.ranking import is_exploration, propensities, rank
from mcp_server.analysis.routing.utility import Estimate, Preference, Usage, estimates, penalties, usual
from tests.analysis.routing.logs import ARMS, LARGE, PLANNER, SMALL


def test_the_index_is_utility_and_half_a_standard_deviation() -> None:
    (one,) = rank({SMALL: Forecast(0.8, 15.0)}, {SMALL: 0.05})
    assert [one.sd, one.utility, one.index] == pytest.approx([0.1, 0.75, 0.8])
    assert [one.low, one.high] == pytest.approx([0.8 - 0.16449, 0.8 + 0.16449], abs=1e-5)
    assert one.p_best == 1


def test_what_is_little_known_comes_first_where_it_may_be_better_and_that_is_exploration() -> None:
    ranking = rank({SMALL: Forecast(0.6, 100.0), LARGE: Forecast(0.58, 3.0)}, {})
    assert [one.arm for one in ranking] == [LARGE, SMALL]
    assert is_exploration(ranking)
    assert not is_exploration(rank({SMALL: Forecast(0.6, 100.0), LARGE: Forecast(0.3, 100.0)}, {}))


def test_arms_of_equal_index_stand_by_name() -> None:
    ranking = rank(dict.fromkeys([Arm("b", None), Arm("a", "z"), Arm("a", None)], Forecast(0.5, 1.0)), {})
    assert [one.arm for one in ranking] == [Arm("a", None), Arm("a", "z"), Arm("b", None)]


def test_a_policy_without_chance_always_picks_the_first_and_one_with_chance_only_what_is_close() -> None:
    ranking = rank({SMALL: Forecast(0.6, 50.0), LARGE: Forecast(0.58, 50.0), PLANNER: Forecast(0.2, 50.0)}, {})
    assert propensities(ranking) == {SMALL: 1.0, LARGE: 0.0, PLANNER: 0.0}
    assert propensities(ranking, 0.2) == pytest.approx({SMALL: 0.9, LARGE: 0.1, PLANNER: 0.0})


@pytest.mark.parametrize(
    "contenders",
    [
        pytest.param([Contender(0.5, 1.0, 0.0)] * 3, id="nothing known"),
        pytest.param([Contender(0.7, 20.0, 0.0), Contender(0.6, 5.0, 0.0), Contender(0.3, 50.0, 0.0)], id="usual"),
        pytest.param([Contender(0.9, 2000.0, 0.3), Contender(0.62, 1500.0, 0.0)], id="much known, one dearer"),
        pytest.param([Contender(0.999, 3.0, 0.0), Contender(0.95, 30.0, 0.0)], id="nearly certain"),
        pytest.param([Contender(0.02, 1.0, 0.1), Contender(0.01, 1.0, 0.0)], id="nearly hopeless"),
    ],
)
def test_the_chance_of_being_best_is_how_often_it_would_be_drawn_best(contenders: list[Contender]) -> None:
    rng = random.Random(11)
    wins = [0] * len(contenders)
    for _ in range(20_000):
        drawn = [
            rng.betavariate(max(0.05, one.p * one.n_eff), max(0.05, (1 - one.p) * one.n_eff)) - one.penalty
            for one in contenders
        ]
        wins[drawn.index(max(drawn))] += 1
    assert chances.of_being_best(contenders) == pytest.approx([won / 20_000 for won in wins], abs=0.015)


forecasts = st.builds(Forecast, st.floats(1e-12, 1 - 1e-12), st.floats(1, 1e6))


@settings(deadline=None)
@given(known=st.lists(st.tuples(forecasts, st.floats(0, 0.9)), min_size=1, max_size=12), rng=st.randoms())
def test_the_order_in_which_arms_are_offered_changes_nothing(
    known: list[tuple[Forecast, float]], rng: random.Random
) -> None:
    offered = [Arm(f"agent-{i}", None) for i in range(len(known))]
    rows = list(zip(offered, known, strict=True))
    shuffled = rng.sample(rows, len(rows))
    one, other = (
        rank({arm: forecast for arm, (forecast, _) in some}, {arm: penalty for arm, (_, penalty) in some})
        for some in (rows, shuffled)
    )
    assert one == other
    assert sum(arm.p_best for arm in one) == pytest.approx(1)
    assert all(0 <= arm.low <= arm.p <= arm.high <= 1 and 0 <= arm.p_best <= 1 for arm in one)


def test_costs_of_a_type_are_shrunk_to_those_of_the_arm() -> None:
    usage = [
        Usage(arm=SMALL, task_type="search", n=5, cost_n=5, cost_usd=5.0, duration_n=5, duration_ms=1_000),
        Usage(arm=SMALL, task_type="test", n=15, cost_n=15, cost_usd=45.0, duration_n=15, duration_ms=5_000),
    ]
    # The arm's own mean is 50 / 20 = 2.5 and 4,000; 5 delegations of this type meet 5 pseudo-delegations.
    assert estimates(usage, [SMALL], "search") == {SMALL: Estimate(1.75, 2_500)}
    assert estimates(usage, [SMALL], "never seen") == {SMALL: Estimate(2.5, 4_000)}


def test_an_unknown_cost_is_that_of_the_model_else_the_dearest_and_says_so() -> None:
    usage = [
        Usage(arm=LARGE, task_type=None, n=2, cost_n=2, cost_usd=6.0),
        Usage(arm=SMALL, task_type=None, n=2, cost_n=2, cost_usd=2.0),
    ]
    found = estimates(usage, [LARGE, SMALL, PLANNER, Arm("New", "new")], None)
    assert found[PLANNER] == Estimate(3.0, None, cost_imputed=True)
    assert found[Arm("New", "new")] == Estimate(3.0, None, cost_imputed=True)
    assert not found[SMALL].cost_imputed


def test_where_no_cost_is_known_none_is_invented() -> None:
    found = estimates([Usage(arm=LARGE, task_type=None, n=2)], ARMS, None)
    assert set(found.values()) == {Estimate()}
    assert penalties(found, Preference.COST) == dict.fromkeys(ARMS, 0.0)


def test_the_dearest_and_the_slowest_lose_what_the_preference_says() -> None:
    expected = {SMALL: Estimate(1.0, 4_000), LARGE: Estimate(4.0, 1_000)}
    assert penalties(expected, Preference.BALANCED) == pytest.approx({SMALL: 0.075, LARGE: 0.1125})
    assert penalties(expected, Preference.COST)[LARGE] == pytest.approx(0.525)
    assert penalties(expected, Preference.SPEED)[SMALL] == pytest.approx(0.425)
    assert penalties(expected, Preference.QUALITY) == pytest.approx({SMALL: 0.005, LARGE: 0.02})


def test_the_usual_arm_is_that_of_the_type_where_there_is_one() -> None:
    usage = [Usage(arm=LARGE, task_type="search", n=9), Usage(arm=SMALL, task_type="test", n=2)]
    assert [usual(usage, name) for name in ("search", "test", "never seen")] == [LARGE, SMALL, LARGE]
    assert usual([], "search") is None
