"""Delegations that were taken in before anybody guessed the types of tasks."""

import pytest

from mcp_server.service.guessing import TypeGuesser
from mcp_server.service.untyped import guess_untyped
from storage.queries import Batch, Dimension, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Source, SpanKind, Status
from tests.claude_code import captured
from tests.factories import a_reward, a_span, at

pytestmark = pytest.mark.anyio

OLD = [
    a_span(span_id="captured", task="Review it", source=Source.CAPTURED, cost_usd=1.0, model="m", observed_at=at(9)),
    a_span(span_id="running", name="Find it", status=Status.RUNNING),
    a_span(span_id="stated", task="Review it", task_type="audit"),
    a_span(span_id="known", task="Review it", guessed_type="docs", guessed_by="words/0"),
    a_span(span_id="silent", task="lunch?"),
    a_span(span_id="session", kind=SpanKind.SESSION, task="Review it"),
]


async def told(store: Store) -> list[Span]:
    return list((await captured.every_span(store)).values())


async def test_they_get_types_and_stay_what_they_were(store: Store) -> None:
    await store.add(Batch(spans=OLD, rewards=[a_reward(span_id="captured", value=0.9)]))
    before = await told(store)
    assert await guess_untyped(store, TypeGuesser()) == 2
    after = await told(store)
    assert {span.span_id: span.type_of_task for span in after} == {
        "captured": "review", "running": "search", "stated": "audit", "known": "docs", "silent": None, "session": None,
    }  # fmt: skip
    without = {"guessed_type": None, "guessed_by": None}
    assert [span.model_copy(update=without) for span in after] == [span.model_copy(update=without) for span in before]
    groups = await store.group(SpanFilter(), [Dimension.TASK_TYPE])
    assert {group.key["task_type"]: group.guessed_n for group in groups} == {
        "review": 1, "search": 1, "audit": 0, "docs": 1, None: 0,
    }  # fmt: skip
    assert await guess_untyped(store, TypeGuesser()) == 0


async def test_whatever_is_told_holds_against_such_a_guess_in_any_order(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one", task="Review it")]))
    await guess_untyped(store, TypeGuesser())
    early = a_span(span_id="one", guessed_type="debug", guessed_by="words/1", observed_at=at(-1_000_000))
    await store.add(Batch(spans=[early]))
    (span,) = await told(store)
    assert (span.guessed_type, span.status, span.task) == ("debug", Status.OK, "Review it")
