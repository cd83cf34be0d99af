"""What could be cheaper: claimed only where it is shown, and checked afterwards."""

import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import pytest

from mcp_server.analysis.delegations import Arm
from mcp_server.analysis.intervals import Stratum, stratified
from mcp_server.analysis.realised import realised
from mcp_server.analysis.savings import FALSE_CLAIMS, MARGIN, savings
from storage.records import Span
from storage.vocabulary import Level, RewardSource
from tests.analysis.judged import a_delegation
from tests.factories import at

ROUNDS = 500
_number = iter(range(10**9))


def arm(chance: random.Random, n: int, rate: float, cost_usd: float, model: str, **changes: Any) -> list[Span]:
    """Judged delegations; without validation, for simulations make many."""
    template = a_delegation(model=model, **{"task_type": "search", "complexity": Level.LOW, **changes})
    return [
        template.model_copy(
            update={
                "span_id": f"{model}-{next(_number)}",
                "reward": float(chance.random() < rate),
                "reward_source": RewardSource.TEST,
                "cost_usd": cost_usd * chance.lognormvariate(0, 0.7),
            }
        )
        for _ in range(n)
    ]


def chance_of(successes: int, n: int, rate: float) -> float:
    return math.comb(n, successes) * rate**successes * (1 - rate) ** (n - successes)


def claims(seed: str, n: int, rates: tuple[float, float], costs_usd: tuple[float, float]) -> float:
    """How often something is claimed of two arms, the dear one first."""
    chance = random.Random(seed)
    return sum(
        bool(
            savings(
                arm(chance, n, rates[0], costs_usd[0], "large") + arm(chance, n, rates[1], costs_usd[1], "small")
            )
        )
        for _ in range(ROUNDS)
    ) / ROUNDS  # fmt: skip


@pytest.mark.parametrize(("n", "other_n"), [(10, 10), (15, 15), (80, 13), (13, 80), (40, 40)])
def test_an_arm_that_is_worse_by_the_margin_is_seldom_claimed_to_be_as_good(n: int, other_n: int) -> None:
    z = NormalDist().inv_cdf(1 - FALSE_CLAIMS)
    passes = [
        (k, other_k)
        for k in range(n + 1)
        for other_k in range(other_n + 1)
        if stratified([Stratum(1, k, n, other_k, other_n)], z).low > -MARGIN
    ]
    assert passes
    for rate in (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0):
        false = sum(chance_of(k, n, rate - MARGIN) * chance_of(other_k, other_n, rate) for k, other_k in passes)
        assert false <= 0.05


def test_false_claims_about_worse_arms_stay_under_five_percent_over_all_rates() -> None:
    chance = random.Random(3)
    rounds = 1200
    false = 0
    for _ in range(rounds):
        rate, n = chance.uniform(0.3, 1.0), chance.choice([10, 20, 50, 100])
        worse = rate - chance.uniform(0.1, 0.3)
        false += bool(savings(arm(chance, n, rate, 0.10, "large") + arm(chance, n, worse, 0.02, "small")))
    assert false / rounds <= 0.05


@pytest.mark.parametrize("n", [15, 120])
def test_equal_arms_at_equal_cost_save_nothing(n: int) -> None:
    assert claims(f"equal {n}", n, (0.9, 0.9), (0.05, 0.05)) <= 0.05


def test_equal_quality_at_a_fifth_of_the_cost_is_found_with_enough_data() -> None:
    assert claims("power", 120, (0.95, 0.95), (0.10, 0.02)) >= 0.75


def test_several_rivals_do_not_add_up_to_more_false_claims() -> None:
    chance = random.Random(11)
    false = 0
    for _ in range(ROUNDS):
        spans = arm(chance, 60, 0.85, 0.2, "large")
        for place in range(5):
            spans += arm(chance, 60, 0.75, 0.02, f"small-{place}")
        false += any(saving.dear.model == "large" for saving in savings(spans))
    assert false / ROUNDS <= 0.05


def certain(n: int, successes: int, cost_usd: float, model: str, **changes: Any) -> list[Span]:
    given = {"task_type": "search", "complexity": Level.LOW, **changes}
    return [
        a_delegation(float(place < successes), model=model, cost_usd=cost_usd + place * 1e-6, **given)
        for place in range(n)
    ]


