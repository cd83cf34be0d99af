"""Delegations by arm on tasks alike, with what was judged of them and what they cost.

What a delegation cost includes all that it delegated further. One inside another of the same arm and type is therefore
no case of its own: its cost is in the other's already, and would be saved only once.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mcp_server.analysis.delegations import Arm, arm_of, cost_of, is_verified, succeeded
from mcp_server.analysis.intervals import LEAST_EVIDENCE
from storage.records import Span
from storage.vocabulary import Level


@dataclass(slots=True)
class Cases:
    """One arm on tasks alike."""

    judged: list[Span] = field(default_factory=list)
    """The verified ones."""
    costs_usd: list[float] = field(default_factory=list)
    """Of each case of which the cost is known."""
    n: int = 0
    """Judged or not; one inside another of its like is none."""

    @property
    def successes(self) -> int:
        """Of the verified ones."""
        return sum(map(succeeded, self.judged))

    @property
    def mean_usd(self) -> float:
        """Of the known costs, of which there must be one."""
        return math.fsum(self.costs_usd) / len(self.costs_usd)

    @property
    def error_squared(self) -> float:
        """Variance of that mean; two costs must be known."""
        mean, n = self.mean_usd, len(self.costs_usd)
        return math.fsum((usd - mean) ** 2 for usd in self.costs_usd) / ((n - 1) * n)

    def is_enough(self) -> bool:
        """Whether success and cost can be compared."""
        return len(self.judged) >= LEAST_EVIDENCE and len(self.costs_usd) >= LEAST_EVIDENCE


ByComplexity = Mapping[Level | None, Cases]


def by_type_and_arm(spans: Iterable[Span]) -> dict[tuple[str, Arm], dict[Level | None, Cases]]:
    """Delegations by type of task and arm, then by complexity; those without a type or a model are left out.

    Args:
        spans: delegations in any order; of one that comes twice the last holds.
    """
    tables: dict[tuple[str, Arm], dict[Level | None, Cases]] = defaultdict(lambda: defaultdict(Cases))
    known = {span.span_id: span for span in spans}
    for span in sorted(known.values(), key=lambda span: span.span_id):
        if span.type_of_task is None or span.model is None:
            continue
        cases = tables[span.type_of_task, arm_of(span)][span.complexity]
        if is_verified(span):
            cases.judged.append(span)
        if _is_inside_its_like(span, known):
            continue
        cases.n += 1
        cost_usd = cost_of(span)
        if cost_usd is not None:
            cases.costs_usd.append(cost_usd)
    return dict(sorted(tables.items(), key=lambda item: (item[0][0], str(item[0][1]))))


def _is_inside_its_like(span: Span, known: Mapping[str, Span]) -> bool:
    """Whether a delegation is, at any depth, below one of the same arm and type."""
    above, seen = known.get(span.parent_span_id or ""), {span.span_id}
    while above is not None and above.span_id not in seen:
        seen.add(above.span_id)
        if (above.type_of_task, arm_of(above)) == (span.type_of_task, arm_of(span)):
            return True
        above = known.get(above.parent_span_id or "")
    return False
