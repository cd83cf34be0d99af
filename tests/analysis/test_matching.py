"""What the rewards of a foreign trace judge."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.agent_runs import selected
from mcp_server.analysis.matching import FoundReward, Matching, Problem, Rule, match
from mcp_server.analysis.repair import repair
from storage.records import Span
from storage.vocabulary import SpanKind
from tests.analysis.trajectories import Team, a_team, forests
from tests.factories import a_span, at

TRACES = 200


def a_call(span_id: str, start: float, end: float, **changes: Any) -> Span:
    given: dict[str, Any] = {"kind": SpanKind.LLM_CALL, "parent_span_id": "writer", "agent_type": "writer"}
    return a_span(**(given | {"span_id": span_id, "started_at": at(start), "ended_at": at(end)} | changes))


def a_trace() -> list[Span]:
    """orchestrator > (writer > (one, two), checker > three)."""
    return [
        a_span(span_id="root", kind=SpanKind.SESSION, agent_type="orchestrator", ended_at=at(99)),
        a_span(span_id="writer", parent_span_id="root", agent_type="writer", agent_id="a1", ended_at=at(10)),
        a_span(span_id="checker", parent_span_id="root", agent_type="checker", tool_use_id="t2", ended_at=at(10)),
        a_call("one", 1, 2),
        a_call("two", 3, 4),
        a_call("three", 5, 6, parent_span_id="checker", agent_type="checker"),
    ]


def a_reward(after_s: float | None = 7, value: object = 0.5, **changes: Any) -> FoundReward:
    given: dict[str, Any] = {"reward_id": "r", "value": value, "given_at": None if after_s is None else at(after_s)}
    return FoundReward(**(given | changes))


def told(matching: Matching) -> list[tuple[str, str | None, Rule]]:
    return [(found.span_id, found.call_id, found.rule) for found in matching.matches]


def rewards_of(team: Team) -> list[FoundReward]:
    return [
        FoundReward(found.reward_id, found.value, at(found.after_s), parent_span_id=found.parent_span_id)
        for found in team.rewards
    ]


@pytest.mark.parametrize("is_repaired", [True, False])
@pytest.mark.parametrize("floated", [False, True], ids=["in place", "floated to the root"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0], ids=["sequential", "half overlapping", "parallel"])
def test_every_reward_reaches_its_own_agent(overlap: float, floated: bool, is_repaired: bool) -> None:  # noqa: FBT001
    right = 0
    for seed in range(TRACES):
        team = a_team(seed, overlap=overlap, floated=floated)
        spans = repair(team.spans).spans if is_repaired else team.spans
        for found in match(spans, rewards_of(team)).matches:
            right += found.reward.reward_id == f"reward-of-{found.span_id}" and found.rule is Rule.SUBTREE
            if is_repaired or not floated:
                assert found.call_id is not None
                assert team.callers[found.call_id] == found.span_id
    assert right == TRACES * 4


@pytest.mark.parametrize("floated", [False, True], ids=["in place", "floated to the root"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0], ids=["sequential", "half overlapping", "parallel"])
def test_with_two_of_four_agents_no_reward_of_the_others_leaks_in(overlap: float, floated: bool) -> None:  # noqa: FBT001
    wanted = frozenset({"writer", "searcher"})
    for seed in range(TRACES):
        team = a_team(seed, overlap=overlap, floated=floated)
        spans = repair(team.spans).spans
        matching = match(spans, rewards_of(team), receivers=selected(spans, wanted))
        assert {found.reward.reward_id for found in matching.matches} == {"reward-of-writer", "reward-of-searcher"}
        assert [found.problem for found in matching.reported] == [Problem.EXCLUDED] * 2


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        pytest.param(a_reward(target_id="one"), ("one", "one", Rule.TARGET), id="a call by its id"),
        pytest.param(a_reward(target_id="a1"), ("writer", "two", Rule.TARGET), id="an agent by its id"),
        pytest.param(a_reward(target_id="t2"), ("checker", "three", Rule.TARGET), id="the call that launched it"),
        pytest.param(
            a_reward(target_id="checker", parent_span_id="writer"),
            ("checker", "three", Rule.TARGET),
            id="a target is stronger than a place",
        ),
        pytest.param(a_reward(parent_span_id="writer"), ("writer", "two", Rule.SUBTREE), id="below an agent"),
        pytest.param(
            a_reward(2.5, parent_span_id="writer"), ("writer", "one", Rule.SUBTREE), id="after the first call"
        ),
        pytest.param(a_reward(3.5, parent_span_id="writer"), ("writer", None, Rule.SUBTREE), id="while a call is open"),
        pytest.param(a_reward(0.5, parent_span_id="writer"), ("writer", None, Rule.SUBTREE), id="before any call"),
        pytest.param(a_reward(parent_span_id="one"), ("writer", "one", Rule.SUBTREE), id="below a call"),
        pytest.param(a_reward(parent_span_id="root"), ("root", None, Rule.SUBTREE), id="of the whole session"),
        pytest.param(
            a_reward(parent_span_id="root", agent_type="checker"),
            ("checker", "three", Rule.SIBLING),
            id="beside the agent that it names",
        ),
        pytest.param(a_reward(agent_type="checker"), ("checker", "three", Rule.TIME), id="by name and time"),
        pytest.param(a_reward(None, parent_span_id="writer"), ("writer", None, Rule.SUBTREE), id="without a time"),
    ],
)
def test_the_strongest_rule_decides_and_is_told(reward: FoundReward, expected: tuple[str, str | None, Rule]) -> None:
    matching = match(a_trace(), [reward])
    assert told(matching) == [expected]
    assert matching.reported == []


@pytest.mark.parametrize(
    ("reward", "problem"),
    [
        pytest.param(a_reward(), Problem.AMBIGUOUS, id="it may mean any agent"),
        pytest.param(
            a_reward(target_id="nobody", parent_span_id="writer"), Problem.UNKNOWN_TARGET, id="unknown target"
        ),
        pytest.param(a_reward(agent_type="nobody"), Problem.AMBIGUOUS, id="unknown agent"),
        *(
            pytest.param(a_reward(7, value, parent_span_id="writer"), Problem.MALFORMED, id=f"value {value}")
            for value in (float("nan"), float("inf"), -1.0, 1.5, None, "0.5", True, [1])
        ),
    ],
)
def test_what_cannot_be_matched_is_reported_and_goes_to_nobody(reward: FoundReward, problem: Problem) -> None:
    matching = match(a_trace(), [reward])
    assert matching.matches == []
    assert [found.problem for found in matching.reported] == [problem]


def test_across_agents_is_only_on_request() -> None:
    assert told(match(a_trace(), [a_reward(20)], across_agents=True)) == [("writer", "two", Rule.TIME)]


def test_a_surplus_reward_stays_with_the_agent_and_never_spills_back_to_an_earlier_call() -> None:
    rewards = [a_reward(4.5 + number, parent_span_id="writer", reward_id=f"r{number}") for number in range(2)]
    matching = match(a_trace(), rewards[::-1])
    assert told(matching) == [("writer", "two", Rule.SUBTREE), ("writer", None, Rule.SUBTREE)]
    assert [(found.reward.reward_id, found.problem, found.span_id) for found in matching.reported] == [
        ("r1", Problem.SURPLUS, "writer")
    ]


def test_another_dimension_of_the_same_call_is_no_surplus() -> None:
    rewards = [a_reward(parent_span_id="writer", reward_id=name, name=name) for name in ("overall", "speed")]
    assert told(match(a_trace(), rewards)) == [("writer", "two", Rule.SUBTREE)] * 2


def test_rewards_may_be_taken_from_some_agents_only() -> None:
    rewards = [a_reward(parent_span_id=name, reward_id=name) for name in ("writer", "checker")]
    matching = match(a_trace(), rewards, givers=frozenset({"writer"}))
    assert [found.span_id for found in matching.matches] == ["writer"]
    assert [found.problem for found in matching.reported] == [Problem.EXCLUDED]


def test_beside_several_runs_of_one_agent_the_one_that_ended_last_is_meant_unless_others_still_run() -> None:
    def sequence(second_end: float) -> list[Span]:
        ends = {"first": 2.0, "second": second_end, "third": 9.0}
        return [
            a_span(span_id=name, parent_span_id="absent", started_at=at(number), ended_at=at(end))
            for number, (name, end) in enumerate(ends.items())
        ]

    reward = a_reward(5, parent_span_id="absent")
    assert told(match(sequence(4)[:2], [reward])) == [("second", None, Rule.SIBLING)]
    assert told(match(sequence(4), [reward])) == [("third", None, Rule.SIBLING)]
    assert match(sequence(8), [reward]).reported[0].problem is Problem.AMBIGUOUS


@given(forests(), st.data(), st.randoms())
def test_every_reward_is_accounted_for_in_any_order(spans: list[Span], data: st.DataObject, rng: Random) -> None:
    ids = st.sampled_from([None, "nobody", *(span.span_id for span in spans)])
    rewards = [
        a_reward(
            data.draw(st.none() | st.integers(0, 12)),
            data.draw(st.sampled_from([0.5, 1, 2, None])),
            reward_id=f"r{number}",
            target_id=data.draw(st.none() | ids),
            parent_span_id=data.draw(ids),
            agent_type=data.draw(st.sampled_from([None, None, "writer"])),
        )
        for number in range(data.draw(st.integers(0, 5)))
    ]
    matching = match(spans, rewards)
    refused = [found.reward for found in matching.reported if found.problem is not Problem.SURPLUS]
    accounted = [*(found.reward for found in matching.matches), *refused]
    assert sorted(found.reward_id for found in accounted) == [reward.reward_id for reward in rewards]
    rng.shuffle(spans)
    rng.shuffle(rewards)
    assert match(spans, rewards) == matching
