"""Credit of many sessions by arm."""

import math

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.credit import UNKNOWN, Verdict, assess
from mcp_server.analysis.credit_by_arm import by_arm
from mcp_server.analysis.players import Trajectory
from storage.vocabulary import RewardSource
from tests.analysis.sessions import a_player, outcomes, sessions

RESULT = "the parser builds green again"


def a_session(agent_type: str = "writer") -> Trajectory:
    return Trajectory(players=[a_player(agent_type=agent_type, output=RESULT)], final_output=RESULT)


def judged(value: float, confidence: float = 1.0) -> Verdict:
    return Verdict(value, RewardSource.HUMAN, confidence)


def test_an_arm_is_shrunken_to_the_mean_of_all() -> None:
    good = [assess(a_session(), judged(1.0)) for _ in range(20)]
    bad = [assess(a_session("checker"), judged(0.0)) for _ in range(20)]
    arms = {arm.agent_type: arm for arm in by_arm([*good, *bad])}
    assert (arms["writer"].n, arms["writer"].mean_net, arms["checker"].mean_net) == (20, 0.5, -0.5)
    assert arms["writer"].low < 0.5 < arms["writer"].high
    assert arms["checker"].high < arms["writer"].low


def test_unknown_outcomes_are_counted_apart() -> None:
    arm = by_arm([assess(a_session(), judged(1.0)), assess(a_session(), UNKNOWN), assess(a_session(), judged(0, 0.0))])[
        0
    ]
    assert (arm.n, arm.unknown_n, arm.mean_net, arm.enough) == (1, 2, 1.0, False)


def test_a_judgement_counts_with_its_weight() -> None:
    arm = by_arm([assess(a_session(), judged(1.0)), assess(a_session(), judged(0.0, 0.25))])[0]
    assert arm.n == 1.25
    assert arm.mean_net == (1.0 - 0.25) / 1.25


def test_nothing_gives_nothing() -> None:
    assert by_arm([]) == []


@given(st.lists(st.tuples(sessions(4), outcomes), max_size=3))
def test_the_excess_over_an_equal_split_sums_to_nothing_and_all_is_bounded(
    drawn: list[tuple[Trajectory, float]],
) -> None:
    arms = by_arm(assess(session, judged(outcome)) for session, outcome in drawn)
    assert math.isclose(math.fsum(arm.mean_excess * (arm.n + 20) for arm in arms), 0, abs_tol=1e-9)
    for arm in arms:
        assert -1 <= arm.low <= arm.mean_net <= arm.high <= 1


@given(st.lists(st.tuples(sessions(4), outcomes), max_size=3))
def test_what_the_arms_got_is_what_the_sessions_gave(drawn: list[tuple[Trajectory, float]]) -> None:
    arms = by_arm(assess(session, judged(outcome)) for session, outcome in drawn)
    given_out = math.fsum(2 * outcome - 1 for session, outcome in drawn if session.players)
    mean = given_out / sum(arm.n for arm in arms) if arms else 0.0
    got = math.fsum(arm.mean_net * (arm.n + 20) - 20 * mean for arm in arms)
    assert math.isclose(got, given_out, abs_tol=1e-9)
