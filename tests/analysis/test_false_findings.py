"""How often something is found where there is nothing: histories of chance alone, looked through whole."""

import random
from collections import Counter
from typing import Any

import pytest

from mcp_server.analysis.anomalies import Measure, anomalies
from mcp_server.analysis.drift import drifts
from mcp_server.analysis.findings import Material, findings
from mcp_server.analysis.insights import Kind
from storage.records import Span
from storage.vocabulary import Level, RewardSource
from tests.analysis.judged import a_delegation
from tests.factories import at

_TEMPLATE = a_delegation(1.0, complexity=Level.LOW)
_LONG = 200


def history(chance: random.Random, n: int, rate: float, cost_usd: float = 0.1, **changes: Any) -> list[Span]:
    """Judged delegations a second after another; without validation, for simulations make many."""
    begin = changes.pop("begin", 0)
    return [
        _TEMPLATE.model_copy(
            update={
                "span_id": f"{chance.getrandbits(64):x}",
                "session_id": f"session-{place % 7}",
                "reward": float(chance.random() < rate),
                "reward_source": RewardSource.TEST,
                "cost_usd": cost_usd * chance.lognormvariate(0, 0.7),
                "duration_ms": int(1000 * chance.lognormvariate(0, 1)),
                "started_at": at(begin + place),
                "ended_at": at(begin + place + 1),
                **changes,
            }
        )
        for place in range(n)
    ]


def found(spans: list[Span], **material: Any) -> Counter[Kind]:
    return Counter(insight.kind for insight in findings(Material(delegations=spans, **material)))


@pytest.mark.parametrize(
    ("worse_by", "cheaper_by"),
    [pytest.param(0.0, 1.0, id="as good and as dear"), pytest.param(0.1, 5.0, id="cheap and worse by the margin"),
     pytest.param(0.25, 5.0, id="cheap and much worse")],
)  # fmt: skip
@pytest.mark.parametrize("n", [12, pytest.param(30, marks=pytest.mark.slow)])
def test_savings_are_seldom_claimed_falsely(worse_by: float, cheaper_by: float, n: int) -> None:
    chance = random.Random(f"{worse_by} {n}")
    types = 100
    spans: list[Span] = []
    for number in range(types):
        rate = chance.uniform(0.4, 1.0)
        same = {"task_type": f"type-{number}"}
        spans += history(chance, n, rate, 0.1, model="large", **same)
        spans += history(chance, n, rate - worse_by, 0.1 / cheaper_by, model="small", **same)
    assert found(spans)[Kind.SAVING] / types <= 0.05


def test_arms_like_all_others_are_seldom_called_bottlenecks_or_changed_by_an_edit() -> None:
    chance = random.Random(5)
    arms = 100
    spans = [
        span
        for number in range(arms)
        for version in "ab"
        for span in history(
            chance, 15, 0.8, agent_type=f"agent-{number:03}", agent_version=version, begin=ord(version) * 100
        )
    ]
    path = {span.span_id for span in spans if chance.random() < 0.5}
    counts = found(spans, on_critical_path=path)
    assert counts[Kind.BOTTLENECK] / arms <= 0.08
    told = [one.text for one in findings(Material(delegations=spans)) if one.kind is Kind.VERSION]
    assert len(told) == arms
    assert sum(" helped: " in text or " hurt: " in text for text in told) / arms <= 0.15


def test_arms_that_stay_as_they_are_seldom_drift() -> None:
    """The target is 10 of 100 arms in 200 rewards after the baseline, for each direction."""
    chance = random.Random(8)
    arms = 120
    spans = [
        span
        for number in range(arms)
        for span in history(chance, 30 + _LONG, chance.uniform(0.3, 0.9), agent_type=f"agent-{number}")
    ]
    directions = Counter(drift.direction for drift in drifts(spans))
    assert all(count / arms <= 0.10 for count in directions.values())


def test_ordinary_delegations_are_noticed_no_more_often_than_is_told() -> None:
    chance = random.Random(9)
    spans = [span for number in range(40) for span in history(chance, 60, 0.8, agent_type=f"agent-{number}")]
    looked = anomalies(spans, measures=[Measure.DURATION_MS])
    assert looked.looked_at == 40 * 52
    assert 0 < len(looked.anomalies) <= 1.2 * looked.expected_false
    assert found(spans)[Kind.ANOMALY] <= 5
