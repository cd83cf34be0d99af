"""The judged delegations of a store as routing learns from them, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mcp_server.analysis.delegations import cost_of, in_order, is_verified
from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.policies import Past
from mcp_server.analysis.routing.rollups import Judged
from mcp_server.analysis.weights import weight
from storage.queries import PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome

NEWEST: Final = 2000
"""So many judged delegations are read, unless somebody asks for another number."""
_PAGE: Final = 500
_JUDGED: Final = (Outcome.SUCCESS, Outcome.PARTIAL, Outcome.FAILURE)


@dataclass(frozen=True, slots=True)
class Log:
    """Judged delegations by start, oldest first."""

    rows: Sequence[Past]
    first: datetime | None
    """Start of the oldest."""
    last: datetime | None
    left_out: bool
    """Whether there are older ones."""

    @property
    def verified_n(self) -> int:
        """How many a person, a test or a verifier judged."""
        return sum(row.judged.verified for row in self.rows)


async def judged_log(
    store: Store, *, since: datetime | None = None, agent_types: frozenset[str] | None = None, newest: int = NEWEST
) -> Log:
    """The newest delegations whose reward counts as evidence.

    Args:
        store: where from.
        since: started at this time or later.
        agent_types: only these.
        newest: at most so many.
    """
    found: list[Span] = []
    more = False
    for outcome in _JUDGED:
        question = SpanFilter(outcome=outcome, since=since, agent_types=agent_types)
        spans, went_on = await _counting(store, question, newest)
        found += spans
        more |= went_on
    ordered = in_order(found)
    kept = ordered[max(0, len(ordered) - newest) :]
    return Log(
        rows=[_past(span) for span in kept],
        first=kept[0].started_at if kept else None,
        last=kept[-1].started_at if kept else None,
        left_out=more or len(kept) < len(ordered),
    )


async def _counting(store: Store, question: SpanFilter, newest: int) -> tuple[list[Span], bool]:
    """The newest of one outcome, and whether there are more."""
    found: list[Span] = []
    after: str | None = None
    while True:
        page = await store.find(question, PageRequest(limit=_PAGE, after=after))
        found += [span for span in page.items if _weight(span) > 0]
        after = page.next
        if len(found) > newest or after is None:
            return found[:newest], len(found) > newest


def _weight(span: Span) -> float:
    # An error that nobody judged is a failure without a reward: it says nothing of its arm.
    return 0.0 if span.reward is None else weight(span.reward_source, span.status)


def _past(span: Span) -> Past:
    ended_at = span.ended_at or span.started_at
    return Past(
        judged=Judged(
            span_id=span.span_id,
            cell=Cell(Arm(span.agent_type, span.model), Profile(span.type_of_task, span.complexity)),
            day=ended_at.toordinal(),
            reward=span.reward or 0.0,
            weight=_weight(span),
            verified=is_verified(span),
        ),
        task=span.task or "",
        cost_usd=cost_of(span),
        duration_ms=span.duration_ms,
    )
