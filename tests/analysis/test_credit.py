"""Credit, blame and what is said beside them, for sessions one can read."""

from collections.abc import Mapping
from typing import Any

import pytest

from mcp_server.analysis.blame import Signal, signals
from mcp_server.analysis.components import Component
from mcp_server.analysis.credit import UNKNOWN, Assessment, Verdict, assess, verdict
from mcp_server.analysis.players import Trajectory, last_results, trajectory
from mcp_server.analysis.provenance import trace
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.analysis.sessions import a_player
from tests.factories import a_reward, a_span, at

COUNTS: Mapping[RewardSource, float] = {RewardSource.HUMAN: 1.0, RewardSource.MODEL: 0.3, RewardSource.KEYWORD: 0.0}


def a_session() -> list[Span]:
    """main > (scout, writer > helper): the writer builds on the scout, the helper on nobody."""
    found = "the config lives in settings slash main dot toml"
    return [
        a_span(
            span_id="main", kind=SpanKind.SESSION, agent_type="main", task="repair the login page",
            output=f"done since {found} was wrong and line 42 is repaired now", ended_at=at(90),
        ),
        a_span(
            span_id="scout", parent_span_id="main", agent_type="Explore", task="find the config",
            output=found, started_at=at(1), ended_at=at(10),
        ),
        a_span(
            span_id="writer", parent_span_id="main", agent_type="writer", task=f"edit it because {found}",
            output="line 42 is repaired now and tests are green", started_at=at(11), ended_at=at(50),
        ),
        a_span(
            span_id="helper", parent_span_id="writer", agent_type="Explore", task="look up the docs",
            output="nothing of interest anywhere", status=Status.ERROR, started_at=at(12), ended_at=at(20),
        ),
    ]  # fmt: skip


def assessed(outcome: float | None = 1.0, **changes: Any) -> Assessment:
    spans = [span.model_copy(update=changes.get(span.span_id, {})) for span in a_session()]
    return assess(trajectory(spans), UNKNOWN if outcome is None else Verdict(outcome, RewardSource.HUMAN, 1.0))


def success_shares(assessment: Assessment) -> dict[str, float]:
    return {share.player.span_id: round(share.success_share, 3) for share in assessment.shares}


def test_whoever_said_what_is_in_the_result_gets_the_credit_with_those_it_built_on() -> None:
    found = success_shares(assessed())
    assert found["helper"] == 0
    assert found["scout"] > found["writer"] > 0
    assert sum(found.values()) == pytest.approx(1)


def test_reasons_say_what_was_in_the_result_and_who_took_it_on() -> None:
    reasons = {share.player.span_id: " | ".join(share.reasons) for share in assessed().shares}
    assert "in_result: " in reasons["scout"]
    assert "of writer was taken from it" in reasons["scout"]
    assert "first_hard_error" in reasons["helper"]
    assert "hard_error: met" not in reasons["helper"].replace("first_hard_error", "")


def test_the_likeliest_culprits_are_three_with_probabilities_and_reasons() -> None:
    top = assessed(0.0).top_blame
    assert top[0].player.span_id == "helper"
    assert len(top) == 3
    assert sum(suspect.probability for suspect in top) == pytest.approx(1)
    assert assessed(1.0).top_blame == []


def test_blame_is_shown_at_whoever_commissioned_the_work() -> None:
    shares = {share.player.span_id: share for share in assessed(0.0).shares}
    writer, helper = shares["writer"], shares["helper"]
    assert writer.blame is not None
    assert helper.blame is not None
    assert writer.subtree_blame == pytest.approx(writer.blame + helper.blame)
    assert helper.subtree_blame == helper.blame


def test_without_an_outcome_there_is_structure_and_no_sign() -> None:
    assessment = assessed(None)
    assert assessment.outcome.value is None
    assert success_shares(assessment) == success_shares(assessed(0.3))
    assert {share.net for share in assessment.shares} == {None}
    assert len(assessment.top_blame) == 3
    assert all(Component.LAST_BEFORE_FAILURE not in share.components for share in assessment.shares)


def test_the_bottleneck_is_the_weakest_that_the_result_stands_on() -> None:
    weak = {"reward": 0.5, "reward_source": RewardSource.HUMAN}
    weakest = assessed(0.0, scout=weak, helper={"reward": 0.0, "reward_source": RewardSource.HUMAN}).bottleneck
    assert weakest is not None
    assert weakest.span_id == "scout", "the helper is weaker, but nothing stands on it"


def test_a_keyword_changes_nothing() -> None:
    lexical = {"reward": 0.0, "reward_source": RewardSource.KEYWORD}
    assert assessed(0.5, scout=lexical, writer=lexical) == assessed(0.5)


def test_a_result_that_the_main_agent_wrote_itself_is_shared_equally_and_said_to_be_untraced() -> None:
    assessment = assessed(1.0, main={"output": "all is well again"})
    assert assessment.traced_share == 0
    assert "untraced" in assessment.shares[0].reasons[0]
    assert all(share.success_share > 0 for share in assessment.shares)


