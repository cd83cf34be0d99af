"""Figures as people read them."""

from collections.abc import Callable
from typing import Any

import pytest

from mcp_server.dashboard import figures


@pytest.mark.parametrize(
    ("write", "value", "expected"),
    [
        pytest.param(figures.money, None, "\u2013", id="unknown money is a dash"),
        pytest.param(figures.money, 0.0, "$0.000", id="known to cost nothing"),
        pytest.param(figures.money, 0.00042, "$0.00042", id="less than a cent"),
        pytest.param(figures.money, 0.42, "$0.420", id="cents"),
        pytest.param(figures.money, 12.345, "$12.35", id="dollars"),
        pytest.param(figures.money, 12_345.6, "$12,346", id="many dollars"),
        pytest.param(figures.duration, None, "\u2013", id="unknown time is a dash"),
        pytest.param(figures.duration, 12, "12 ms", id="milliseconds"),
        pytest.param(figures.duration, 61_000, "1 min 1 s", id="minutes"),
        pytest.param(figures.duration, 3_600_000, "1 h", id="an hour without rest"),
        pytest.param(figures.duration, 5 * 86_400_000, "5 d", id="days"),
        pytest.param(figures.compact, 9_999, "9,999", id="small enough to write out"),
        pytest.param(figures.compact, 1_234_567, "1.2\u202fM", id="millions"),
        pytest.param(figures.compact, 557_000, "557\u202fk", id="thousands"),
        pytest.param(figures.signed, -0.5, "\u22120.50", id="blame"),
        pytest.param(figures.signed, 0.25, "+0.25", id="credit"),
        pytest.param(figures.share, None, "\u2013", id="an unknown share is a dash"),
    ],
)
def test_a_figure_is_written_in_fitting_units(write: Callable[[Any], str], value: float | None, expected: str) -> None:
    assert write(value) == expected
