"""What the router expects of an arm, and how sure it is."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.forecasts import Neighbour
from mcp_server.analysis.routing.hierarchy import ARMS_APART, HierarchicalRouter
from mcp_server.analysis.routing.rollups import Evidence, History
from storage.vocabulary import Level
from tests.analysis.routing.logs import ARMS, LARGE, SMALL, history_of, judged, mixed, router_of

NEW = Arm("New", "large")
NEAR = (
    Neighbour("a", SMALL, 1.0, 1.0, 0.9),
    Neighbour("b", LARGE, 0.0, 0.3, 0.5),
    Neighbour("c", LARGE, 0.0, 1.0, 0.2),
)


@pytest.mark.parametrize(
    ("profile", "neighbours", "expected"),
    [
        pytest.param(
            Profile("search"),
            (),
            [(0.452850248, 12.389613), (0.814866818, 10.517568), (0.817696163, 8.383779), (0.734772074, 2.693959)],
            id="no complexity",
        ),
        pytest.param(
            Profile("test", Level.HIGH),
            (),
            [(0.46601194, 5.776751), (0.800767419, 5.779196), (0.743556074, 9.514577), (0.726297608, 2.170217)],
            id="type and complexity",
        ),
        pytest.param(
            Profile("debug", Level.LOW),
            NEAR,
            [(0.834285113, 4.430951), (0.843279081, 2.343785), (0.893232658, 1.867285), (0.882865478, 1.27256)],
            id="neighbours, one of them too far away",
        ),
        pytest.param(
            Profile("never seen", Level.MEDIUM),
            (),
            [(0.381997635, 1.749715), (0.684456693, 1.820644), (0.671561487, 1.864357), (0.63881602, 1.0)],
            id="a type that was never seen",
        ),
    ],
)
def test_forecasts_are_those_of_the_reference_implementation(
    profile: Profile, neighbours: tuple[Neighbour, ...], expected: list[tuple[float, float]]
) -> None:
    router = router_of(mixed(60, random.Random(7)))
    found = router.forecasts(profile, [*ARMS, NEW], neighbours)
    for arm, (p, n_eff) in zip([*ARMS, NEW], expected, strict=True):
        assert found[arm].p == pytest.approx(p, abs=1e-7)
        assert found[arm].n_eff == pytest.approx(n_eff, abs=1e-4)


def test_without_history_every_arm_is_a_coin_of_which_nothing_is_known() -> None:
    found = router_of().forecasts(Profile("search", Level.LOW), ARMS)
    assert {(one.p, one.n_eff) for one in found.values()} == {(0.5, 1.0)}


def test_a_new_agent_inherits_what_is_known_of_its_model_and_is_less_certain() -> None:
    router = router_of(judged(LARGE, [1.0] * 30), judged(SMALL, [0.0] * 30))
    found = router.forecasts(Profile("search"), [NEW, Arm("New", "small"), LARGE])
    assert found[NEW].p > 0.6
    assert found[Arm("New", "small")].p < 0.4
    assert found[NEW].n_eff < found[LARGE].n_eff


def test_a_new_model_inherits_what_is_known_of_its_agent() -> None:
    router = router_of(judged(Arm("Good", "old"), [1.0] * 30), judged(Arm("Bad", "old"), [0.0] * 30))
    found = router.forecasts(Profile("search"), [Arm("Good", "new"), Arm("Bad", "new")])
    assert found[Arm("Good", "new")].p > 0.6
    assert found[Arm("Bad", "new")].p < 0.4


def test_an_arm_that_was_given_the_hard_tasks_is_not_blamed_for_them() -> None:
    router = router_of(
        judged(LARGE, [1.0, 0.0] * 20, complexity=Level.HIGH),
        judged(LARGE, [1.0] * 8, complexity=Level.LOW),
        judged(SMALL, [1.0, 1.0, 1.0, 0.0] * 10, complexity=Level.LOW),
        judged(SMALL, [0.0] * 8, complexity=Level.HIGH),
    )
    blind = router_of(
        judged(LARGE, [1.0, 0.0] * 20),
        judged(LARGE, [1.0] * 8, first=100),
        judged(SMALL, [1.0, 1.0, 1.0, 0.0] * 10),
        judged(SMALL, [0.0] * 8, first=100),
    )
    with_complexity = router.forecasts(Profile("search", Level.HIGH), ARMS)
    without = blind.forecasts(Profile("search", Level.HIGH), ARMS)
    assert with_complexity[LARGE].p > with_complexity[SMALL].p + 0.03
    assert without[LARGE].p < without[SMALL].p


def test_an_identical_task_that_was_hard_for_one_arm_is_expected_to_be_hard_for_all() -> None:
    router = router_of(judged(LARGE, [1.0] * 20), judged(SMALL, [1.0] * 20))
    before = router.forecasts(Profile("search"), ARMS)
    after = router.forecasts(Profile("search"), ARMS, [Neighbour("a", SMALL, 0.0, 1.0, 1.0)])
    assert after[SMALL].p < after[LARGE].p < before[LARGE].p


def test_a_neighbour_that_is_given_a_million_times_counts_once() -> None:
    router = router_of(mixed(60, random.Random(7)))
    once, often = (
        router.forecasts(Profile("test"), ARMS, [Neighbour("a", SMALL, 1.0, 1.0, 1.0)] * n) for n in (1, 1_000)
    )
    assert once == often


def test_more_arms_than_can_be_fitted_apart_still_have_forecasts() -> None:
    many = [Arm(f"agent-{i}", f"model-{i % 3}") for i in range(ARMS_APART + 6)]
    router = router_of(*(judged(arm, [1.0] * (40 - i)) for i, arm in enumerate(many)))
    found = router.forecasts(Profile("search"), many)
    assert len(found) == len(many)
    assert found[many[-1]].p > 0.7


def test_more_types_than_can_be_fitted_apart_count_as_other() -> None:
    router = router_of(*(judged(LARGE, [float(i < 50)] * 3, task_type=f"type {i:03}") for i in range(90)))
    rare, never = (router.forecasts(Profile(name), [LARGE])[LARGE] for name in ("type 080", "never seen"))
    assert rare == never
    assert rare.p < 0.2
    assert router.forecasts(Profile("type 001"), [LARGE])[LARGE].p > 0.8


def test_an_earlier_fit_saves_time_and_changes_nothing() -> None:
    log = mixed(200, random.Random(3))
    cold = router_of(log)
    warm = HierarchicalRouter(history_of(log), router_of(log[:190]))
    for arm in ARMS:
        profile = Profile("debug", Level.LOW)
        assert warm.forecasts(profile, [arm])[arm].p == pytest.approx(cold.forecasts(profile, [arm])[arm].p, abs=1e-6)


rewards = st.lists(st.floats(0, 1), max_size=12)
levels = st.sampled_from([None, *Level])


@settings(deadline=None, max_examples=60)
@given(
    small=rewards, large=rewards, complexity=levels, asked=levels, similarity=st.floats(0, 1), reward=st.floats(0, 1)
)
def test_forecasts_are_probabilities(
    small: list[float],
    large: list[float],
    complexity: Level | None,
    asked: Level | None,
    similarity: float,
    reward: float,
) -> None:
    router = router_of(judged(SMALL, small, complexity=complexity), judged(LARGE, large))
    near = [Neighbour("a", SMALL, reward, 1.0, similarity)]
    for one in router.forecasts(Profile("search", asked), ARMS, near).values():
        assert 0 < one.p < 1
        assert one.n_eff >= 1


@settings(deadline=None, max_examples=60)
@given(small=rewards, large=rewards, complexity=levels)
def test_one_more_success_never_lowers_a_forecast(
    small: list[float], large: list[float], complexity: Level | None
) -> None:
    before = history_of(judged(SMALL, small, complexity=complexity), judged(LARGE, large))
    cell = judged(SMALL, [1.0], complexity=complexity)[0].cell
    weight, reward = before.evidence.get(cell, Evidence())
    # Not by one more row: that would let all others decay.
    after = replace(before, evidence={**before.evidence, cell: Evidence(weight + 1, reward + 1)})
    assert _p(after, complexity) >= _p(before, complexity) - 1e-6


def _p(known: History, complexity: Level | None) -> float:
    return HierarchicalRouter(known).forecasts(Profile("search", complexity), [SMALL])[SMALL].p
