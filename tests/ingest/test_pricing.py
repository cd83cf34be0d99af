"""What a request cost, at its own time and by the classes of its tokens."""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.ingest.pricing import STANDARD, Terms, bare, cost_usd
from mcp_server.ingest.usage import Usage
from tests.claude_code import captured

EARLY: Final = datetime(2026, 3, 1, tzinfo=UTC)
LATE: Final = datetime(2026, 11, 20, tzinfo=UTC)
MODEL: Final = "claude-opus-5-5"
ONE_OF_EACH: Final = {name: Usage(**{name: 1000}) for name in Usage._fields}

_counts = st.integers(0, 10_000_000)
_usages = st.builds(Usage, _counts, _counts, _counts, _counts, _counts)
_models = st.sampled_from([MODEL, "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-6", "claude-sonnet-4-5"])


@pytest.mark.parametrize(
    ("model", "per_1000"),
    [
        pytest.param("claude-opus-5-5", (0.004, 0.02, 0.0002, 0.005, 0.008), id="claude-opus-5-5"),
        pytest.param("claude-sonnet-5-5", (0.002, 0.01, 0.0001, 0.0025, 0.004), id="claude-sonnet-5-5"),
        pytest.param("claude-haiku-4-5-20251001", (0.001, 0.005, 0.0001, 0.00125, 0.002), id="claude-haiku-4-5"),
        pytest.param("claude-opus-4-1-20250805", (0.015, 0.075, 0.0015, 0.01875, 0.03), id="claude-opus-4-1"),
    ],
)
def test_each_class_of_tokens_has_its_own_price(model: str, per_1000: tuple[float, ...]) -> None:
    prices = [cost_usd(model, usage, LATE) for usage in ONE_OF_EACH.values()]
    assert prices == pytest.approx(per_1000, abs=1e-12)


@given(usage=_usages)
def test_the_classes_add_up(usage: Usage) -> None:
    parts = (Usage(**{name: count}) for name, count in usage._asdict().items())
    assert cost_usd(MODEL, usage, LATE) == pytest.approx(sum(cost_usd(MODEL, part, LATE) or 0 for part in parts))


@given(model=_models, one=_usages, other=_usages, at=st.sampled_from([EARLY, LATE]))
def test_more_tokens_never_cost_less(model: str, one: Usage, other: Usage, at: datetime) -> None:
    less, more = cost_usd(model, one, at), cost_usd(model, one.plus(other), at)
    assert less is not None
    assert more is not None
    assert 0 <= less <= more * (1 + 1e-12)


def test_nothing_costs_nothing() -> None:
    assert cost_usd(MODEL, Usage(), LATE) == 0


@pytest.mark.parametrize(
    ("usage", "at", "cost"),
    [
        pytest.param(Usage(200_000), EARLY, 1.0, id="short, at the old price"),
        pytest.param(Usage(300_000), EARLY, 3.0, id="long, at the old price"),
        pytest.param(Usage(300_000), LATE, 1.5, id="long, after that was given up"),
        pytest.param(Usage(50_000, 0, 250_000), EARLY, 0.75, id="what is read from the cache makes a request long"),
    ],
)
def test_a_request_is_priced_by_its_size_and_its_day(usage: Usage, at: datetime, cost: float) -> None:
    assert cost_usd("claude-opus-4-6", usage, at) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("terms", "cost"),
    [
        pytest.param(STANDARD, 0.004, id="standard"),
        pytest.param(Terms(fast=True), 0.008, id="fast"),
        pytest.param(Terms(web_searches=2), 0.024, id="with searches"),
    ],
)
def test_terms_change_the_price(terms: Terms, cost: float) -> None:
    assert cost_usd(MODEL, Usage(1000), LATE, terms) == pytest.approx(cost)


@pytest.mark.parametrize("model", ["claude-unheard-of-9", "my-own-model", "haiku", "inherit", "<synthetic>", "x" * 999])
def test_the_price_of_an_unknown_model_is_not_known(model: str) -> None:
    assert cost_usd(model, Usage(1000, 1000), LATE) is None
    assert cost_usd(model, Usage(), LATE) is None


def test_a_price_beyond_all_reason_is_not_known() -> None:
    assert cost_usd(MODEL, Usage(2**53 - 1, 2**53 - 1), LATE) is None


@pytest.mark.parametrize("name", ["claude-opus-5-5[1m]", "claude-opus-5-5[200m]"])
def test_the_suffix_for_a_size_of_context_changes_nothing(name: str) -> None:
    assert bare(name) == MODEL
    assert cost_usd(name, Usage(1000, 1000), LATE) == cost_usd(MODEL, Usage(1000, 1000), LATE)


@pytest.mark.parametrize(
    "model", ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic/claude-sonnet-4.5", "gpt-5"]
)
def test_models_of_other_providers_have_prices_as_well(model: str) -> None:
    assert cost_usd(model, Usage(1000), LATE)


@cache
def _stated() -> dict[str, dict[str, Any]]:
    """What the client itself summed up in captured sessions: one case for each session and model."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(captured.SESSIONS.glob("*/projects/*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.startswith('{"type":"cost-state"'):
                for model, stated in json.loads(line)["modelUsage"].items():
                    found[f"{path.parts[-4]} {path.stem[:8]} {model}"] = {"model": model, **stated}
    return found


def test_the_client_states_costs() -> None:
    assert len(_stated()) > 40
    assert len({stated["model"] for stated in _stated().values()}) >= 3


@pytest.mark.parametrize("case", _stated())
def test_our_prices_are_the_clients_own(case: str) -> None:
    stated = _stated()[case]
    usage = Usage(
        stated["inputTokens"],
        stated["outputTokens"],
        stated["cacheReadInputTokens"],
        stated["cacheCreationEphemeral5mInputTokens"],
        stated["cacheCreationEphemeral1hInputTokens"],
    )
    assert cost_usd(stated["model"], usage, LATE) == pytest.approx(stated["costUSD"], abs=1e-9)
