"""Recording delegations and judging them, as a model does it."""

import itertools
import json
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.recording import Recording
from mcp_server.service.stated import StatedSpan
from storage.queries import Batch
from storage.store import Store
from storage.vocabulary import Source, Status
from tests.factories import a_span, at
from tests.stores import new_folder, open_empty
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio

MINIMAL = {"agent_type": "reviewer", "task": "Review the change"}


async def recorded(ask: Ask, **span: Any) -> dict[str, Any]:
    answer = await ask("record_spans", spans=[MINIMAL | span])
    result: dict[str, Any] = answer["results"][0]
    return result


async def shown(store: Store, span_id: str) -> Any:
    return (await store.spans([span_id]))[span_id]


async def test_a_span_may_begin_with_the_calendar(ask: Ask) -> None:
    (result,) = (await ask("record_spans", spans=[{"agent_type": "a", "started_at": "0001-01-01T00:00:00Z"}]))[
        "results"
    ]
    assert result["result"] == "created"


async def test_an_agent_and_a_task_are_enough(ask: Ask, store: Store) -> None:
    result = await recorded(ask)
    assert result["result"] == "created"
    assert result["session_id"] == "session-of-the-process"
    assert (await shown(store, result["span_id"])).task == "Review the change"


async def test_repeating_a_call_creates_nothing_twice(ask: Ask) -> None:
    first, again = await recorded(ask, output="fine"), await recorded(ask, output="fine")
    assert again == first | {"result": "unchanged"}


async def test_two_identical_spans_in_one_call_are_two(ask: Ask) -> None:
    answer = await ask("record_spans", spans=[MINIMAL, MINIMAL])
    again = await ask("record_spans", spans=[MINIMAL, MINIMAL])
    ids = [result["span_id"] for result in answer["results"]]
    assert len(set(ids)) == 2
    assert [result["span_id"] for result in again["results"]] == ids
    assert {result["result"] for result in again["results"]} == {"unchanged"}


FAILED = {"agent_type": "w", "task": "Fix it", "model": "m1", "status": "error", "reward": 0}
RETRIED = FAILED | {"model": "m2", "status": "ok", "reward": 1}


async def test_a_retry_is_another_delegation_than_the_failed_attempt(ask: Ask, store: Store) -> None:
    for _ in range(2):
        failed, retried = await recorded(ask, **FAILED), await recorded(ask, **RETRIED)
        spans = await store.spans([failed["span_id"], retried["span_id"]])
        assert [(span.model, span.outcome) for span in spans.values()] == [("m1", "failure"), ("m2", "success")]
    assert (failed["result"], retried["result"]) == ("unchanged", "unchanged")


@pytest.mark.parametrize(
    ("first", "then", "result"),
    [
        pytest.param({"model": "m1", "output": "x"}, {"model": "m2", "output": "x"}, "created", id="another model"),
        pytest.param({"output": "x"}, {"output": "y"}, "created", id="another output"),
        pytest.param({"error": "x"}, {"output": "y"}, "created", id="a success after an error"),
        pytest.param({"error": "x"}, {"error": "y"}, "created", id="another error"),
        pytest.param({"reward": 0}, {"reward": 1}, "created", id="another verdict"),
        pytest.param({"duration_ms": 5}, {"duration_ms": 6}, "created", id="another duration"),
        pytest.param({"ended_at": "2026-11-20T12:10Z"}, {"ended_at": "2026-11-20T12:11Z"}, "created", id="another end"),
        pytest.param({"output": "x"}, {"output": "x", "model": "m"}, "updated", id="more of the same"),
        pytest.param({"model": "m"}, {"model": "m", "output": "x"}, "updated", id="the end of a running one"),
        pytest.param({"model": "m"}, {"model": "full-m", "status": "ok"}, "updated", id="its model in full"),
        pytest.param({"status": "lost"}, {"output": "x"}, "updated", id="the end of a lost one"),
        pytest.param({"output": "x"}, {}, "unchanged", id="less of the same"),
        pytest.param({"output": "x"}, {"status": "running"}, "unchanged", id="its beginning told late"),
        pytest.param({"output": "hunter2"}, {"output": "hunter2"}, "unchanged", id="the same secret"),
    ],
)
async def test_what_contradicts_a_delegation_that_has_ended_is_another_one(
    ask: Ask, first: dict[str, Any], then: dict[str, Any], result: str
) -> None:
    begun, again = await recorded(ask, **first), await recorded(ask, **then)
    assert again["result"] == result
    assert (again["span_id"] == begun["span_id"]) == (result != "created")


