"""`get_credit` shares out a session's outcome over its delegations, and says when nobody knows it."""

import pytest

from storage.queries import Batch
from storage.records import Reward, Span
from storage.store import Store
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.factories import a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio

SESSION = "s1"
CAUSE = "the session timeout of 4711 seconds in config/login.toml was the cause of every logout"


def _session() -> list[Span]:
    return [
        a_span(span_id="main", session_id=SESSION, kind=SpanKind.SESSION, agent_type="main", task="Fix the login.",
               output=f"Fixed: {CAUSE}."),
        a_span(span_id="found", session_id=SESSION, parent_span_id="main", agent_type="Explore", model="haiku",
               output=f"I looked at all of it, and {CAUSE}.", started_at=at(10), ended_at=at(20)),
        a_span(span_id="idle", session_id=SESSION, parent_span_id="main", agent_type="Plan", model="opus",
               output="Nothing to report.", started_at=at(30), ended_at=at(40), status=Status.ERROR, error="api_error"),
    ]  # fmt: skip


def _verdict(value: float, session_id: str = SESSION) -> Reward:
    return Reward(
        reward_id=f"r-{session_id}", session_id=session_id, value=value, source=RewardSource.TEST, given_at=at(50)
    )


@pytest.fixture
async def judged(store: Store) -> Store:
    await store.add(Batch(spans=_session(), rewards=[_verdict(0.25)]))
    return store


async def test_net_shares_sum_to_twice_the_outcome_less_one(judged: Store, ask: Ask) -> None:
    answer = await ask("get_credit", session_id=SESSION)
    assert answer["outcome"] == {"value": 0.25, "source": "test", "confidence": 1.0}
    assert sum(share["net"] for share in answer["shares"]) == pytest.approx(2 * 0.25 - 1, abs=1e-5)
    assert sum(share["credit"] for share in answer["shares"]) == pytest.approx(0.25, abs=1e-5)
    assert sum(suspect["probability"] for suspect in answer["top_blame"]) == pytest.approx(1, abs=1e-5)


async def test_who_said_first_what_is_in_the_result_gets_the_credit(judged: Store, ask: Ask) -> None:
    shares = {share["span_id"]: share for share in (await ask("get_credit", session_id=SESSION))["shares"]}
    assert shares["found"]["success_share"] > 0.9
    assert shares["idle"]["success_share"] == 0
    assert any(reason.startswith("in_result") for reason in shares["found"]["reasons"])


async def test_while_nobody_has_judged_there_are_shares_without_sign(store: Store, ask: Ask) -> None:
    await store.add(Batch(spans=_session()))
    answer = await ask("get_credit", session_id=SESSION)
    assert answer["outcome"]["value"] is None
    assert {share["net"] for share in answer["shares"]} == {None}
    assert sum(share["success_share"] for share in answer["shares"]) == pytest.approx(1, abs=1e-5)
    assert "outcome is unknown" in answer["cautions"][0]


async def test_a_verdict_shows_at_once(store: Store, ask: Ask) -> None:
    await store.add(Batch(spans=_session()))
    await ask("record_reward", target_id=SESSION, value=1, source="human")
    answer = await ask("get_credit", session_id="current")
    assert answer["outcome"] == {"value": 1.0, "source": "human", "confidence": 1.0}
    assert answer["top_blame"] == []


async def test_a_keyword_judges_nothing(store: Store, ask: Ask) -> None:
    await store.add(Batch(spans=_session()))
    await ask("record_reward", target_id=SESSION, value=0, source="keyword")
    assert (await ask("get_credit", session_id=SESSION))["outcome"]["value"] is None


async def test_without_a_session_credit_is_summed_up_by_agent_and_model(judged: Store, ask: Ask) -> None:
    answer = await ask("get_credit")
    arms = {(arm["agent_type"], arm["model"]): arm for arm in answer["arms"]}
    assert set(arms) == {("Explore", "haiku"), ("Plan", "opus")}
    assert not arms["Explore", "haiku"]["enough"]
    assert arms["Explore", "haiku"]["low"] <= arms["Explore", "haiku"]["mean_net"] <= arms["Explore", "haiku"]["high"]
    assert (await ask("get_credit", agent_match="Plan"))["total"] == 1
    assert (await ask("get_credit", since="1s"))["arms"] == []


async def test_bad_questions_are_answered_with_what_works(judged: Store, ask: Ask) -> None:
    assert "no session 'nowhere' is recorded" in await ask.refused("get_credit", session_id="nowhere")
    assert "agent_match '(' cannot be used" in await ask.refused("get_credit", agent_match="(")
    assert "no argument session" in await ask.refused("get_credit", session="x")


async def test_a_session_without_delegations_has_no_shares(store: Store, ask: Ask) -> None:
    await store.add(Batch(spans=_session()[:1]))
    answer = await ask("get_credit", session_id=SESSION)
    assert (answer["shares"], answer["top_blame"], answer["bottleneck"]) == ([], [], None)


async def test_a_large_session_is_answered_within_the_cap(store: Store, ask: Ask) -> None:
    many = [
        a_span(span_id=f"d{number}", session_id=SESSION, agent_type="worker", output=f"word{number} " * 50)
        for number in range(300)
    ]
    await store.add(Batch(spans=[*_session(), *many]))
    answer = await ask("get_credit", session_id=SESSION, max_chars=4000)
    assert answer["returned"] < answer["total"] == 302


async def test_names_of_arms_are_whole_where_there_is_little_room(store: Store, ask: Ask) -> None:
    agents = [f"plugin-of-my-company:senior-code-reviewer-{number:02}" for number in range(30)]
    work = [a_span(span_id=agent, session_id=SESSION, agent_type=agent, output=f"{agent} found") for agent in agents]
    await store.add(Batch(spans=[*_session(), *work]))
    for items, room, question in (("arms", 4000, {}), ("shares", 8000, {"session_id": SESSION})):
        answer = await ask("get_credit", **question, max_chars=room)
        assert 1 < answer["returned"] < answer["total"]
        assert {one["agent_type"] for one in answer[items]} <= {*agents, "Explore", "Plan"}
