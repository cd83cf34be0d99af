"""Delegations that come in from a client's transcripts or another program are linked to what was suggested before."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.service import linking
from mcp_server.service.shapes import exported
from storage.opening import open_store
from storage.queries import Batch
from storage.records import RoutingDecision
from storage.store import Store
from storage.vocabulary import Level, SpanKind, Status
from tests.claude_code import captured
from tests.factories import NOON, a_span, at

pytestmark = pytest.mark.anyio

TASK = "Find where the session tokens are refreshed"


def _decision(**changes: Any) -> RoutingDecision:
    given: dict[str, Any] = {
        "decision_id": "route-1",
        "session_id": "session-1",
        "at": NOON,
        "task": TASK,
        "task_type": "search",
        "task_type_origin": "caller",
        "complexity": Level.HIGH,
        "complexity_origin": "caller",
        "prefer": "balanced",
        "decision": "delegate",
        "ground": "first_by_index",
        "reason": "it is said to be good",
        "agent_type": "Explore",
        "model": "haiku",
    }
    return RoutingDecision(**(given | changes))


async def _followed(store: Store, decision_id: str = "route-1") -> tuple[str | None, bool | None]:
    found = await store.decisions.get(decision_id)
    assert found is not None
    return found.span_id, found.followed


@pytest.mark.parametrize(
    ("change", "followed"),
    [
        pytest.param({"task": f"Please {TASK}. Answer in one line."}, True, id="in more words"),
        pytest.param({"task": None, "name": TASK}, True, id="only its description is known"),
        pytest.param({"task": "Write a poem about winter in Rome"}, None, id="another task"),
        pytest.param({"model": "opus"}, False, id="another model"),
        pytest.param({"agent_type": "Plan"}, False, id="another agent"),
        pytest.param({"model": None}, True, id="a model that nobody knows"),
        pytest.param({"started_at": at(-1), "ended_at": at(9)}, None, id="it had begun before"),
        pytest.param({"started_at": at(601), "ended_at": at(700)}, None, id="it began after ten minutes"),
        pytest.param({"session_id": "elsewhere"}, None, id="another session"),
        pytest.param({"kind": SpanKind.TOOL_CALL}, None, id="no delegation"),
    ],
)
async def test_what_follows_a_decision(store: Store, change: dict[str, Any], followed: bool | None) -> None:  # noqa: FBT001
    await store.decisions.add(_decision())
    given = {"span_id": "next", "task": TASK, "model": "haiku", "started_at": at(5), "ended_at": at(9)}
    await linking.add(store, Batch(spans=[a_span(**(given | change))]))
    assert await _followed(store) == ("next" if followed is not None else None, followed)


async def test_of_several_the_first_that_starts_follows(store: Store) -> None:
    await store.decisions.add(_decision())
    spans = [a_span(span_id=f"at-{start}", task=TASK, started_at=at(start), ended_at=at(90)) for start in (30, 10, 20)]
    await linking.add(store, Batch(spans=spans))
    assert (await _followed(store))[0] == "at-10"


async def test_each_delegation_follows_the_newest_decision_before_it(store: Store) -> None:
    await store.decisions.add(_decision(decision_id="early"))
    await store.decisions.add(_decision(decision_id="late", at=at(20)))
    spans = [a_span(span_id=f"at-{start}", task=TASK, started_at=at(start), ended_at=at(90)) for start in (10, 30)]
    await linking.add(store, Batch(spans=spans))
    assert [(await _followed(store, name))[0] for name in ("early", "late")] == ["at-10", "at-30"]


async def test_what_was_judged_before_is_there_from_the_first_version_on(store: Store) -> None:
    await store.decisions.add(_decision())
    begun = a_span(span_id="next", task=TASK, started_at=at(5), status=Status.RUNNING)
    await linking.add(store, Batch(spans=[begun]))
    assert (await store.spans(["next"]))["next"].complexity is Level.HIGH
    ended = a_span(span_id="next", task=TASK, started_at=at(5), ended_at=at(50))
    await linking.add(store, Batch(spans=[ended]))
    span = (await store.spans(["next"]))["next"]
    assert (span.status, span.task_type, span.complexity) == (Status.OK, "search", Level.HIGH)


async def test_a_delegation_that_is_known_already_gets_nothing_any_more(store: Store) -> None:
    span = a_span(span_id="known", task=TASK, started_at=at(5), ended_at=at(9))
    await store.add(Batch(spans=[span]))
    await store.decisions.add(_decision())
    await linking.add(store, Batch(spans=[span]))
    assert (await store.spans(["known"]))["known"].complexity is None
    assert await _followed(store) == (None, None)


async def test_without_texts_time_decides(store: Store) -> None:
    await store.decisions.add(_decision(task=None))
    await linking.add(store, Batch(spans=[a_span(span_id="next", started_at=at(5), ended_at=at(9))]))
    assert (await _followed(store))[0] == "next"


async def test_an_import_links_what_it_brings_in_however_often(store: Store, tmp_path: Path) -> None:
    await store.decisions.add(_decision())
    file = tmp_path / "export.jsonl"
    span = a_span(span_id="imported", task=TASK, started_at=at(5), ended_at=at(9))
    file.write_text(json.dumps(exported(span)) + "\n", encoding="utf-8")
    for _ in range(2):
        await captured.importing(store).paths([file])
    assert (await _followed(store))[0] == "imported"
    assert (await store.spans(["imported"]))["imported"].complexity is Level.HIGH


async def test_a_captured_delegation_is_linked(store: Store, tmp_path: Path) -> None:
    elsewhere = open_store(str(tmp_path / "elsewhere.db"))
    try:
        await captured.importing(elsewhere).paths([captured.projects("nested")])
        spans = (await captured.every_span(elsewhere)).values()
    finally:
        await elsewhere.close()
    first = min((span for span in spans if span.kind is SpanKind.DELEGATION), key=lambda span: span.started_at)
    before = first.started_at - timedelta(seconds=1)
    await store.decisions.add(_decision(session_id=first.session_id, task=first.task, at=before))
    await captured.importing(store).paths([captured.projects("nested")])
    assert (await _followed(store))[0] == first.span_id
    assert (await store.spans([first.span_id]))[first.span_id].complexity is Level.HIGH
