"""Single delegations far above what their arm usually takes. Each is a notice whose false-alarm rate is known.

One-sided and high, on the logarithm x = ln(1 + v) of earlier values of the same arm:

    z = (x - median) / max(1.4826 median(|x_i - median|), 0.1)      notice when z > 3.5, from 8 earlier values on
    p = (1 + number of earlier values >= v) / (n + 1)               notice when p <= 0.02, from 60 earlier values on

Neither where v < 1.5 median: a difference that small is nothing to look at, however regular the arm.
Sources: Iglewicz and Hoaglin, "How to detect and handle outliers" (1993) for z; Vovk, Gammerman and Shafer,
"Algorithmic learning in a random world" (2005) for p, which assumes no distribution.
"""

import math
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from mcp_server.analysis.delegations import Arm, arm_of, in_order
from mcp_server.analysis.quantiles import quantile
from storage.records import Span

LEAST_HISTORY: Final = 8
CONFORMAL_FROM: Final = 60
NEWEST: Final = 200
"""How many earlier values are looked at."""
OF_TYPE_FROM: Final = 30
"""Earlier values of the same task type from which only those count."""

_Z_ABOVE: Final = 3.5
_P_UP_TO: Final = 0.02
_CONSISTENT: Final = 1.4826  # makes the median deviation that of a normal distribution
_LEAST_SPREAD: Final = 0.1
_LEAST_FACTOR: Final = 1.5
# Measured on real exchangeable series, both rules together: from so many earlier values on, this share is noticed.
_FALSE_RATES: Final = ((120, 0.026), (60, 0.015), (30, 0.007), (15, 0.019), (8, 0.029))


class Measure(StrEnum):
    """What of a delegation may be unusual."""

    DURATION_MS = "duration_ms"
    COST_USD = "cost_usd"
    OUTPUT_TOKENS = "output_tokens"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Outlier:
    """A value far above earlier ones, and which rules say so."""

    value: float
    median: float
    n: int
    """How many earlier values it was compared with."""
    z: float | None
    """Above 3.5; None where this rule did not fire."""
    p: float | None
    """At most 0.02; None where this rule did not fire."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One delegation that took far more than usual."""

    span: Span
    measure: Measure
    outlier: Outlier


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and how much of it chance alone would bring."""

    anomalies: Sequence[Anomaly]
    looked_at: int
    """Values that had enough history."""
    expected_false: float
    """How many notices chance alone would give among so many values."""


_VALUES: Final[dict[Measure, Callable[[Span], float | None]]] = {
    Measure.DURATION_MS: lambda span: span.duration_ms,
    Measure.COST_USD: lambda span: span.cost_usd,
    Measure.OUTPUT_TOKENS: lambda span: span.output_tokens,
    Measure.TOOL_CALLS: lambda span: span.tool_call_count,
}
_SCALES: Final = {
    # The rule adds one to a value so that 0 has a logarithm: money is counted in millionths for that to be nothing.
    Measure.COST_USD: 1e6,
}


def outlier(value: float, history: Sequence[float]) -> Outlier | None:
    """Whether a value is far above earlier ones; None where it is not, or where they are too few to tell.

    Args:
        value: >= 0.
        history: earlier values in any order, each >= 0.
    """
    return _outlier(value, sorted(history))


def false_rate(n: int) -> float:
    """Which share of ordinary values is noticed when each is compared with `n` earlier ones; 0 below 8."""
    return next((rate for least, rate in _FALSE_RATES if n >= least), 0.0)


def anomalies(
    spans: Iterable[Span], *, since: datetime | None = None, measures: Sequence[Measure] = tuple(Measure)
) -> Looked:
    """Delegations that took far more than the earlier ones of their arm.

    What comes later changes nothing about a delegation. Running ones are left out.

    Args:
        spans: delegations, in any order; the earliest are history for the others.
        since: only delegations that started at this time or later are looked at; earlier ones are history.
        measures: what to look at.
    """
    found: list[Anomaly] = []
    looked_at, expected = 0, 0.0
    histories: dict[tuple[Measure, Arm, str | None], _History] = defaultdict(_History)
    for span in in_order(spans):
        if span.ended_at is None:
            continue
        for measure in measures:
            value = _VALUES[measure](span)
            if value is None:
                continue
            scaled = value * _SCALES.get(measure, 1.0)
            of_arm = histories[measure, arm_of(span), None]
            of_type = None if span.type_of_task is None else histories[measure, arm_of(span), span.type_of_task]
            history = of_type if of_type is not None and len(of_type.values) >= OF_TYPE_FROM else of_arm
            if len(history.values) >= LEAST_HISTORY and (since is None or span.started_at >= since):
                looked_at += 1
                expected += false_rate(len(history.values))
                outlying = _outlier(scaled, history.values)
                if outlying is not None:
                    found.append(Anomaly(span, measure, _unscaled(outlying, value, measure)))
            for one in (of_arm, of_type):
                if one is not None:
                    one.keep(scaled)
    return Looked(found, looked_at, expected)


@dataclass(slots=True)
class _History:
    """The newest values, kept in ascending order too."""

    values: list[float] = field(default_factory=list)
    _arrived: deque[float] = field(default_factory=deque)

    def keep(self, value: float) -> None:
        if len(self._arrived) == NEWEST:
            del self.values[bisect_left(self.values, self._arrived.popleft())]
        self._arrived.append(value)
        insort(self.values, value)


def _outlier(value: float, ascending: Sequence[float]) -> Outlier | None:
    n = len(ascending)
    median = quantile(ascending, 0.5)
    if n < LEAST_HISTORY or median is None or value <= median or value < _LEAST_FACTOR * median:
        return None
    middle = (math.log1p(ascending[(n - 1) // 2]) + math.log1p(ascending[n // 2])) / 2
    z, above = 0.0, math.log1p(value) - middle
    if above > _Z_ABOVE * _LEAST_SPREAD:  # nearer than that no spread makes it an outlier
        spread = quantile(sorted(abs(math.log1p(one) - middle) for one in ascending), 0.5) or 0.0
        z = above / max(_CONSISTENT * spread, _LEAST_SPREAD)
    p = (1 + n - bisect_left(ascending, value)) / (n + 1)
    robust, conformal = z > _Z_ABOVE, n >= CONFORMAL_FROM and p <= _P_UP_TO
    if not robust and not conformal:
        return None
    return Outlier(value, median, n, z if robust else None, p if conformal else None)


def _unscaled(found: Outlier, value: float, measure: Measure) -> Outlier:
    return Outlier(value, found.median / _SCALES.get(measure, 1.0), found.n, found.z, found.p)
