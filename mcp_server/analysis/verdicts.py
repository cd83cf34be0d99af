"""Which delegations a verdict would tell most about."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.delegations import Arm, arm_of, in_order, is_verified
from storage.records import Span

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class VerdictsWanted:
    """How much of the work was never judged, and where a verdict would tell most."""

    n: int
    """Delegations that have ended."""
    verified_n: int
    spans: Sequence[Span]
    """At most 5 without a verdict: those of the arms with the fewest verdicts first, newest first among them."""


def verdicts_wanted(spans: Iterable[Span]) -> VerdictsWanted | None:
    """Where a verdict would tell most; None where everything is judged or nothing has ended."""
    ended = [span for span in in_order(spans) if span.ended_at is not None]
    verdicts: dict[Arm, int] = defaultdict(int)
    for span in ended:
        verdicts[arm_of(span)] += is_verified(span)
    unjudged = [span for span in reversed(ended) if not is_verified(span)]
    if not unjudged:
        return None
    asked = sorted(unjudged, key=lambda span: verdicts[arm_of(span)])[:SHOWN]
    return VerdictsWanted(len(ended), sum(verdicts.values()), asked)
