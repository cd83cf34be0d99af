"""Findings worth acting on, each with its evidence, its size and the change it suggests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mcp_server.analysis.spending import sum_ms, sum_usd
from storage.records import Span
from storage.vocabulary import Outcome

EVIDENCE_SHOWN: Final = 20
"""At most so many span ids of one finding, the most telling first; `n` counts all."""


class Kind(StrEnum):
    """What a finding is about."""

    SAVING = "saving"
    REALISED = "realised"
    BOTTLENECK = "bottleneck"
    WASTE = "waste"
    ANOMALY = "anomaly"
    SESSION = "session"
    DRIFT = "drift"
    PATTERN = "pattern"
    LOOP = "loop"
    FAILING_CALL = "failing_call"
    INLINE = "inline"
    VERSION = "version"
    VERDICTS = "verdicts"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True)
class Size:
    """How much a finding is about; None where that is unknown or not the point."""

    usd: float | None = None
    ms: int | None = None
    failures: float | None = None


@dataclass(frozen=True, slots=True)
class Insight:
    """One finding."""

    kind: Kind
    text: str
    n: int
    """Delegations it rests on."""
    low: float | None
    """Lower end of the 90 % interval of the figure that the text gives; None where it has none."""
    high: float | None
    size: Size
    span_ids: Sequence[str]
    """At most 20 that show it."""
    change: str
    """What to do about it."""


def whole_of(spans: Iterable[Span]) -> Size:
    """What all delegations of the period cost, took and failed."""
    some = list(spans)
    return Size(sum_usd(some), sum_ms(some), float(sum(span.outcome is Outcome.FAILURE for span in some)))


def ordered(insights: Iterable[Insight], whole: Size) -> list[Insight]:
    """The largest first: by the share of all money, time or failures that it is about, whichever is largest."""

    def share(insight: Insight) -> float:
        pairs = (
            (insight.size.usd, whole.usd),
            (insight.size.ms, whole.ms),
            (insight.size.failures, whole.failures),
        )
        return max(part / all_of_it if part and all_of_it else 0.0 for part, all_of_it in pairs)

    return sorted(insights, key=lambda insight: (-share(insight), -insight.n, insight.kind, insight.text))


def ids(spans: Iterable[Span]) -> tuple[str, ...]:
    """The first 20."""
    return tuple(span.span_id for span in spans)[:EVIDENCE_SHOWN]


def points(share: float) -> str:
    """A difference of two rates as people say it."""
    return f"{share * 100:+.0f} points"
