"""Searches in SQLite: by which way rows are found."""

import itertools
from typing import Any

import pytest

from storage.queries import Batch, PageRequest, SpanFilter
from storage.sqlite import listing, writing
from storage.vocabulary import Outcome
from tests.factories import a_span, at
from tests.storage.test_rollups import a_database

QUESTIONS = [
    pytest.param({"words": "door"}, id="a word"),
    pytest.param({"words": "door red"}, id="two words"),
    pytest.param({"words": "door", "agent_types": frozenset({"Plan"})}, id="of an agent type"),
    pytest.param({"words": "door", "since": at(4)}, id="of a time"),
    pytest.param({"words": "door", "session_id": "session-2"}, id="of a session"),
    pytest.param({"words": "nowhere"}, id="in none"),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_few_and_many_are_found_alike_by_common_words_as_by_rare_ones(
    monkeypatch: pytest.MonkeyPatch, question: dict[str, Any]
) -> None:
    with a_database() as connection:
        spans = [
            a_span(
                task="a red door" if number % 3 else "a door",
                agent_type="Plan" if number % 2 else "Explore",
                session_id=f"session-{number % 4}",
                started_at=at(number),
                ended_at=at(12),
            )
            for number in range(12)
        ]
        writing.add(connection, Batch(spans=spans))
        found = []
        for common, few in itertools.product((10**9, 0), repeat=2):
            monkeypatch.setattr(listing, "_COMMON", common)
            monkeypatch.setattr(listing, "_FEW", few)
            page = listing.find(connection, SpanFilter(**question), PageRequest(limit=3))
            found.append(
                (
                    page,
                    page.next
                    and listing.find(connection, SpanFilter(**question), PageRequest(limit=3, after=page.next)),
                )
            )
        assert found == found[:1] * 4


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param({}, "SCAN", id="all"),
        pytest.param({"model": "small", "project": "/p", "since": at(0)}, "SEARCH", id="model, project and time"),
        pytest.param({"outcome": Outcome.FAILURE, "until": at(0)}, "SEARCH", id="outcome and time"),
        pytest.param({"min_cost_usd": 1.0}, "SCAN", id="cost"),
    ],
)
def test_a_search_without_agents_goes_through_its_time_newest_first_and_sorts_nothing(
    question: dict[str, Any], expected: str
) -> None:
    with a_database() as connection:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        listing.find(connection, SpanFilter(**question), PageRequest(limit=3))
        connection.set_trace_callback(None)
        (page,) = [statement for statement in asked if "order by started_us desc, id desc limit" in statement]
        plan = [str(row["detail"]) for row in connection.execute(f"explain query plan {page}")]
        assert [step for step in plan if "delegation_by_time" in step] == plan
        assert plan[0].startswith(expected)
