"""What following the advice would have changed."""

import random
import statistics
from dataclasses import replace

import pytest

from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.policies import Advised, BestSoFar, MostUsed, Past, Policy
from mcp_server.analysis.routing.replay import (
    CannotSay,
    Change,
    Compared,
    all_compared,
    compared,
    doubly_robust,
    matched,
    verified_reward,
)
from mcp_server.analysis.routing.rollups import Judged
from storage.vocabulary import Level
from tests.analysis.routing.logs import LARGE, SMALL

TRUTH = {SMALL: 0.4, LARGE: 0.8}


class Always:
    """A policy that never learns."""

    def __init__(self, arm: Arm | None) -> None:
        self._arm = arm

    def advise(self, past: Past) -> Arm | None:
        return self._arm

    def observe(self, past: Past) -> None:
        pass


def log(n: int, chance: random.Random, share_of_large: float = 0.5, *, confounded: bool = False) -> list[Past]:
    """Delegations of two arms; in a confounded log the large model gets the hard tasks, at which all are worse."""
    found: list[Past] = []
    for number in range(n):
        level = chance.choice([Level.LOW, Level.HIGH])
        pull = (0.85 if level is Level.HIGH else 0.15) if confounded else share_of_large
        arm = LARGE if chance.random() < pull else SMALL
        hardness = (0.2 if level is Level.LOW else -0.2) if confounded else 0.0
        judged = Judged(
            span_id=f"span-{number}",
            cell=Cell(arm, Profile("search", level)),
            day=number // 20,
            reward=float(chance.random() < TRUTH[arm] + hardness),
            weight=1.0,
            verified=True,
        )
        cost = (0.05 if arm == LARGE else 0.01) * chance.uniform(0.5, 1.5)
        found.append(Past(judged=judged, task=f"task {number}", cost_usd=cost, duration_ms=1_000))
    return found


def said(estimate: Change | CannotSay) -> Change:
    assert isinstance(estimate, Change), estimate
    return estimate


@pytest.mark.parametrize("confounded", [pytest.param(False, id="by chance"), pytest.param(True, id="by hardness")])
def test_both_estimates_find_what_another_habit_would_have_earned(confounded: bool) -> None:  # noqa: FBT001
    gains: dict[str, list[float]] = {"robust": [], "matched": []}
    covered = 0
    for seed in range(8):
        rows = log(300, random.Random(seed), confounded=confounded)
        truth = statistics.fmean(TRUTH[LARGE] - TRUTH[past.arm] for past in rows)
        seen = compared(rows, Always(LARGE))
        robust, alike = said(doubly_robust(seen)), said(matched(seen, verified_reward))
        gains["robust"].append(robust.change - truth)
        gains["matched"].append(alike.change - truth)
        covered += robust.low <= truth <= robust.high
        covered += alike.low <= truth <= alike.high
    assert abs(statistics.fmean(gains["robust"])) < 0.03
    assert abs(statistics.fmean(gains["matched"])) < 0.03
    assert covered >= 12  # of 16, at 90 %


def test_the_naive_difference_would_have_been_wrong_in_the_confounded_log() -> None:
    rows = log(2_000, random.Random(1), confounded=True)
    means = {arm: statistics.fmean(past.judged.reward for past in rows if past.arm == arm) for arm in (SMALL, LARGE)}
    assert means[LARGE] - means[SMALL] < 0.2 < TRUTH[LARGE] - TRUTH[SMALL]


def test_cost_is_estimated_in_the_same_way() -> None:
    seen = compared(log(300, random.Random(2)), Always(LARGE))
    found = said(matched(seen, lambda past: past.cost_usd))
    assert found.before == pytest.approx(0.03, abs=0.004)
    assert found.change == pytest.approx(0.02, abs=0.004)
    assert found.is_established


def test_following_ones_own_habit_changes_nothing() -> None:
    class AsBefore(Always):
        def advise(self, past: Past) -> Arm:
            return past.arm

    seen = compared(log(100, random.Random(3)), AsBefore(None))
    for found in (said(doubly_robust(seen)), said(matched(seen, verified_reward))):
        assert found.low <= 0 <= found.high
        assert found.n == 100
    assert [row.is_followed for row in seen] == [True] * 100
    assert said(matched(seen, verified_reward)).change == pytest.approx(0)


