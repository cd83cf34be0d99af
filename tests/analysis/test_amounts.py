"""Money and time as people read them."""

import pytest

from mcp_server.analysis.amounts import duration, money, told_apart


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        pytest.param(0.0, "$0.0000", id="nothing"),
        pytest.param(0.00001, "<$0.0001", id="above nothing"),
        pytest.param(0.8675, "$0.8675", id="below a dollar"),
        pytest.param(1234.5, "$1,234.50", id="dollars"),
        pytest.param(-2.5, "-$2.50", id="a loss"),
    ],
)
def test_money_is_told_in_its_digits(usd: float, text: str) -> None:
    assert money(usd) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (107_000, "1 min 47 s"), (120_000, "2 min"),
        (9_000_000, "2 h 30 min"), (180_000_000, "2 d 2 h"),
    ],
)  # fmt: skip
def test_a_duration_is_told_in_its_unit(ms: float, text: str) -> None:
    assert duration(ms) == text


def test_two_figures_that_differ_look_different() -> None:
    assert told_apart(0.00002, 0.00001, money) == ("$0.00002", "$0.00001")
    assert told_apart(2.0, 1.0, money) == ("$2.00", "$1.00")
    assert told_apart(1.0, 1.0, money) == ("$1.00", "$1.00")
