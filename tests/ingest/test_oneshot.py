"""A ONE_SHOT log becomes delegations: what it knows and not what its hook made up."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome, RewardSource, Source, SpanKind, Status
from tests.claude_code import captured

pytestmark = pytest.mark.anyio

V12_1: Final[dict[str, Any]] = {
    "timestamp": "2026-03-01T12:00:05Z",
    "agent_type": "Explore",
    "model": "haiku",
    "result": "success",
    "tool_calls_count": 3,
    "duration_ms": 5000,
    "summary": "Found the three callers.",
}
V12_2: Final[dict[str, Any]] = V12_1 | {
    "span_id": "span_abc",
    "session_id": "session-abc",
    "reward": 0.5,
    "tool_sequence": ["Grep", "Read", "Read"],
    "task_input": "Find the callers.",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "delegation-log.jsonl"


def _write(log: Path, *lines: dict[str, Any] | bytes) -> None:
    log.write_bytes(b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines))


async def _only(store: Store, log: Path) -> Span:
    """The one span of a log."""
    report = await captured.importing(store).paths([log])
    assert (report.created, report.unreadable_lines, report.problems) == (1, 0, [])
    (span,) = (await captured.every_span(store)).values()
    return span


async def test_a_line_of_the_first_version(store: Store, log: Path) -> None:
    _write(log, V12_1)
    span = await _only(store, log)
    assert (span.kind, span.source, span.client) == (SpanKind.DELEGATION, Source.STATED, "one-shot")
    assert (span.agent_type, span.model, span.status) == ("Explore", "haiku", Status.OK)
    assert (span.task, span.output) == (None, "Found the three callers.")
    assert span.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert span.ended_at == datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert (span.duration_ms, span.tool_call_count, span.tool_sequence) == (5000, 3, ())
    assert (span.input_tokens, span.cost_usd, span.error) == (None, None, None)
    assert span.session_id.startswith("one-shot-")


async def test_a_line_of_the_second_version(store: Store, log: Path) -> None:
    _write(log, V12_2)
    span = await _only(store, log)
    assert (span.span_id, span.session_id, span.task) == ("span_abc", "session-abc", "Find the callers.")
    assert (span.tool_sequence, span.tool_call_count) == (("Grep", "Read", "Read"), 3)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        pytest.param({"result": "success"}, 1.0, id="success"),
        pytest.param({"result": "partial"}, 0.5, id="partial"),
        pytest.param({"result": "failure"}, 0.0, id="failure"),
        pytest.param({"result": "success", "reward": 0.25}, 0.25, id="a figure is more exact than a word"),
        pytest.param({"result": "failure", "reward": 0}, 0.0, id="a whole number"),
        pytest.param({"result": "maybe"}, None, id="an unknown word"),
        pytest.param({"result": None}, None, id="no word"),
        pytest.param({"reward": None}, None, id="no figure"),
        pytest.param({"reward": 1.01}, None, id="too much"),
        pytest.param({"reward": -0.01}, None, id="less than nothing"),
        pytest.param({"reward": True}, None, id="a yes is no figure"),
        pytest.param({"reward": "1"}, None, id="a word is no figure"),
        pytest.param({"reward": float("nan")}, None, id="no number"),
    ],
)
async def test_its_reward_is_a_keywords_and_decides_nothing(
    said: dict[str, Any], value: float | None, store: Store, log: Path
) -> None:
    _write(log, V12_1 | said)
    span = await _only(store, log)
    rewards = await captured.every_reward(store, {span.span_id: span})
    assert [(one.value, one.source) for one in rewards] == ([] if value is None else [(value, RewardSource.KEYWORD)])
    assert span.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "default",
    [
        {"agent_type": "unknown", "model": "unknown", "session_id": "unknown", "span_id": "unknown"},
        {"agent_type": "", "model": "", "session_id": "", "span_id": ""},
        {"agent_type": None, "model": None, "session_id": None, "span_id": None},
        {"agent_type": 3, "model": [], "session_id": {}, "span_id": True},
    ],
)
async def test_a_default_is_no_fact(default: dict[str, Any], store: Store, log: Path) -> None:
    _write(log, V12_2 | default | {"tool_calls_count": 0, "duration_ms": 0, "task_input": "", "tool_sequence": []})
    span = await _only(store, log)
    assert (span.agent_type, span.model, span.task) == ("unknown", None, None)
    assert (span.tool_call_count, span.duration_ms, span.ended_at) == (None, None, None)
    assert span.started_at == datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert span.session_id.startswith("one-shot-")
    assert span.span_id not in ("unknown", "")


async def test_lines_that_say_the_same_are_several_delegations_of_one_session(store: Store, log: Path) -> None:
    _write(log, V12_1, V12_1, V12_1)
    await captured.importing(store).paths([log])
    spans = (await captured.every_span(store)).values()
    assert (len(spans), len({span.session_id for span in spans})) == (3, 1)


async def test_logs_of_two_projects_are_two_sessions(store: Store, tmp_path: Path) -> None:
    for name, agent_type in (("one", "Explore"), ("other", "Plan")):
        (tmp_path / name).mkdir()
        _write(tmp_path / name / "delegation-log.jsonl", V12_1 | {"agent_type": agent_type})
    await captured.importing(store).paths([tmp_path])
    spans = (await captured.every_span(store)).values()
    assert len({span.session_id for span in spans}) == 2


async def test_importing_twice_is_importing_once(store: Store, log: Path) -> None:
    _write(log, V12_1, V12_2, V12_1)
    await captured.importing(store).paths([log])
    before = await captured.contents(store)
    again = await captured.importing(store).paths([log])
    assert (again.created, again.updated, again.bytes_read) == (0, 0, 0)
    copy = log.with_name("a copy.jsonl")
    copy.write_bytes(log.read_bytes())
    assert (await captured.importing(store).paths([copy])).created == 0
    assert await captured.contents(store) == before


async def test_a_log_that_grew_is_read_on(store: Store, log: Path) -> None:
    _write(log, V12_1)
    await captured.importing(store).paths([log])
    first = log.stat().st_size
    _write(log, V12_1, V12_2, b'{"timestamp":"2026-03-01T12:00:06Z","agent_')
    report = await captured.importing(store).paths([log])
    assert (report.created, report.unreadable_lines) == (1, 0)
    assert report.bytes_read == len(json.dumps(V12_2)) + 1 < first * 3
    assert len(await captured.every_span(store)) == 2


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(V12_1 | {"timestamp": "yesterday"}, id="a time that is none"),
        pytest.param(V12_1 | {"timestamp": None}, id="no time"),
        pytest.param(V12_1 | {"timestamp": 1_772_366_405}, id="a number for a time"),
        pytest.param({key: value for key, value in V12_1.items() if key != "timestamp"}, id="a missing time"),
        pytest.param(b"not JSON\n", id="no JSON"),
        pytest.param(b"[1]\n", id="no object"),
    ],
)
async def test_a_line_that_cannot_be_used_is_counted_and_the_others_are_read(
    line: dict[str, Any] | bytes, store: Store, log: Path
) -> None:
    _write(log, V12_1, line, V12_2)
    report = await captured.importing(store).paths([log])
    assert (report.created, report.unreadable_lines, report.problems) == (2, 1, [])


@pytest.mark.parametrize("field", sorted(V12_2.keys() - {"timestamp"}))
async def test_any_field_may_hold_anything(field: str, store: Store, log: Path) -> None:
    wrong: tuple[Any, ...] = (None, True, -1, 2**70, 0.5, float("nan"), "x" * 100_000, "\ud800\0", [[]], {"a": 1})
    _write(log, *(V12_2 | {"span_id": f"span_{n}", field: value} for n, value in enumerate(wrong)), V12_2)
    report = await captured.importing(store).paths([log])
    assert (report.created, report.unreadable_lines, report.problems) == (len(wrong) + 1, 0, [])
    assert (await captured.every_span(store))["span_abc"].task == "Find the callers."


async def test_a_duration_longer_than_time_itself_is_counted_as_unreadable(store: Store, log: Path) -> None:
    _write(log, V12_1, V12_1 | {"duration_ms": 2**53 - 1})
    report = await captured.importing(store).paths([log])
    assert (report.created, report.unreadable_lines, report.problems) == (1, 1, [])


async def test_a_time_without_a_zone_is_utc_and_others_are_turned_to_it(store: Store, log: Path) -> None:
    _write(log, V12_1 | {"timestamp": "2026-03-01T12:00:05"}, V12_1 | {"timestamp": "2026-03-01T14:00:05+02:00"})
    await captured.importing(store).paths([log])
    ends = {span.ended_at for span in (await captured.every_span(store)).values()}
    assert ends == {datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)}
