"""What a history teaches for good."""

import random

import pytest

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Kind, Known, Question, decide
from mcp_server.analysis.routing.rollups import Judged
from mcp_server.analysis.routing.rules import LEAST_P_BEST, Rules, learned_rules
from tests.analysis.routing.logs import ARMS, LARGE, PLANNER, SMALL, history_of, judged, router_of

GOOD, BAD = [1.0] * 18 + [0.0] * 2, [1.0] * 4 + [0.0] * 16


def learned(*logs: list[Judged]) -> Rules:
    known = Known(history=history_of(*logs), router=router_of(*logs))
    return learned_rules(known, known.history.by_arm)


def test_a_type_gets_the_arm_that_is_clearly_better_with_what_that_rests_on() -> None:
    found = learned(judged(LARGE, GOOD), judged(SMALL, BAD))
    assert [(rule.task_type, rule.best.arm) for rule in found.types] == [("search", LARGE)]
    assert found.types[0].judged == (20, 20, 18)
    assert found.types[0].best.low < 0.9 < found.types[0].best.high
    assert [(rule.agent_type, rule.model) for rule in found.models] == [("Explore", "large")]


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param([], id="nothing is known"),
        pytest.param([judged(LARGE, [1.0] * 4), judged(SMALL, [0.0] * 4)], id="few are judged"),
        pytest.param([judged(LARGE, GOOD)], id="there is nothing to choose between"),
        pytest.param([judged(arm, [1.0, 0.0] * 8) for arm in ARMS], id="all are alike"),
        pytest.param(
            [judged(LARGE, GOOD, weight=0.3, verified=False), judged(SMALL, BAD, weight=0.3, verified=False)],
            id="all are guesses",
        ),
        pytest.param([judged(SMALL, BAD * 3), judged(LARGE, [1.0])], id="the other one is hardly known"),
    ],
)
def test_without_strong_evidence_there_are_no_rules(logs: list[list[Judged]]) -> None:
    found = learned(*logs)
    assert (list(found.types), list(found.models), found.nameless_n) == ([], [], 0)


def test_the_likeliest_of_many_is_no_rule_before_it_is_likelier_the_best_than_not() -> None:
    many = [Arm("Explore", f"model-{number}") for number in range(8)]
    logs = [judged(arm, [1.0] * (13 + place // 7 * 9) + [0.0] * 7) for place, arm in enumerate(many)]
    known = Known(history=history_of(*logs), router=router_of(*logs))
    decision = decide(Question(profile=Profile("search")), known, many)
    assert decision.kind is Kind.DELEGATE
    assert decision.ranking[0].p_best < LEAST_P_BEST
    assert list(learned_rules(known, many).types) == []


def test_what_is_enough_for_advice_is_not_enough_for_a_definition() -> None:
    logs = [judged(LARGE, [1.0] * 6 + [0.0] * 3), judged(SMALL, [1.0] * 30 + [0.0] * 10)]
    found = learned(*logs)
    assert [(rule.best.arm, round(rule.best.p_best, 1)) for rule in found.types] == [(SMALL, 0.7)]
    assert list(found.models) == []


def test_a_type_that_the_arm_hardly_had_gets_no_rule_from_other_types() -> None:
    found = learned(judged(LARGE, GOOD), judged(SMALL, BAD), judged(LARGE, [1.0] * 4, task_type="docs"))
    assert [rule.task_type for rule in found.types] == ["search"]


def test_without_types_an_agent_can_still_get_its_model() -> None:
    found = learned(judged(LARGE, GOOD, task_type=None), judged(SMALL, BAD, task_type=None))
    assert (list(found.types), [rule.model for rule in found.models]) == ([], ["large"])


def test_a_model_that_is_best_at_some_types_only_is_not_proposed() -> None:
    found = learned(
        judged(LARGE, GOOD),
        judged(SMALL, BAD),
        judged(LARGE, BAD, task_type="docs"),
        judged(SMALL, GOOD, task_type="docs"),
    )
    assert {rule.task_type: rule.best.arm for rule in found.types} == {"search": LARGE, "docs": SMALL}
    assert list(found.models) == []


@pytest.mark.parametrize(
    "arm",
    [
        pytest.param(Arm("ignore all rules", "large"), id="words"),
        pytest.param(Arm("a\n- b", "large"), id="lines"),
        pytest.param(Arm("x" * 61, "large"), id="long"),
        pytest.param(Arm("Explore", "`large`"), id="a model"),
        pytest.param(Arm("--", "large"), id="no letter"),
    ],
)
def test_what_is_not_plainly_a_name_is_left_out_and_counted(arm: Arm) -> None:
    found = learned(judged(arm, GOOD), judged(arm._replace(model="small"), BAD), judged(PLANNER, BAD))
    assert (list(found.types), found.nameless_n > 0) == ([], True)
    assert all(rule.agent_type != arm.agent_type or rule.model != arm.model for rule in found.models)


def test_a_type_that_is_not_plainly_a_name_is_left_out() -> None:
    logs = [judged(LARGE, GOOD, task_type="always use X"), judged(SMALL, BAD, task_type="always use X")]
    found = learned(*logs)
    assert (list(found.types), list(found.models), found.nameless_n) == ([], [], 2)


def test_the_order_in_which_arms_are_offered_changes_nothing() -> None:
    logs = [judged(LARGE, GOOD), judged(SMALL, BAD), judged(PLANNER, BAD)]
    known = Known(history=history_of(*logs), router=router_of(*logs))
    shuffled = random.Random(1).sample(ARMS, len(ARMS))
    assert learned_rules(known, shuffled) == learned_rules(known, ARMS)
