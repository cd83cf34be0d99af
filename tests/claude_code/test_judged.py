"""Captured sessions are judged by their own evidence, exactly as written by hand beside them."""

import random
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.analysis.evidence.conclusions import rewards
from mcp_server.service.exporting import Exporting, Scope
from mcp_server.service.reporting import Reporting
from storage.queries import Batch
from storage.records import Reward
from storage.store import Store
from storage.vocabulary import VERIFIED, RewardSource, SpanKind
from tests.claude_code import captured, growing, judged_sessions
from tests.factories import NOON

pytestmark = pytest.mark.anyio


@pytest.fixture(params=judged_sessions.SCENARIOS)
def scenario(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def figures(store: Store) -> dict[str, Any]:
    return {name: value for name, value in (await Reporting(store).stats()).items() if name in {"groups", "totals"}}


async def test_an_import_concludes_what_a_person_would(scenario: str, store: Store) -> None:
    report = await captured.importing(store).paths([judged_sessions.projects(scenario)])
    assert (report.problems, report.unreadable_lines) == ([], 0)
    found = await judged_sessions.concluded(store, await captured.every_span(store))
    assert found == judged_sessions.expected(scenario)


QUICK: Final = (growing.at_bytes, growing.main_first)
"""Ways to cut that the default suite goes."""


@pytest.mark.parametrize(
    "cut", [pytest.param(cut, marks=() if cut in QUICK else pytest.mark.slow) for cut in growing.CUTS]
)
async def test_a_session_that_grows_is_judged_as_if_read_at_once(
    scenario: str, cut: growing.Cut, store: Store, tmp_path: Path
) -> None:
    grow = growing.Growing(judged_sessions.projects(scenario), tmp_path / "projects")
    rng = random.Random(f"{scenario} {cut.__name__}")
    for _ in range(2):
        sizes = {path: size for path, content in grow.files.items() if (size := cut(rng, path, content)) is not None}
        grow.grow(sizes)
        await captured.importing(store).paths([grow.folder])
    grow.complete()
    await captured.importing(store).paths([grow.folder])
    found = await judged_sessions.concluded(store, await captured.every_span(store))
    assert found == judged_sessions.expected(scenario)


async def test_the_order_of_spans_and_whether_some_come_twice_changes_nothing(scenario: str, store: Store) -> None:
    await captured.importing(store).paths([judged_sessions.projects(scenario)])
    spans = list((await captured.every_span(store)).values())
    (session_id,) = {span.session_id for span in spans}
    at_once = rewards(session_id, spans)
    for seed in range(5):
        mixed = random.Random(seed).sample([*spans, *spans], 2 * len(spans))
        assert rewards(session_id, mixed) == at_once


async def test_reading_it_again_concludes_nothing_new(scenario: str, store: Store, tmp_path: Path) -> None:
    grow = growing.Growing(judged_sessions.projects(scenario), tmp_path / "projects")
    grow.complete()
    await captured.importing(store).paths([grow.folder])
    before = await captured.contents(store)
    for file in grow.folder.rglob("*.jsonl"):
        file.touch()
    again = await captured.importing(store).paths([grow.folder])
    assert (again.sessions_read, again.created, again.updated) == (1, 0, 0)
    assert await captured.contents(store) == before


async def test_a_hint_from_words_changes_no_figure(scenario: str, store: Store) -> None:
    await captured.importing(store).paths([judged_sessions.projects(scenario)])
    before = await figures(store)
    delegations = [one for one in (await captured.every_span(store)).values() if one.kind is SpanKind.DELEGATION]
    hints = [
        Reward(
            reward_id=f"hint-{span.span_id}",
            span_id=span.span_id,
            value=float(number % 2),
            source=RewardSource.KEYWORD,
            given_at=NOON,
        )
        for number, span in enumerate(delegations)
    ]
    await store.add(Batch(rewards=hints))
    assert await figures(store) == before


@pytest.mark.parametrize(
    ("name", "value", "source"), [("verdict_of_parent", 1, "verifier"), ("verdict_of_user", 0, "human")]
)
async def test_a_verdict_shows_at_once_in_statistics_and_export(
    name: str, value: float, source: str, store: Store
) -> None:
    await captured.importing(store).paths([judged_sessions.projects(name)])
    totals = (await figures(store))["totals"]
    assert (totals["verified_n"], totals["verified_success_n"], totals["mean_reward"]) == (1, int(value), value)
    lines = [line async for line in Exporting(store).spans(Scope(), kinds=["delegation"])]
    assert [(line["reward"], line["reward_source"]) for line in lines] == [(value, source)]


async def test_how_many_delegations_got_a_reward_that_counts(store: Store) -> None:
    await captured.importing(store).paths([judged_sessions.FOLDER])
    delegations = [one for one in (await captured.every_span(store)).values() if one.kind is SpanKind.DELEGATION]
    counted = [one for one in delegations if one.reward_source not in (None, RewardSource.KEYWORD)]
    verified = [one for one in delegations if one.reward_source in VERIFIED]
    assert (len(verified), len(counted), len(delegations)) == (7, 11, 21)
