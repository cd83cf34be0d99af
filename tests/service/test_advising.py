"""What a server learns reaches the hooks without anybody asking, and what hooks set is remembered as a decision."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking
from mcp_server.service.advising import Advising
from mcp_server.service.briefing import Briefing
from mcp_server.service.hook_files import ADVICE, HookFiles
from mcp_server.service.present import Present
from storage.queries import Batch, PageRequest
from storage.store import Store
from tests.claude_code import telling
from tests.factories import a_reward, a_span

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC)
SET = {
    "session_id": "session-1", "hook_event_name": "ModelSet", "tool_use_id": "toolu_1", "agent_type": "Explore",
    "model": "haiku",
}  # fmt: skip


def _advising(store: Store, folder: Path) -> Advising:
    briefing = Briefing(HookFiles(folder), mode="advise")
    return Advising(store, Present(store), TextKeeper(lambda text: text), config=folder, briefing=briefing)


async def _judge(store: Store, agent: str, rewards: list[float]) -> None:
    spans = [
        a_span(
            span_id=f"{agent}-{place}",
            agent_type=agent,
            model="claude-haiku",
            task_type="search",
            started_at=NOW - timedelta(hours=place + 1),
            ended_at=NOW - timedelta(hours=place + 1),
        )
        for place in range(len(rewards))
    ]
    given = [a_reward(span_id=span.span_id, value=value) for span, value in zip(spans, rewards, strict=True)]
    await store.add(Batch(spans=spans, rewards=given))


async def test_what_is_learned_is_left_for_hooks(store: Store, tmp_path: Path) -> None:
    advising = _advising(store, tmp_path)
    await advising.refresh()
    assert not (tmp_path / ADVICE).exists()  # nothing is known
    await _judge(store, "Explore", [1.0] * 20)
    await _judge(store, "Plan", [0.0] * 20)
    await advising.refresh()
    head, text = (tmp_path / ADVICE).read_text(encoding="utf-8").splitlines()
    assert head.startswith("advice 1 ")
    assert "- search: Explore on claude-haiku; 20 judged" in json.loads(text)


async def test_agents_that_nobody_ever_judged_take_nothing_from_the_table(store: Store, tmp_path: Path) -> None:
    await _judge(store, "Explore", [1.0] * 17 + [0.0] * 3)
    await _judge(store, "Plan", [1.0, 1.0, 0.0, 0.0] * 5)
    junk = [a_span(agent_type=f"junk{place}", model=None, task="anything") for place in range(6)]
    await store.add(Batch(spans=junk))
    await _advising(store, tmp_path).refresh()
    assert "- search: Explore on claude-haiku; 20 judged" in (tmp_path / ADVICE).read_text(encoding="utf-8")


async def test_what_is_known_already_is_not_written_again(store: Store, tmp_path: Path) -> None:
    advising = _advising(store, tmp_path)
    await _judge(store, "Explore", [1.0] * 20)
    await _judge(store, "Plan", [0.0] * 20)
    await advising.refresh()
    (tmp_path / ADVICE).unlink()
    await advising.refresh()
    assert not (tmp_path / ADVICE).exists()
    await _advising(store, tmp_path).refresh()  # the next server renews it
    assert (tmp_path / ADVICE).exists()


async def test_a_model_that_a_hook_has_set_is_a_decision_about_that_very_call(store: Store) -> None:
    capturing = telling.capturing(store, clock=lambda: NOW)
    await capturing.event(SET)
    await capturing.event(SET)
    (waiting,) = await store.decisions.waiting("session-1", NOW - timedelta(minutes=1))
    assert (waiting.mode, waiting.agent_type, waiting.model) == ("auto", "Explore", "haiku")
    other = a_span(span_id="other", tool_use_id="toolu_2", started_at=NOW, ended_at=NOW, task="anything")
    meant = a_span(
        span_id="meant", tool_use_id="toolu_1", model="claude-haiku-5", started_at=NOW, ended_at=NOW, task="anything"
    )
    await linking.add(store, Batch(spans=[other, meant]))
    linked = await store.decisions.get(waiting.decision_id)
    assert linked is not None
    assert (linked.span_id, linked.followed) == ("meant", True)


async def test_a_delegation_that_ran_on_another_model_did_not_follow_the_hook(store: Store) -> None:
    await telling.capturing(store, clock=lambda: NOW).event(SET)
    span = a_span(span_id="meant", tool_use_id="toolu_1", model="claude-opus-5", started_at=NOW, ended_at=NOW)
    await linking.add(store, Batch(spans=[span]))
    (linked,) = (await store.decisions.page(PageRequest())).items
    assert (linked.span_id, linked.followed) == ("meant", False)