def test_a_session_without_delegations_has_nothing_to_share() -> None:
    assessment = assess(trajectory([a_span(kind=SpanKind.SESSION)]), Verdict(1.0))
    assert (assessment.shares, assessment.top_blame, assessment.bottleneck) == ([], [], None)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param([RewardSource.MODEL, RewardSource.HUMAN], (RewardSource.HUMAN, 1.0), id="the strongest holds"),
        pytest.param([RewardSource.MODEL, RewardSource.KEYWORD], (RewardSource.MODEL, 0.3), id="as much as it counts"),
        pytest.param([RewardSource.KEYWORD], (None, 0.0), id="a keyword says nothing"),
        pytest.param([], (None, 0.0), id="silence is unknown"),
    ],
)
def test_the_outcome_is_the_judgement_that_holds(
    sources: list[RewardSource], expected: tuple[RewardSource | None, float]
) -> None:
    rewards = [a_reward(session_id="session-1", source=source, value=0.5) for source in sources]
    rewards.append(a_reward(session_id="session-1", name="speed"))
    held = verdict(rewards, COUNTS.__getitem__)
    assert (held.source, held.confidence) == expected
    assert held.value == (None if expected[0] is None else 0.5)


def test_components_name_what_was_wasted_unblocked_and_efficient() -> None:
    task = "make the build of the parser green"
    session = Trajectory(
        players=[
            a_player("failed", task=task, status=Status.ERROR, cost_usd=3.0),
            a_player("solved", task=task, output="parser builds green again now", reward=1.0, cost_usd=1.0),
        ],
        final_output="parser builds green again now",
    )
    failed, solved = (share.components for share in assess(session, Verdict(1.0)).shares)
    assert failed == {Component.WASTED_COMPUTE: 0.75}
    assert solved == {Component.REUSED_BY_LATER: 1.0, Component.UNBLOCKED: 1.0, Component.EFFICIENT: 1.0}
    assert assess(session, Verdict(0.0)).shares[1].components[Component.LAST_BEFORE_FAILURE] == 1.0


def test_costs_are_compared_in_tokens_where_a_price_is_unknown() -> None:
    players = [
        a_player("failed", status=Status.LOST, cost_usd=None, tokens=30),
        a_player("solved", cost_usd=9.0, tokens=10),
    ]
    shares = assess(Trajectory(players=players)).shares
    assert shares[0].components[Component.WASTED_COMPUTE] == 0.75


def test_a_trajectory_takes_its_players_in_order_of_their_ends_with_the_evidence_below_them() -> None:
    spans = [
        *a_session(),
        a_span(
            span_id="early", parent_span_id="scout", kind=SpanKind.TOOL_CALL, output="first", started_at=at(2),
            ended_at=at(3),
        ),
        a_span(
            span_id="late", parent_span_id="scout", kind=SpanKind.TOOL_CALL, output="last", started_at=at(4),
            ended_at=at(5),
        ),
        a_span(span_id="of-main", parent_span_id="main", kind=SpanKind.TOOL_CALL, output="mine"),
    ]  # fmt: skip
    session = trajectory(spans)
    assert [player.span_id for player in session.players] == ["scout", "helper", "writer"]
    assert [player.observation for player in session.players] == ["last", "", ""]
    assert [player.commissioner for player in session.players] == [None, 2, None]
    assert [player.is_worker for player in session.players] == [True, True, False], "the writer only delegated on"
    assert session.root_task == "repair the login page"
    assert last_results(spans) == ["late"]


def test_stated_dependencies_and_resumed_agents_are_edges_and_impossible_ones_are_reported() -> None:
    spans = [
        a_span(span_id="one", agent_id="a1", ended_at=at(1)),
        a_span(span_id="two", agent_id="a1", ended_at=at(2), attributes={"depends_on": ["three", "nobody"]}),
        a_span(span_id="three", ended_at=at(3), attributes={"depends_on": "one"}),
    ]
    session = trajectory(spans)
    assert [player.depends_on for player in session.players] == [(), (0,), (0,)]
    assert [problem.split(",")[0] for problem in session.problems] == [
        "two states that it depends on three",
        "two states that it depends on nobody",
    ]


@pytest.mark.parametrize(
    ("players", "place", "expected"),
    [
        pytest.param([{"observation": "exited with code 1"}, {}], 0, Signal.FIRST_HARD_ERROR, id="a tool failed"),
        pytest.param([{}, {"status": Status.ERROR}], 1, Signal.FIRST_HARD_ERROR, id="it ended in error"),
        pytest.param([{"output": "we assume it works"}, {}], 0, Signal.FIRST_HEDGE, id="it assumed"),
        pytest.param([{"task": "fix the bug"}, {"task": "fix that bug now"}], 0, Signal.FIRST_OF_RETRY_RUN, id="again"),
        pytest.param([{"reward": 0.0}, {}], 0, Signal.ZERO_REWARD, id="it was judged"),
        pytest.param([{"output": "port 8080"}, {"output": "8080"}], 0, Signal.INTRODUCED_FINAL_CONTENT, id="a figure"),
        pytest.param([{"output": "```x```"}, {}], 0, Signal.CODE, id="code"),
    ],
)
def test_each_signal_has_its_sign_in_the_session(players: list[dict[str, Any]], place: int, expected: Signal) -> None:
    session = Trajectory(players=[a_player(**changes) for changes in players], final_output="it was 8080")
    present = signals(session)
    assert expected in present[place]
    assert expected not in present[1 - place]


def test_very_long_sessions_are_sampled_and_say_so() -> None:
    text = " ".join(f"word{number % 7919}" for number in range(3000))
    session = Trajectory(players=[a_player(output=text)] * 100, final_output=text)
    found = trace(session)
    assert found.approximate
    assert found.units == {0: 1.0}
    assert not trace(Trajectory(players=[a_player(output=text)], final_output=text)).approximate


def test_thousands_of_untraceable_delegations_share_equally() -> None:
    session = Trajectory(
        players=[a_player(f"p{place}", depends_on=(place - 1,) if place else ()) for place in range(2500)]
    )
    assert {share.success_share for share in assess(session).shares} == {1 / 2500}
