"""Arms that are not what they were."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.delegations import Arm
from mcp_server.analysis.drift import ALARM_ABOVE, BASELINE, Detector, Direction, Level, drifts
from storage.vocabulary import RewardSource
from tests.analysis.judged import a_delegation


def delay(chance: random.Random, before: float, after: float, steps: int = 200) -> int | None:
    """Rewards until the alarm; None without one."""
    detector = Detector()
    for _ in range(BASELINE):
        detector = detector.after(float(chance.random() < before))
    for step in range(1, steps + 1):
        detector = detector.after(float(chance.random() < after))
        if detector.level is Level.ALARM:
            return step
    return None


@pytest.mark.parametrize("arms", [800, pytest.param(1_500, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rate", [0.3, 0.5, 0.8])
def test_an_arm_that_stays_as_it_is_seldom_alarms(rate: float, arms: int) -> None:
    chance = random.Random(f"same {rate}")
    assert sum(delay(chance, rate, rate) is not None for _ in range(arms)) / arms <= 0.10


@pytest.mark.parametrize(("rate", "detected", "within"), [(0.3, 0.58, 90), (0.5, 0.8, 60), (0.8, 0.98, 32)])
def test_an_arm_whose_success_halves_is_found(rate: float, detected: float, within: int) -> None:
    chance = random.Random(f"halved {rate}")
    arms = 600
    delays = [found for _ in range(arms) if (found := delay(chance, rate, rate / 2)) is not None]
    assert len(delays) / arms >= detected
    assert median(delays) <= within


@given(st.lists(st.floats(0, 1), max_size=120))
def test_its_memory_is_always_sound(rewards: list[float]) -> None:
    detector = Detector()
    for reward in rewards:
        detector = detector.after(reward)
        assert all(one >= 0 for one in detector.sums)
        assert detector.baseline is None or 0.02 <= detector.baseline <= 1


def test_after_an_alarm_a_new_baseline_is_taken() -> None:
    detector = Detector()
    for reward in [1.0] * 60 + [0.0] * 40:
        detector = detector.after(reward)
        if detector.evidence > ALARM_ABOVE:
            break
    assert detector.level is Level.ALARM
    assert detector.after(0.0) == Detector(n=1, total=0.0)


def test_a_drift_says_since_when_and_how_far() -> None:
    good = [a_delegation(float(place % 10 != 0)) for place in range(80)]
    bad = [a_delegation(float(place % 10 == 0)) for place in range(1, 25)]
    (found,) = drifts([*bad, *good])
    assert (found.arm, found.direction, found.level) == (Arm("Explore", "small"), Direction.WORSE, Level.ALARM)
    assert found.baseline == pytest.approx(0.9)
    assert found.recent < 0.3
    assert found.spans[-1] in bad
    assert found.spans[0] in [*bad[:2], *good[-2:]]
    assert found.n == len(found.spans)


def test_improvement_is_the_mirror_image() -> None:
    bad = [a_delegation(float(place % 10 == 0)) for place in range(80)]
    good = [a_delegation(float(place % 10 != 0)) for place in range(1, 25)]
    (found,) = drifts([*bad, *good])
    assert found.direction is Direction.BETTER
    assert found.baseline < 0.2
    assert found.recent > 0.7


@pytest.mark.parametrize("reward", [0.0, 0.01, 0.99, 1.0])
@pytest.mark.parametrize("watch", [False, True])
def test_an_arm_that_never_changes_does_not_drift(reward: float, *, watch: bool) -> None:
    for n in (50, 120, 250, 600):
        assert drifts([a_delegation(reward) for _ in range(n)], watch=watch) == []


def test_a_perfect_arm_that_breaks_is_found_whenever_it_does() -> None:
    for good in (40, 150, 250):
        spans = [*(a_delegation(1.0) for _ in range(good)), *(a_delegation(0.0) for _ in range(40))]
        assert [drift.direction for drift in drifts(spans)] == [Direction.WORSE]


def test_silence_and_hints_are_no_failures() -> None:
    good = [a_delegation(1.0) for _ in range(60)]
    silent = [a_delegation() for _ in range(100)]
    hints = [a_delegation(0.0, reward_source=RewardSource.KEYWORD) for _ in range(100)]
    assert drifts([*good, *silent, *hints]) == []


def test_what_is_worth_watching_is_shown_on_request() -> None:
    good = [a_delegation(1.0) for _ in range(40)]
    bad: list[float] = []
    detector = Detector()
    for _ in good:
        detector = detector.after(1.0)
    while detector.level is not Level.WATCH:
        detector = detector.after(0.0)
        bad.append(0.0)
    spans = [*good, *(a_delegation(reward) for reward in bad)]
    assert drifts(spans) == []
    assert [drift.level for drift in drifts(spans, watch=True)] == [Level.WATCH]
