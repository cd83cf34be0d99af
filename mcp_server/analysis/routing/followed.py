"""What became of suggestions: of those that were followed, and of those that were not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_server.analysis.delegations import cost_of, is_verified, succeeded
from mcp_server.analysis.intervals import Difference, Estimate, difference, success_rate
from storage.records import Span


@dataclass(frozen=True, slots=True)
class Brought:
    """What some delegations brought."""

    n: int
    verified_n: int
    success_n: int
    """Of the verified ones."""
    success: Estimate | None
    """None where too few are verified."""
    cost_usd: float | None
    """Mean of the known ones."""
    duration_ms: float | None
    """Mean of the known ones."""


def brought(spans: Sequence[Span]) -> Brought:
    """Success by verified judgements, cost and time of some delegations."""
    verified = [span for span in spans if is_verified(span)]
    successes = sum(map(succeeded, verified))
    return Brought(
        n=len(spans),
        verified_n=len(verified),
        success_n=successes,
        success=success_rate(successes, len(verified)),
        cost_usd=_mean(cost_of(span) for span in spans),
        duration_ms=_mean(span.duration_ms for span in spans),
    )


def success_difference(followed: Brought, others: Brought) -> Difference | None:
    """How much more often delegations succeeded that followed; None where too few of either are verified.

    No proof that following helped: people follow where they see no reason not to.
    """
    return difference(followed.success_n, followed.verified_n, others.success_n, others.verified_n)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
