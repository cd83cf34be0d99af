"""A cursor is of one question: any other refuses it, and its own takes it while new spans arrive."""

from typing import Any

import pytest

from storage.queries import Batch
from storage.store import Store
from tests.factories import a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio

TASK = "look for the parser of dates"
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "stats": ("get_stats", {}),
    "stats by type": ("get_stats", {"group_by": ["agent_type"]}),
    "stats of a week": ("get_stats", {"since": "7d"}),
    "insights": ("get_insights", {}),
    "insights of a kind": ("get_insights", {"kind": "budget"}),
    "search": ("search_delegations", {}),
    "search since": ("search_delegations", {"since": "7d"}),
    "search by words": ("search_delegations", {"words": "parser"}),
    "search by similarity": ("search_delegations", {"similar_to": TASK}),
    "search by two": ("search_delegations", {"similar_to": TASK, "words": "parser"}),
    "trajectory": ("get_trajectory", {"session_id": "session-1"}),
    "trajectory of an agent": ("get_trajectory", {"session_id": "session-1", "agent_match": "agent"}),
}


async def first(ask: Ask, name: str) -> dict[str, Any]:
    tool, question = QUESTIONS[name]
    return await ask(tool, **question, limit=1)


@pytest.fixture
async def recorded(store: Store) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(
                    span_id=f"s{i}", agent_type=f"agent-{i % 3}", task=f"{TASK} {i}", started_at=at(-i), cost_usd=1.0
                )
                for i in range(12)
            ]
        )
    )


@pytest.mark.usefixtures("recorded")
async def test_no_question_takes_the_cursor_of_another(ask: Ask) -> None:
    cursors = {name: (await first(ask, name))["next_cursor"] for name in QUESTIONS}
    given = {name: cursor for name, cursor in cursors.items() if cursor is not None}
    assert len(given) >= len(QUESTIONS) - 2, "nearly every question has a second page"
    for of, cursor in given.items():
        for name, (tool, question) in QUESTIONS.items():
            if name != of:
                told = await ask.refused(tool, **question, limit=1, cursor=cursor)
                assert "pass next_cursor exactly as it was returned" in told


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("name", [name for name in QUESTIONS if not name.startswith("insights")])
async def test_its_own_question_takes_it_while_new_spans_arrive(ask: Ask, store: Store, name: str) -> None:
    tool, question = QUESTIONS[name]
    begun = await first(ask, name)
    await store.add(
        Batch(spans=[a_span(agent_type="agent-0", task=f"{TASK} anew", started_at=at(60), ended_at=at(61))])
    )
    following = await ask(tool, **question, limit=1, cursor=begun["next_cursor"])
    assert following["returned"] == 1