@pytest.mark.parametrize("more", [{}, {"status": "running"}, {"model": "m"}, {"duration_ms": 5, "model": "m"}])
async def test_what_was_delivered_outlives_what_is_told_later(store: Store, more: dict[str, Any]) -> None:
    moments = map(at, itertools.count(3600))
    recording = Recording(store, TextKeeper(str), clock=lambda: next(moments))
    [ended] = await recording.spans([StatedSpan(agent_type="w", output="x")])
    [again] = await recording.spans([StatedSpan(agent_type="w", **more)])
    span = await shown(store, ended.span_id)
    assert (again.span_id, span.status, span.output) == (ended.span_id, Status.OK, "x")


async def test_a_delegation_named_by_its_id_may_run_again(ask: Ask, store: Store) -> None:
    span_id = (await recorded(ask, output="x"))["span_id"]
    moments = map(at, itertools.count(3700))
    recording = Recording(store, TextKeeper(str), clock=lambda: next(moments))
    await recording.spans([StatedSpan(agent_type="reviewer", span_id=span_id, status="running")])
    assert (await shown(store, span_id)).status is Status.RUNNING


ROWS = st.fixed_dictionaries(
    {"agent_type": st.just("w")},
    optional={
        "model": st.sampled_from(["m1", "m2"]),
        "status": st.sampled_from(["running", "ok", "error", "lost"]),
        "output": st.sampled_from(["x", "y"]),
        "reward": st.sampled_from([0, 0.5, 1]),
        "duration_ms": st.sampled_from([5, 6]),
        "ended_at": st.just("2026-11-20T14:00Z"),
    },
)


@settings(max_examples=40)
@given(st.lists(st.lists(ROWS, min_size=1, max_size=3), max_size=6))
@example([[FAILED], [RETRIED]])
@example(
    [
        [{"agent_type": "w"}],
        [{"agent_type": "w", "model": "m1"}] * 2,
        [{"agent_type": "w"}, {"agent_type": "w", "model": "m1"}],
    ]
)
@example([[{"agent_type": "w", "model": "m1"}], [{"agent_type": "w", "model": "m2", "status": "ok"}]])
def test_repeating_any_calls_creates_nothing_twice(calls: list[list[dict[str, Any]]]) -> None:
    async def told_twice() -> None:
        with new_folder() as folder:
            store = open_empty(folder / "telemetry.db")
            moments = map(at, itertools.count(3600))
            recording = Recording(store, TextKeeper(str), session_id="here", clock=lambda: next(moments))
            try:
                first, again = [
                    [await recording.spans([StatedSpan(**row) for row in rows]) for rows in calls] for _ in range(2)
                ]
            finally:
                await store.close()
        assert [[one.span_id for one in call] for call in again] == [[one.span_id for one in call] for call in first]
        assert all(len({one.span_id for one in call}) == len(call) for call in first)

    anyio.run(told_twice, backend="asyncio")


