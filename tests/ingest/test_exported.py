"""What `export` writes, `import` reads back unchanged."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.exporting import Exporting, Scope
from storage.queries import Batch
from storage.records import Reward, Span
from storage.store import Store
from storage.vocabulary import Outcome, RewardSource, Source, SpanKind, Status
from tests import factories, strategies
from tests.claude_code import captured
from tests.stores import new_folder, open_empty

pytestmark = pytest.mark.anyio


async def _export(store: Store, file: Path) -> list[dict[str, Any]]:
    lines = [line async for line in Exporting(store, clock=lambda: captured.LONG_AFTER).spans(Scope())]
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return lines


async def _through_a_file(spans: Sequence[Span], rewards: Sequence[Reward], folder: Path) -> None:
    """Export what a store holds of these, import that into another, and compare."""
    one, other = open_empty(folder / "one.db"), open_empty(folder / "other.db")
    try:
        await one.add(Batch(spans=spans, rewards=rewards))
        lines = await _export(one, folder / "export.jsonl")
        for number in range(2):
            report = await captured.importing(other).paths([folder / "export.jsonl"])
            assert (report.created, report.unreadable_lines) == (0 if number else len(lines), 0)
            assert report.problems == []
        assert await captured.every_span(other) == await captured.every_span(one)
        assert await _export(other, folder / "again.jsonl") == lines
    finally:
        await one.close()
        await other.close()


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[Span], list[Reward]]:
    ids = draw(st.lists(strategies.names, min_size=1, max_size=3, unique=True))
    spans = [draw(strategies.spans(span_id=span_id)) for span_id in ids]
    of_spans = strategies.rewards_of(ids, ["session"]).filter(lambda reward: reward.span_id is not None)
    rewards = draw(st.lists(of_spans, max_size=3))
    return spans, rewards


def _rewarded(*sources: RewardSource) -> tuple[list[Span], list[Reward]]:
    rewards = [factories.a_reward(span_id="one", source=source, value=0.25) for source in sources]
    return [factories.a_span(span_id="one")], rewards


@given(history=_histories())
@example(history=_rewarded(RewardSource.KEYWORD))
@example(history=_rewarded(RewardSource.STRUCTURE, RewardSource.HUMAN))
@settings(max_examples=60)
def test_spans_and_rewards_come_back_as_they_were(history: tuple[list[Span], list[Reward]]) -> None:
    with new_folder() as folder:
        anyio.run(_through_a_file, *history, folder, backend="asyncio")


@pytest.mark.parametrize("scenario", ["mixed_big", "max_turns", "workflow", "sigkill_resume_v2.0.77"])
async def test_a_captured_session_comes_back_as_it_was(scenario: str, store: Store, tmp_path: Path) -> None:
    await captured.importing(store).paths([captured.projects(scenario)])
    spans = await captured.every_span(store)
    await _through_a_file(list(spans.values()), await captured.every_reward(store, spans), tmp_path)


async def test_the_reward_that_held_holds_again(store: Store, tmp_path: Path) -> None:
    span = factories.a_span(span_id="one")
    weak, strong = (factories.a_reward(span_id="one", source=source, value=value)
                    for source, value in ((RewardSource.MODEL, 1.0), (RewardSource.TEST, 0.0)))  # fmt: skip
    await store.add(Batch(spans=[span], rewards=[weak, strong]))
    await _export(store, tmp_path / "export.jsonl")
    other = open_empty(tmp_path / "other.db")
    await captured.importing(other).paths([tmp_path / "export.jsonl"])
    found = await captured.contents(other)
    await other.close()
    assert [(one.value, one.source) for one in found.rewards] == [(0.0, RewardSource.TEST)]
    assert found.spans["one"].outcome is Outcome.FAILURE


async def test_a_span_that_is_known_better_here_stays_so(store: Store, tmp_path: Path) -> None:
    early = factories.a_span(span_id="one", status=Status.RUNNING, source=Source.CAPTURED)
    await store.add(Batch(spans=[early]))
    await _export(store, tmp_path / "export.jsonl")
    late = early.model_copy(update={"status": Status.OK, "output": "Done.", "observed_at": factories.at(9)})
    await store.add(Batch(spans=[late]))
    await captured.importing(store).paths([tmp_path / "export.jsonl"])
    assert (await store.spans(["one"]))["one"].output == "Done."


def _line(**changes: Any) -> dict[str, Any]:
    given = {
        "span_id": "one",
        "session_id": "session-1",
        "kind": "delegation",
        "agent_type": "Explore",
        "status": "ok",
        "started_at": "2026-11-20T12:00:00Z",
    }
    return given | changes


def _write(file: Path, *lines: dict[str, Any]) -> None:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


async def test_a_line_may_leave_out_what_is_not_known(store: Store, tmp_path: Path) -> None:
    _write(tmp_path / "x.jsonl", _line())
    await captured.importing(store).paths([tmp_path])
    (span,) = (await captured.every_span(store)).values()
    assert (span.kind, span.started_at) == (SpanKind.DELEGATION, datetime(2026, 11, 20, 12, tzinfo=UTC))
    assert (span.model, span.cost_usd, span.reward) == (None, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"kind": "errand"}, id="an unknown kind"),
        pytest.param({"status": "fine"}, id="an unknown status"),
        pytest.param({"started_at": "yesterday"}, id="no time"),
        pytest.param({"started_at": "2026-11-20T12:00:00"}, id="a time without a zone"),
        pytest.param({"ended_at": "2026-11-20T11:00:00Z"}, id="an end before the start"),
        pytest.param({"favourite_colour": "blue"}, id="a field that no span has"),
        pytest.param({"input_tokens": -1}, id="less than no tokens"),
        pytest.param({"cost_usd": float("nan")}, id="a cost that is no number"),
        pytest.param({"reward": 2}, id="too much of a reward"),
        pytest.param({"reward": 1, "reward_source": "hearsay"}, id="an unknown source of a reward"),
        pytest.param({"attributes": [1]}, id="attributes that are no object"),
        pytest.param({"attributes": {"x": "y" * 70_000}}, id="attributes that are too large"),
        pytest.param({"span_id": ""}, id="an empty id"),
    ],
)
async def test_a_line_that_no_export_writes_is_counted_and_the_others_are_read(
    wrong: dict[str, Any], store: Store, tmp_path: Path
) -> None:
    _write(tmp_path / "x.jsonl", _line(span_id="first"), _line(**wrong), _line(span_id="last"))
    report = await captured.importing(store).paths([tmp_path])
    assert (report.unreadable_lines, report.problems) == (1, [])
    assert list(await captured.every_span(store)) == ["first", "last"]


async def test_what_was_exported_without_care_is_redacted_when_it_comes_in(store: Store, tmp_path: Path) -> None:
    secret = "sk-ant-api03-" + "Ab3" * 30
    said = dict.fromkeys(("name", "task", "output", "error"), f"It is {secret}.")
    called = dict.fromkeys(("agent_type", "model", "branch", "project", "session_id", "task_type"), secret)
    line = _line(**said, **called, attributes={"note": secret}, tool_sequence=[secret])
    _write(tmp_path / "x.jsonl", line)
    await captured.importing(store, keep=TextKeeper(Redactor())).paths([tmp_path])
    found = await captured.contents(store)
    assert len(found.spans) == 1
    assert secret not in "\n".join(found.told())


async def test_without_content_no_text_comes_in(store: Store, tmp_path: Path) -> None:
    _write(tmp_path / "x.jsonl", _line(name="Look", task="Do it.", output="Done.", attributes={"n": 1, "s": "words"}))
    await captured.importing(store, keep=TextKeeper(lambda text: text, content=False)).paths([tmp_path])
    (span,) = (await captured.every_span(store)).values()
    assert (span.name, span.task, span.output, span.attributes) == (None, None, None, {"n": 1})
    assert span.agent_type == "Explore"
