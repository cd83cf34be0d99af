"""Delegations summed up by what they have in common."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.queries import Batch, Dimension, RewardSums, SpanFilter
from storage.records import Span
from storage.sketch import Sketch
from storage.store import Store
from storage.vocabulary import Level, Outcome, RewardSource, SpanKind, Status, Tier
from tests import strategies
from tests.factories import a_reward, a_span, at
from tests.storage.engines import on_empty_stores

pytestmark = pytest.mark.anyio

EVERYTHING = SpanFilter()


async def test_a_group_sums_up_all_that_its_delegations_tell(store: Store) -> None:
    tokens: dict[str, Any] = {"input_tokens": 3, "output_tokens": 4, "cache_read_tokens": 5}
    await store.add(
        Batch(
            spans=[
                a_span(span_id="a", duration_ms=30, cost_usd=0.5, tool_call_count=2, tool_error_count=1, **tokens),
                a_span(span_id="b", duration_ms=10, cost_usd=0.25, status=Status.ERROR, input_tokens=1),
                a_span(span_id="c", status=Status.RUNNING),
                a_span(span_id="d", duration_ms=20),
                a_span(span_id="e", duration_ms=40, status=Status.ERROR),
                a_span(span_id="f", status=Status.LOST, ended_at=None),
                a_span(span_id="g", duration_ms=50),
                a_span(span_id="call", kind=SpanKind.TOOL_CALL, cost_usd=100.0),
                a_span(span_id="main", kind=SpanKind.SESSION, cost_usd=100.0),
            ],
            rewards=[
                a_reward(span_id="a", value=1.0, source=RewardSource.TEST),
                a_reward(span_id="b", value=0.5, source=RewardSource.HUMAN),
                a_reward(span_id="c", value=1.0, source=RewardSource.MODEL),
                a_reward(span_id="d", value=1.0, source=RewardSource.KEYWORD),
                a_reward(span_id="e", value=0.0, source=RewardSource.STRUCTURE),
                a_reward(span_id="f", value=0.0, source=RewardSource.STRUCTURE),
                a_reward(span_id="g", value=0.5, source=RewardSource.BEHAVIOUR),
            ],
        )
    )
    (group,) = await store.group(EVERYTHING, [Dimension.AGENT_TYPE])
    assert (group.key, group.n) == ({"agent_type": "Explore"}, 7)
    assert {status: n for status, n in group.statuses.items() if n} == {
        Status.OK: 3, Status.ERROR: 2, Status.RUNNING: 1, Status.LOST: 1,
    }  # fmt: skip
    assert group.outcomes == {
        Outcome.SUCCESS: 2, Outcome.PARTIAL: 2, Outcome.FAILURE: 2, Outcome.UNKNOWN: 1,
    }  # fmt: skip
    assert (group.verified_n, group.verified_success_n) == (2, 1)
    assert group.rewards == {
        Tier.VERIFIED: RewardSums(2, 1.5, 1.25), Tier.MODEL: RewardSums(1, 1.0, 1.0),
        Tier.BEHAVIOUR: RewardSums(1, 0.5, 0.25), Tier.STRUCTURE: RewardSums(1, 0.0, 0.0),
    }  # fmt: skip
    assert (group.cost_n, group.cost_usd) == (2, 0.75)
    assert group.tokens == {
        "input_tokens": 4, "output_tokens": 4, "cache_read_tokens": 5, "cache_write_5m_tokens": None,
        "cache_write_1h_tokens": None,
    }  # fmt: skip
    assert (group.tool_calls, group.tool_errors) == (2, 1)
    assert group.durations == Sketch.of([10, 20, 30, 40, 50])


async def test_calls_that_nobody_counted_are_not_none(store: Store) -> None:
    counts = {"silent": (None, None), "half": (0, None), "idle": (0, 0), "mixed": (None, 0), "busy": (3, 1)}
    for agent_type, (calls, errors) in counts.items():
        same = {"agent_type": agent_type, "project": f"/{agent_type}"}
        await store.add(Batch(spans=[a_span(tool_call_count=calls, tool_error_count=errors, **same), a_span(**same)]))
    for by in ([Dimension.AGENT_TYPE], [Dimension.AGENT_TYPE, Dimension.DAY, Dimension.WEEK, Dimension.PROJECT]):
        found = await store.group(SpanFilter(), by)
        assert {group.key["agent_type"]: (group.tool_calls, group.tool_errors) for group in found} == counts
    for by in ([Dimension.PROJECT], [Dimension.PROJECT, Dimension.MODEL]):
        found = await store.group(SpanFilter(), by)
        assert {(group.key["project"] or "")[1:]: (group.tool_calls, group.tool_errors) for group in found} == counts
    (whole,) = await store.group(SpanFilter(agent_types=frozenset({"silent"})), ())
    assert (whole.tool_calls, whole.tool_errors) == (None, None)


async def test_verdicts_are_counted_by_delegations(store: Store) -> None:
    assert await store.verified_n() == 0
    judged = [a_span(span_id=source) for source in RewardSource]
    await store.add(Batch(spans=[*judged, a_span(kind=SpanKind.SESSION, span_id="main")]))
    assert await store.verified_n() == 0
    await store.add(Batch(rewards=[a_reward(span_id=source, source=source) for source in RewardSource]))
    await store.add(Batch(rewards=[a_reward(span_id="human"), a_reward(span_id="main", source=RewardSource.HUMAN)]))
    verified = [RewardSource.HUMAN, RewardSource.TEST, RewardSource.VERIFIER]
    assert await store.verified_n() == len(verified)
    assert sum(group.verified_n for group in await store.group(EVERYTHING, [Dimension.MODEL])) == len(verified)


async def test_groups_go_by_size_and_what_is_unknown_is_a_group_too(store: Store) -> None:
    models = ["small", None, "large", "large", None, "large"]
    await store.add(Batch(spans=[a_span(model=model, project="/p") for model in models]))
    found = await store.group(EVERYTHING, [Dimension.MODEL, Dimension.PROJECT])
    assert [(group.key, group.n) for group in found] == [
        ({"model": "large", "project": "/p"}, 3),
        ({"model": None, "project": "/p"}, 2),
        ({"model": "small", "project": "/p"}, 1),
    ]


async def test_without_a_dimension_all_is_one_group_and_nothing_is_none(store: Store) -> None:
    assert await store.group(EVERYTHING, []) == []
    assert await store.group(EVERYTHING, [Dimension.MODEL]) == []
    await store.add(Batch(spans=[a_span(model="small"), a_span(model="large")]))
    (group,) = await store.group(EVERYTHING, [])
    assert (group.key, group.n, group.durations) == ({}, 2, Sketch.of([1000, 1000]))


async def test_groups_are_of_those_that_match(store: Store) -> None:
    await store.add(Batch(spans=[a_span(model="small", cost_usd=1.0), a_span(model="large", started_at=at(0.5))]))
    (group,) = await store.group(SpanFilter(since=at(0.1)), [Dimension.MODEL])
    assert (group.key, group.durations) == ({"model": "large"}, Sketch.of([500]))


@pytest.mark.parametrize(
    ("time", "day", "week"),
    [
        pytest.param(datetime(2026, 11, 16, tzinfo=UTC), "2026-11-16", "2026-11-16", id="a Monday begins its week"),
        pytest.param(
            datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=UTC), "2026-11-22", "2026-11-16", id="a Sunday ends it"
        ),
        pytest.param(datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01", "2025-12-29", id="a week across two years"),
        pytest.param(
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "1969-12-31", "1969-12-29", id="before 1970"
        ),
        pytest.param(datetime(1, 1, 1, tzinfo=UTC), "0001-01-01", "0001-01-01", id="the first day there is"),
    ],
)
async def test_days_and_weeks_are_those_of_utc(store: Store, time: datetime, day: str, week: str) -> None:
    await store.add(Batch(spans=[a_span(started_at=time, ended_at=None)]))
    (group,) = await store.group(EVERYTHING, [Dimension.DAY, Dimension.WEEK])
    assert group.key == {"day": day, "week": week}
    assert await store.distinct(Dimension.WEEK) == [week]


async def test_complexity_can_be_grouped_by(store: Store) -> None:
    await store.add(Batch(spans=[a_span(complexity=level) for level in (Level.LOW, Level.HIGH, Level.LOW, None)]))
    found = await store.group(EVERYTHING, [Dimension.COMPLEXITY])
    assert [(group.key, group.n) for group in found] == [
        ({"complexity": "low"}, 2), ({"complexity": None}, 1), ({"complexity": "high"}, 1),
    ]  # fmt: skip
    assert await store.distinct(Dimension.COMPLEXITY) == ["low", "high"]


async def test_two_questions_are_answered_at_one_moment(store: Store) -> None:
    await store.add(Batch(spans=[a_span(started_at=at(hour * 3600), ended_at=at(hour * 3600)) for hour in range(72)]))
    now, before = await store.compare(
        SpanFilter(since=at(40 * 3600)), SpanFilter(since=at(8 * 3600), until=at(40 * 3600)), []
    )
    assert [group.n for group in now] == [group.n for group in before] == [32]


async def test_sums_of_huge_counts_do_not_fail(store: Store) -> None:
    huge = 2**53 - 1
    await store.add(Batch(spans=[a_span(input_tokens=huge, tool_call_count=huge) for _ in range(1030)]))
    (group,) = await store.group(EVERYTHING, [])
    assert group.tokens["input_tokens"] == pytest.approx(1030 * huge)  # more than the engine's integers hold


async def test_distinct_values_go_by_frequency_then_name(store: Store) -> None:
    for dimension, field in (
        (Dimension.AGENT_TYPE, "agent_type"), (Dimension.MODEL, "model"), (Dimension.TASK_TYPE, "task_type"),
        (Dimension.PROJECT, "project"), (Dimension.AGENT_VERSION, "agent_version"),
    ):  # fmt: skip
        values = [f"{field}-{value}" for value in "cabba"]
        await store.add(Batch(spans=[a_span(**{field: value}) for value in values]))
        await store.add(Batch(spans=[a_span(kind=SpanKind.TOOL_CALL, **{field: "of a call"})]))
        found = [value for value in await store.distinct(dimension) if value.startswith(field)]
        assert found == [f"{field}-a", f"{field}-b", f"{field}-c"]
    assert await store.distinct(Dimension.DAY) == ["2026-11-20"]


@settings(max_examples=10)
@given(
    spans=st.lists(strategies.spans(kind=SpanKind.DELEGATION), max_size=5, unique_by=lambda span: span.span_id),
    by=st.lists(st.sampled_from(Dimension), max_size=3, unique=True),
)
def test_every_delegation_is_in_exactly_one_group(engine: str, spans: list[Span], by: list[Dimension]) -> None:
    plain = [one for one in by if one not in {Dimension.DAY, Dimension.WEEK}]
    spans = [span.model_copy(update={"tool_use_id": None}) for span in spans]  # no twins

    async def check(store: Store) -> None:
        await store.add(Batch(spans=spans))
        groups = await store.group(EVERYTHING, by)
        assert sum(group.n for group in groups) == len(spans)
        assert len({tuple(group.key.values()) for group in groups}) == len(groups)
        assert [group.n for group in groups] == sorted((group.n for group in groups), reverse=True)
        names = [{Dimension.TASK_TYPE: "type_of_task"}.get(one, one.value) for one in plain]
        expected = Counter(tuple(getattr(span, name) for name in names) for span in spans)
        found: Counter[Any] = Counter()
        for group in groups:
            assert sum(group.statuses.values()) == sum(group.outcomes.values()) == group.n
            assert group.durations.n <= group.n
            found[tuple(group.key[one.value] for one in plain)] += group.n
        assert found == expected

    on_empty_stores(engine, check)