async def test_a_running_delegation_is_completed_by_a_second_call(ask: Ask, store: Store) -> None:
    begun = await recorded(ask, started_at="2026-11-20T12:59:00Z")
    assert (await shown(store, begun["span_id"])).status is Status.RUNNING
    ended = await recorded(ask, span_id=begun["span_id"], output="two findings", input_tokens=5)
    span = await shown(store, begun["span_id"])
    assert ended["result"] == "updated"
    assert (span.status, span.output, span.duration_ms) == (Status.OK, "two findings", 60_000)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param({"task_type": " Data  Migration "}, ("data migration", None, None), id="stated, written alike"),
        pytest.param({"task_type": "x" * 60}, ("x" * 40, None, None), id="stated at length"),
        pytest.param({}, (None, "review", "words/1"), id="told by its words"),
        pytest.param({"name": "[debug] it"}, (None, "debug", "opening/1"), id="told by the opening of its name"),
        pytest.param({"task": "lunch?"}, (None, None, None), id="told by nothing"),
        pytest.param({"kind": "tool_call", "name": "Bash"}, (None, None, None), id="a call is no task"),
    ],
)
async def test_a_type_is_stated_or_guessed_and_complexity_never_is(
    ask: Ask, store: Store, told: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    span = await shown(store, (await recorded(ask, **told))["span_id"])
    assert (span.task_type, span.guessed_type, span.guessed_by) == expected
    assert span.complexity is None


async def test_a_type_stated_late_beats_the_guess_and_completing_a_span_loses_neither(ask: Ask, store: Store) -> None:
    span_id = (await recorded(ask, started_at="2026-11-20T12:59:00Z"))["span_id"]
    await ask("record_spans", spans=[{"agent_type": "reviewer", "span_id": span_id, "output": "fine"}])
    assert (await shown(store, span_id)).type_of_task == "review"
    await ask("record_spans", spans=[{"agent_type": "reviewer", "span_id": span_id, "task_type": "audit"}])
    span = await shown(store, span_id)
    assert (span.type_of_task, span.guessed_type) == ("audit", "review")
    (found,) = (await ask("search_delegations", task_type="Audit"))["delegations"]
    assert (found["task_type"], found["task_type_origin"]) == ("audit", "caller")
    assert (await ask("search_delegations", task_type="review"))["delegations"] == []


@pytest.mark.parametrize(
    ("told", "status"),
    [
        pytest.param({}, "running", id="nothing of an end is told"),
        pytest.param({"output": "done"}, "ok", id="an output was delivered"),
        pytest.param({"duration_ms": 5}, "ok", id="it took a while"),
        pytest.param({"error": "timeout"}, "error", id="an error is told"),
        pytest.param({"output": "half", "status": "cancelled"}, "cancelled", id="what is said holds"),
    ],
)
async def test_a_status_that_is_not_said_follows_from_what_is(
    ask: Ask, store: Store, told: dict[str, Any], status: str
) -> None:
    assert (await shown(store, (await recorded(ask, **told))["span_id"])).status == status


async def test_silence_is_never_a_success(ask: Ask, store: Store) -> None:
    assert (await shown(store, (await recorded(ask, output="All tests pass!"))["span_id"])).outcome == "unknown"


async def test_a_duration_without_times_ends_now(ask: Ask, store: Store) -> None:
    span = await shown(store, (await recorded(ask, duration_ms=60_000))["span_id"])
    assert (span.started_at, span.ended_at) == (at(3540), at(3600))


async def test_times_may_be_told_as_a_span_back_from_now(ask: Ask, store: Store) -> None:
    span = await shown(store, (await recorded(ask, started_at="10m", ended_at="5m"))["span_id"])
    assert (span.started_at, span.ended_at) == (at(3000), at(3300))


async def test_a_reward_told_with_a_span_is_a_models(ask: Ask, store: Store) -> None:
    span = await shown(store, (await recorded(ask, reward=0.9))["span_id"])
    assert (span.reward, span.reward_source, span.outcome) == (0.9, "model", "success")


@pytest.mark.parametrize(
    ("told", "count"),
    [
        pytest.param({"tool_sequence": ["Read", "Edit"]}, 2, id="counted"),
        pytest.param({"tool_sequence": ["Read", "Edit"], "tool_call_count": 7}, 7, id="told"),
        pytest.param({"output": "x"}, None, id="unknown"),
    ],
)
async def test_calls_are_counted_where_their_sequence_is_told(
    ask: Ask, store: Store, told: dict[str, Any], count: int | None
) -> None:
    assert (await shown(store, (await recorded(ask, **told))["span_id"])).tool_call_count == count


async def test_a_count_that_was_told_outlives_a_sequence_told_later(ask: Ask, store: Store) -> None:
    span_id = (await recorded(ask, tool_call_count=7))["span_id"]
    await recorded(ask, tool_sequence=["Read"])
    assert (await shown(store, span_id)).tool_call_count == 7


async def test_a_row_with_a_known_agent_merges_with_what_was_captured(ask: Ask, store: Store) -> None:
    captured = a_span(agent_id="a123", source=Source.CAPTURED, input_tokens=700, output="as captured")
    await store.add(Batch(spans=[captured]))
    result = await recorded(ask, agent_id="a123", output="as stated", input_tokens=1, complexity="low")
    span = await shown(store, captured.span_id)
    assert (result["span_id"], result["result"]) == (captured.span_id, "updated")
    assert (span.input_tokens, span.output, span.complexity) == (700, "as captured", "low")


async def test_texts_are_redacted_and_bounded(ask: Ask, store: Store) -> None:
    result = await recorded(ask, output="the password is hunter2", attributes={"note": "hunter2", "n": 1})
    span = await shown(store, result["span_id"])
    assert span.output == "the password is [redacted]"
    assert span.attributes == {"note": "[redacted]", "n": 1}
    long = await shown(store, (await recorded(ask, task="x" * 10_000_000))["span_id"])
    assert len(long.task.encode()) <= 64 * 1024
    assert "chars]" in long.task[-30:]


@pytest.mark.parametrize(
    ("spans", "complaint"),
    [
        pytest.param([], "at least 1", id="no span"),
        pytest.param([MINIMAL] * 501, "at most 500", id="501 spans"),
        pytest.param([{"task": "x"}], "spans[0].agent_type is missing", id="no agent"),
        pytest.param([MINIMAL | {"agent": "x"}], "spans[0].agent is not a known field", id="a misspelt field"),
        pytest.param([MINIMAL | {"input_tokens": -1}], "spans[0].input_tokens is -1", id="negative tokens"),
        pytest.param([MINIMAL | {"cost_usd": "much"}], "spans[0].cost_usd is 'much'", id="a cost that is no number"),
        pytest.param([MINIMAL | {"reward": 2}], "spans[0].reward is 2", id="a reward above 1"),
        pytest.param([MINIMAL | {"status": "success"}], "spans[0].status is 'success'", id="an outcome for a status"),
        pytest.param([MINIMAL | {"agent_type": "x" * 201}], "spans[0].agent_type is 'xxx", id="an endless name"),
        pytest.param([MINIMAL | {"started_at": "yesterday"}], "ISO 8601", id="a time in words"),
        pytest.param([MINIMAL | {"started_at": "9999999d"}], "ISO 8601", id="a time out of range"),
        pytest.param([MINIMAL | {"started_at": "2026-11-22"}], "more than a day ahead", id="a start in the far future"),
        pytest.param([MINIMAL | {"ended_at": "2030-01-01"}], "spans[0].ended_at '2030-01-01'", id="an end likewise"),
        pytest.param([MINIMAL | {"duration_ms": 10**14}], "duration_ms '100000000000000'", id="a start before year 1"),
        pytest.param(
            [MINIMAL | {"started_at": "1h", "duration_ms": 9 * 10**15}],
            "spans[0].duration_ms '9000000000000000'",
            id="an end after year 9999",
        ),
        pytest.param([MINIMAL | {"reward_source": "human"}], "give reward, too", id="a source of no reward"),
        pytest.param(
            [MINIMAL, MINIMAL | {"started_at": "2026-11-20", "ended_at": "2026-11-19"}],
            "spans[1] 'reviewer' cannot be used: ended_at 2026-11-19T00:00:00+00:00 is before started_at",
            id="an end before its start",
        ),
        pytest.param([MINIMAL | {"attributes": {"x": "y" * 70_000}}], "attributes", id="attributes beyond the limit"),
    ],
)
async def test_a_bad_span_is_refused_by_name_and_nothing_is_stored(
    ask: Ask, store: Store, spans: list[dict[str, Any]], complaint: str
) -> None:
    assert complaint in await ask.refused("record_spans", spans=spans)
    assert (await store.health()).counts["span"] == 0


async def test_an_unknown_argument_is_refused_with_those_that_are_known(ask: Ask) -> None:
    said = await ask.refused("record_spans", spans=[MINIMAL], session="x")
    assert "no argument session; this tool takes spans" in said


@pytest.mark.parametrize("target", ["span_id", "agent_id", "tool_use_id", "session_id"])
async def test_a_reward_finds_its_target_by_any_of_its_ids(ask: Ask, store: Store, target: str) -> None:
    span = a_span(agent_id="a77", tool_use_id="toolu_7", session_id="s7")
    await store.add(Batch(spans=[span]))
    answer = await ask("record_reward", target_id=getattr(span, target), value=1, source="human")
    assert answer["session_id"] == "s7"
    assert answer["span_id"] == (None if target == "session_id" else span.span_id)
    assert answer["outcome"] == "success"


async def test_the_strongest_source_holds_and_all_are_kept(ask: Ask, store: Store) -> None:
    span = a_span()
    await store.add(Batch(spans=[span]))
    await ask("record_reward", target_id=span.span_id, value=1, source="human")
    answer = await ask("record_reward", target_id=span.span_id, value=0, source="model", reason="it looks wrong")
    assert (answer["value"], answer["source"], answer["outcome"], answer["rewards"]) == (1, "human", "success", 2)


async def test_a_keyword_is_shown_and_never_believed(ask: Ask, store: Store) -> None:
    span = a_span()
    await store.add(Batch(spans=[span]))
    answer = await ask("record_reward", target_id=span.span_id, value=1, source="keyword")
    assert (answer["source"], answer["outcome"]) == ("keyword", "unknown")


async def test_repeating_a_reward_changes_nothing(ask: Ask, store: Store) -> None:
    span = a_span()
    await store.add(Batch(spans=[span]))
    given = {"target_id": span.span_id, "value": 0.5, "source": "test", "reward_id": "r1"}
    assert (await ask("record_reward", **given))["result"] == "created"
    assert (await ask("record_reward", **given))["result"] == "unchanged"
    assert "already names a reward of 0.5" in await ask.refused("record_reward", **(given | {"value": 1}))


async def test_a_reward_id_of_another_target_is_refused_by_name(ask: Ask, store: Store) -> None:
    one, other = a_span(), a_span()
    await store.add(Batch(spans=[one, other]))
    verdict = {"value": 1, "source": "human", "reward_id": "R"}
    await ask("record_reward", target_id=one.span_id, **verdict)
    for target_id in (other.span_id, other.session_id):
        said = await ask.refused("record_reward", target_id=target_id, **verdict)
        assert f"reward_id 'R' cannot be used: it already judges '{one.span_id}'" in said


async def test_a_reward_for_nothing_says_how_to_find_something(ask: Ask) -> None:
    said = await ask.refused("record_reward", target_id="nobody", value=1, source="human")
    assert "'nobody'" in said
    assert "search_delegations" in said


async def test_a_reward_for_an_id_of_several_spans_names_them(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(agent_id="twin"), a_span(agent_id="twin", session_id="other")]))
    assert "names several spans" in await ask.refused("record_reward", target_id="twin", value=1, source="human")


async def test_rows_of_one_call_without_times_keep_their_order(ask: Ask) -> None:
    rows = [{"session_id": "ordered", "agent_type": f"{number}", "task": "x", "output": "y"} for number in range(20)]
    await ask("record_spans", spans=rows)
    answer = await ask("get_trajectory", session_id="ordered")
    assert [span["agent_type"] for span in answer["spans"]] == [row["agent_type"] for row in rows]


async def test_a_secret_in_a_name_is_taken_out_as_well(ask: Ask) -> None:
    names = {"agent_type": "hunter2", "model": "hunter2", "project": "/hunter2", "task_type": "hunter2"}
    await ask("record_spans", spans=[{"session_id": "named", "task": "x", "tool_sequence": ["hunter2"], **names}])
    assert "hunter2" not in json.dumps(await ask("get_trajectory", session_id="named", detail="full"))
