"""Did the last edit of an agent's definition help?"""

import random
from typing import Any

import pytest

from mcp_server.analysis.agent_versions import Effect, last_edits
from storage.records import Span
from tests.analysis.judged import a_delegation


def version(name: str | None, successes: int, n: int, **changes: Any) -> list[Span]:
    return [
        a_delegation(float(place < successes), agent_version=name, **{"task_type": "search", **changes})
        for place in range(n)
    ]


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        pytest.param(10, 28, Effect.HELPED, id="far more succeed"),
        pytest.param(28, 10, Effect.HURT, id="far fewer succeed"),
        pytest.param(20, 22, Effect.UNCLEAR, id="about as many succeed"),
    ],
)
def test_the_newest_version_is_compared_with_the_one_before(before: int, after: int, effect: Effect) -> None:
    spans = version("a", 30, 30) + version("b", before, 30) + version("c", after, 30)
    random.Random(1).shuffle(spans)
    (edit,) = last_edits(spans)
    assert (edit.before, edit.after, edit.effect, edit.verified) == ("b", "c", effect, (30, 30))
    assert edit.success.value == pytest.approx((after - before) / 30)


def test_easier_tasks_do_not_make_a_version_better() -> None:
    older = version("a", 18, 20) + version("a", 2, 20, task_type="debug")
    newer = version("b", 90, 100) + version("b", 1, 10, task_type="debug")
    (edit,) = last_edits(older + newer)
    assert edit.effect is Effect.UNCLEAR
    assert edit.success.value == pytest.approx(0)


def test_an_edit_is_seldom_blamed_or_praised_for_nothing() -> None:
    chance = random.Random(5)
    rounds = 400
    wrong = 0
    for _ in range(rounds):
        rate = chance.uniform(0.1, 0.95)
        spans = [
            a_delegation(float(chance.random() < rate), agent_version=name) for name in ("a", "b") for _ in range(20)
        ]
        wrong += last_edits(spans)[0].effect is not Effect.UNCLEAR
    assert wrong / rounds <= 0.12  # both ends of a 90 % interval


def test_without_versions_or_with_too_few_verdicts_nothing_is_said() -> None:
    assert last_edits(version(None, 10, 20)) == []
    assert last_edits(version("a", 10, 20) + version("b", 4, 4)) == []
    assert last_edits(version("a", 10, 20) + version("b", 10, 20, task_type="docs")) == []
