"""The type of a captured delegation of which nobody states one: a function of its name and its task, from the start."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.service.guessing import TypeGuesser
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Level, SpanKind, Status
from tests.claude_code import captured, scripted, telling
from tests.claude_code.telling import Event
from tests.stores import open_empty

pytestmark = pytest.mark.anyio

SCENARIOS: Final = (
    "mixed_big",
    "skill_fork",
    "workflow_two",
    "nested",
    "subtask",
    "taskstop_v2.1.100",
    "branch_while_bg",
)


async def delegations(store: Store) -> list[Span]:
    spans = (await captured.every_span(store)).values()
    return [span for span in spans if span.kind is SpanKind.DELEGATION]


@pytest.fixture
def store_named(tmp_path: Path) -> Callable[[str], Store]:
    return lambda name: open_empty(tmp_path / f"{name}.db")


def described(value: Any, words: str) -> Any:
    """The same with other words in the description and the prompt of every use of a tool, wherever they are."""
    if isinstance(value, dict):
        return {
            key: f"{words} {one}"
            if key in {"description", "prompt"} and isinstance(one, str)
            else described(one, words)
            for key, one in value.items()
        }
    return [described(one, words) for one in value] if isinstance(value, list) else value


def transcripts(folder: Path, words: str) -> Path:
    """A captured session whose delegation is described in other words."""
    origin = captured.projects("success")
    for path in origin.rglob("*.jsonl"):
        lines = [described(json.loads(line), words) for line in path.read_text(encoding="utf-8").splitlines()]
        scripted.write(folder / path.relative_to(origin), b"".join(map(scripted.dumped, lines)))
    return folder


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_it_is_what_the_rules_make_of_name_and_task(scenario: str, store: Store) -> None:
    await captured.importing(store).paths([captured.projects(scenario)])
    guess = TypeGuesser()
    for span in await delegations(store):
        expected = guess([text for text in (span.name, span.task) if text])
        assert (span.guessed_type, span.guessed_by) == (expected or (None, None))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("[Data  Migration/high]", ("data migration", None, Level.HIGH), id="stated at the opening"),
        pytest.param("[review]", (None, "review", None), id="a known type alone is a guess"),
        pytest.param("[WIP/high]", ("wip", None, Level.HIGH), id="any type that is stated"),
        pytest.param("Document", (None, "docs", None), id="guessed"),
        pytest.param("Bake", (None, "search", None), id="guessed from what comes later"),
    ],
)
async def test_what_is_stated_at_the_opening_is_no_guess(
    words: str, expected: tuple[str | None, str | None, Level | None], store: Store, tmp_path: Path
) -> None:
    await captured.importing(store).paths([transcripts(tmp_path / "projects", words)])
    (span,) = await delegations(store)
    assert (span.task_type, span.guessed_type, span.complexity) == expected


async def test_hooks_alone_tell_it_as_soon_as_they_tell_the_task(
    tmp_path: Path, store_named: Callable[[str], Store]
) -> None:
    events = [replace(event, payload=described(event.payload, "Review")) for event in telling.told("background")]

    async def after(some: Sequence[Event]) -> list[Span]:
        store, spool = store_named(str(len(some))), tmp_path / f"spool-{len(some)}"
        telling.leave_all(spool, some)
        await telling.capturing(store, [spool], clock=lambda: some[-1].at).catch_up()
        found = await delegations(store)
        await store.close()
        return found

    seen = [span for number in range(1, len(events) + 1) for span in await after(events[:number])]
    assert {span.status for span in seen} == {Status.RUNNING, Status.OK}
    assert {(span.task_type, span.guessed_type, span.guessed_by) for span in seen} == {(None, "review", "words/1")}
