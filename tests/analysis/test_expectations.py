"""What a session's delegations let expect, and which session falls far short of it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.expectations import failing_sessions
from storage.records import Span
from storage.vocabulary import RewardSource
from tests.analysis.judged import a_delegation

_TEMPLATE = a_delegation(1.0, task_type="search")


def session(session_id: str, rewards: list[float], task_type: str = "search", model: str = "small") -> list[Span]:
    """Judged delegations of one session; without validation, for simulations make many."""
    given = {"session_id": session_id, "task_type": task_type, "model": model}
    return [
        _TEMPLATE.model_copy(update={**given, "span_id": f"{session_id}-{task_type}-{place}", "reward": reward})
        for place, reward in enumerate(rewards)
    ]


def good_sessions(n: int = 20, **changes: str) -> list[Span]:
    return [span for number in range(n) for span in session(f"good-{number}", [1.0] * 5, **changes)]


def test_a_session_in_which_everything_fails_among_good_ones_is_found() -> None:
    bad = session("bad", [0.0] * 10)
    (found,) = failing_sessions([*bad, *good_sessions()])
    assert (found.session_id, list(found.spans)) == ("bad", bad)
    assert (found.shortfall.successes, found.shortfall.n) == (0, 10)
    assert found.shortfall.expected > 9


def test_hard_types_of_task_expect_less() -> None:
    hard = [span for number in range(20) for span in session(f"hard-{number}", [0, 0, 0, 0, 1.0], task_type="debug")]
    assert failing_sessions([*good_sessions(), *hard, *session("one more", [0.0] * 10, task_type="debug")]) == []
    assert failing_sessions([*good_sessions(), *hard, *session("one more", [0.0] * 10)]) != []


def test_a_session_does_not_lower_its_own_measure() -> None:
    few = good_sessions(5)
    (found,) = failing_sessions([*few, *session("bad", [0.0] * 200)])
    assert found.shortfall.expected / found.shortfall.n > 0.9


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param(session("bad", [0.0] * 20), id="without any other session"),
        pytest.param([*good_sessions(), *session("bad", [0.0] * 20, model="new")], id="of an arm seen nowhere else"),
        pytest.param([*good_sessions(), *session("bad", [0.0] * 4)], id="with four judged delegations"),
        pytest.param(
            [
                *good_sessions(),
                *(
                    span.model_copy(update={"reward_source": RewardSource.STRUCTURE})
                    for span in session("bad", [0.0] * 20)
                ),
            ],
            id="without a verified judgement",
        ),
    ],
)
def test_nothing_is_said_of_a_session(spans: list[Span]) -> None:
    assert failing_sessions(spans) == []


@given(st.randoms(use_true_random=False))
def test_the_order_of_delegations_does_not_matter(chance: random.Random) -> None:
    spans = [*good_sessions(4), *session("bad", [0.0] * 10)]
    shuffled = spans.copy()
    chance.shuffle(shuffled)
    assert [one.shortfall for one in failing_sessions(shuffled)] == [one.shortfall for one in failing_sessions(spans)]


@pytest.mark.parametrize(
    ("m", "tasks", "most"), [(5, "related", 0.005), (10, "related", 0.035), (10, "independent", 0.005)]
)
def test_sessions_like_all_others_are_seldom_noticed(m: int, tasks: str, most: float) -> None:
    """Rates are estimated from the sessions themselves; the tasks of one resemble each other, or do not."""
    chance = random.Random(m)
    sessions = 1_500
    spans: list[Span] = []
    for number in range(sessions):
        own = chance.betavariate(0.7 * 5, 0.3 * 5) if tasks == "related" else 0.7
        spans += session(f"s-{number}", [float(chance.random() < own) for _ in range(m)])
    assert len(failing_sessions(spans)) / sessions <= most