@pytest.mark.parametrize(
    ("n", "policy", "share", "reason"),
    [
        pytest.param(29, Always(LARGE), 0.5, "29 judged delegations", id="too short"),
        pytest.param(100, Always(None), 0.5, "never strong enough", id="no advice"),
        pytest.param(100, Always(LARGE), 0.0, "0 delegations had followed", id="never followed"),
        pytest.param(
            100, Always(Arm("Never", "seen")), 0.5, "0 delegations had followed", id="an arm that nobody took"
        ),
    ],
)
def test_cannot_say_is_an_answer(n: int, policy: Policy, share: float, reason: str) -> None:
    seen = compared(log(n, random.Random(4), share), policy)
    for found in (doubly_robust(seen), matched(seen, verified_reward)):
        assert isinstance(found, CannotSay)
        assert reason in found.reason


def test_unknown_costs_are_not_free() -> None:
    rows = [replace(past, cost_usd=None) for past in log(100, random.Random(5))]
    assert isinstance(matched(compared(rows, Always(LARGE)), lambda past: past.cost_usd), CannotSay)


def test_our_own_advice_finds_the_better_arm_and_says_nothing_before_it_knows() -> None:
    seen = compared(log(250, random.Random(6)), Advised())
    assert all(row.advised is None for row in seen[:10])
    late = [row.advised for row in seen[150:]]
    assert late.count(LARGE) > 80
    assert said(doubly_robust(seen)).change > 0.05


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(Advised(), id="ours"),
        pytest.param(MostUsed(), id="habit"),
        pytest.param(BestSoFar(), id="best so far"),
        pytest.param(BestSoFar(by_type=True), id="best of the type so far"),
    ],
)
def test_advice_never_looks_at_what_it_is_asked_about(policy: Policy) -> None:
    rows = log(60, random.Random(7))
    for past in rows[:59]:
        policy.observe(past)
    opposite = replace(rows[59], judged=replace(rows[59].judged, reward=1 - rows[59].judged.reward))
    assert policy.advise(rows[59]) == policy.advise(opposite)


def test_the_baselines_are_what_their_names_say() -> None:
    rows = log(200, random.Random(8), share_of_large=0.3)
    policies: dict[str, Policy] = {"habit": MostUsed(), "best": BestSoFar(), "of type": BestSoFar(by_type=True)}
    advised = {name: compared(rows, policy)[-1].advised for name, policy in policies.items()}
    assert advised == {"habit": SMALL, "best": LARGE, "of type": LARGE}


def test_several_policies_at_once_are_compared_as_each_alone() -> None:
    rows = log(80, random.Random(10))

    def policies() -> dict[str, Policy]:
        return {"ours": Advised(), "habit": MostUsed(), "best": BestSoFar(), "large": Always(LARGE)}

    together = all_compared(rows, policies())
    for name, policy in policies().items():
        alone = compared(rows, policy)
        assert [(one.past, one.advised, one.propensity) for one in together[name]] == [
            (one.past, one.advised, one.propensity) for one in alone
        ]
        assert [one.expected_of_taken for one in together[name]] == [
            pytest.approx(one.expected_of_taken, abs=0.02) for one in alone
        ]


def test_guesses_are_no_verified_rewards() -> None:
    rows = [replace(one, judged=replace(one.judged, weight=0.3, verified=False)) for one in log(60, random.Random(9))]
    seen = compared(rows, Always(LARGE))
    assert isinstance(matched(seen, verified_reward), CannotSay)
    assert isinstance(doubly_robust(seen), Change)


def test_keyword_rewards_are_not_compared() -> None:
    rows = log(40, random.Random(9))
    ignored = replace(rows[0], judged=replace(rows[0].judged, weight=0.0))
    seen: list[Compared] = compared([ignored, *rows[1:]], Always(LARGE))
    assert len(seen) == 39