def test_a_saving_says_what_how_much_and_how_sure() -> None:
    (found,) = savings(certain(100, 95, 0.10, "large") + certain(100, 96, 0.02, "small"))
    assert (found.task_type, found.dear, found.cheap) == ("search", Arm("Explore", "large"), Arm("Explore", "small"))
    assert (found.verified, found.delegations, len(found.spans)) == ((100, 100), 100, 200)
    assert found.usd.value == pytest.approx(8.0)
    assert found.usd.low <= 8.0 <= found.usd.high
    assert found.cost_usd == pytest.approx((0.10, 0.02), rel=0.01)
    assert -0.1 < found.success.low < found.success.value == pytest.approx(0.01)


def test_types_are_never_pooled() -> None:
    spans = [
        span
        for place in range(12)
        for span in certain(9, 9, 0.10, "large", task_type=f"type-{place}")
        + certain(9, 9, 0.01, "small", task_type=f"type-{place}")
    ]
    assert savings(spans) == []


@pytest.mark.parametrize("missing", ["task_type", "cost_usd", "reward_source"])
def test_without_type_cost_or_verdict_nothing_is_claimed(missing: str) -> None:
    spans = certain(100, 95, 0.10, "large") + certain(100, 96, 0.02, "small")
    assert savings([span.model_copy(update={missing: None}) for span in spans]) == []


def test_easy_tasks_sent_to_a_cheap_model_do_not_make_it_good() -> None:
    dear = certain(60, 58, 0.1, "large") + certain(60, 30, 0.1, "large", complexity=Level.HIGH)
    cheap = certain(110, 106, 0.01, "small") + certain(10, 1, 0.01, "small", complexity=Level.HIGH)
    assert sum(span.reward or 0 for span in cheap) > sum(span.reward or 0 for span in dear)
    assert savings(dear + cheap) == []


def moved(spans: Sequence[Span]) -> list[Span]:
    return [span.model_copy(update={"started_at": at(1e6), "ended_at": at(1e6 + 1)}) for span in spans]


def test_a_saving_that_was_followed_is_checked_against_what_happened() -> None:
    before = certain(100, 95, 0.10, "large") + certain(100, 96, 0.02, "small")
    (saving,) = savings(before)
    after = moved(certain(40, 38, 0.04, "small"))
    found = realised(saving, before, after)
    assert found is not None
    assert found.moved == pytest.approx(20)
    assert found.estimated_usd == pytest.approx(1.6)
    assert found.realised_usd == pytest.approx(1.2, rel=0.01)
    assert found.success is not None
    assert found.success.low < 0 < found.success.high


def test_a_saving_that_nobody_followed_has_nothing_to_show() -> None:
    before = certain(100, 95, 0.10, "large") + certain(100, 96, 0.02, "small")
    (saving,) = savings(before)
    assert realised(saving, before, moved(certain(40, 38, 0.1, "large"))) is None
    assert realised(saving, before, []) is None


def test_what_lies_inside_its_like_is_saved_once() -> None:
    """50 delegations, each with one of its own kind inside: their subtree costs hold the inner ones already."""
    outer = [
        a_delegation(1.0, model="large", cost_usd=0.1, subtree_cost_usd=0.2, task_type="search") for _ in range(50)
    ]
    inner = [
        a_delegation(
            1.0, model="large", cost_usd=0.1, subtree_cost_usd=0.1, task_type="search", parent_span_id=one.span_id
        )
        for one in outer
    ]
    cheap = certain(100, 100, 0.02, "small", complexity=None)
    (found,) = savings(outer + inner + cheap)
    assert found.delegations == 50
    assert found.usd.value == pytest.approx(50 * (0.2 - 0.02), rel=0.01)
    assert found.verified == (100, 100)


def test_parents_in_a_ring_do_not_hang() -> None:
    ring = [
        a_delegation(1.0, span_id=f"ring-{place}", parent_span_id=f"ring-{1 - place}", task_type="search")
        for place in range(2)
    ]
    assert savings(ring) == []
