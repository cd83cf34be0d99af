"""Rows to train on."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.agent_runs import selected
from mcp_server.analysis.triplets import RewardPolicy, Role, episodes, transitions
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind
from tests.analysis.trajectories import forests
from tests.factories import a_span, at


def a_call(span_id: str, start: float, parent: str = "writer", **changes: Any) -> Span:
    given: dict[str, Any] = {"kind": SpanKind.LLM_CALL, "agent_type": parent, "parent_span_id": parent}
    return a_span(**(given | {"span_id": span_id, "started_at": at(start), "ended_at": at(start + 1)} | changes))


def a_tool(span_id: str, start: float, **changes: Any) -> Span:
    return a_call(span_id, start, **({"kind": SpanKind.TOOL_CALL, "name": "Bash", "tool_use_id": span_id} | changes))


def a_session(**changes: Any) -> list[Span]:
    """main > writer > (an answer that calls a tool, its last answer), and a checker of which no call is known."""
    human = {"reward_source": RewardSource.HUMAN}
    spans = [
        a_span(
            span_id="main", kind=SpanKind.SESSION, agent_type="main", task="do it", output="done", ended_at=at(99),
            reward=0.25, **human,
        ),
        a_span(
            span_id="writer", parent_span_id="main", agent_type="writer", task="write it", output="written",
            started_at=at(1), ended_at=at(9), reward=1.0, **human,
        ),
        a_call("first", 2, output="let me look"),
        a_tool("look", 3, task='{"command": "ls"}', output="a.py"),
        a_call("second", 5, output="written", model="small"),
        a_span(
            span_id="checker", parent_span_id="main", agent_type="checker", task="check it", output="fine",
            started_at=at(10), ended_at=at(11),
        ),
    ]  # fmt: skip
    return [span.model_copy(update=changes.get(span.span_id, {})) for span in spans]


def test_a_prompt_is_the_task_and_all_earlier_messages() -> None:
    first, second = (row for row in transitions(a_session()) if row.agent_type == "writer")
    assert [(message.role, message.content) for message in first.prompt] == [(Role.USER, "write it")]
    assert [(use.name, use.arguments) for use in first.response.tool_calls] == [("Bash", '{"command": "ls"}')]
    assert [(message.role, message.content, message.tool_use_id) for message in second.prompt] == [
        (Role.USER, "write it", None),
        (Role.ASSISTANT, "let me look", None),
        (Role.TOOL, "a.py", "look"),
    ]
    assert (second.response.content, second.model, second.position) == ("written", "small", 1)
    assert not first.partial
    assert not second.partial


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(RewardPolicy.LAST, {"first": None, "second": 1.0, "checker": None}, id="last"),
        pytest.param(RewardPolicy.EVERY, {"first": 1.0, "second": 1.0, "checker": None}, id="every"),
        pytest.param(RewardPolicy.SESSION, {"first": 0.25, "second": 0.25, "checker": 0.25}, id="session"),
    ],
)
def test_the_policy_says_which_answers_get_a_reward(policy: RewardPolicy, expected: dict[str, float | None]) -> None:
    rows = {row.span_id: row for row in transitions(a_session(), policy=policy) if row.agent_type != "main"}
    assert {span_id: row.judged.reward for span_id, row in rows.items()} == expected
    assert {row.judged.policy for row in rows.values()} == {policy}


def test_a_reward_of_the_answer_itself_comes_first_and_a_keyword_is_none() -> None:
    own = {"reward": 0.5, "reward_source": RewardSource.TEST}
    lexical = {"reward_source": RewardSource.KEYWORD}
    rows = {row.span_id: row.judged for row in transitions(a_session(first=own, writer=lexical))}
    assert (rows["first"].reward, rows["first"].source) == (0.5, RewardSource.TEST)
    assert rows["second"].reward is None


def test_rewards_may_be_taken_from_some_agents_and_rows_made_of_some() -> None:
    spans = a_session()
    wanted = selected(spans, frozenset({"writer"}))
    assert [row.span_id for row in transitions(spans, receivers=wanted)] == ["first", "second"]
    judged = [row.judged.reward for row in transitions(spans, givers=selected(spans, frozenset({"checker"})))]
    assert set(judged) == {None}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"writer": {"task": None}}, id="no task"),
        pytest.param({"writer": {"task": "write…[+90 chars]"}}, id="the task was cut"),
        pytest.param({"look": {"output": None}}, id="a tool's answer was not kept"),
        pytest.param({"look": {"output": "a.p…[+9 chars]"}}, id="a tool's answer was cut"),
        pytest.param({"writer": {"tool_call_count": 2}}, id="a call is missing"),
    ],
)
def test_a_row_that_lacks_something_the_model_was_shown_says_so(changes: dict[str, dict[str, Any]]) -> None:
    rows = {row.span_id: row for row in transitions(a_session(**changes))}
    assert rows["second"].partial


def test_an_episode_is_all_of_a_run() -> None:
    episode = next(found for found in episodes(transitions(a_session())) if found.agent_type == "writer")
    assert [message.content for message in episode.messages] == ["write it", "let me look", "a.py", "written"]
    assert episode.judged.reward == 1.0


@given(forests(output="said", task="asked"), st.randoms())
def test_every_answer_is_one_row_in_any_order(spans: list[Span], rng: Random) -> None:
    rows = list(transitions(spans))
    assert len({row.span_id for row in rows}) == len(rows)
    assert len(list(episodes(rows))) == len({row.agent_span_id for row in rows})
    shuffled = list(spans)
    rng.shuffle(shuffled)
    assert list(transitions(shuffled)) == rows
