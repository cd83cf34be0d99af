"""Whether the last edit of an agent's definition helped: its newest version beside the one before, on tasks alike."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mcp_server.analysis.delegations import cost_of, in_order, is_verified, succeeded
from mcp_server.analysis.intervals import LEAST_EVIDENCE, Difference, Stratum, stratified
from storage.records import Span
from storage.vocabulary import Level


class Effect(StrEnum):
    """What an edit did to success."""

    HELPED = "helped"
    HURT = "hurt"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Edit:
    """Two consecutive versions of one agent."""

    agent_type: str
    before: str
    after: str
    success: Difference
    """Success of the newer version less that of the older one, on the newer one's mixture of tasks."""
    verified: tuple[int, int]
    """Verified delegations that could be compared: of the older version, of the newer one."""
    cost_usd: tuple[float | None, float | None]
    """Mean cost of one delegation, older and newer; None where none is known."""
    spans: Sequence[Span]
    """The verified delegations of the newer version."""

    @property
    def effect(self) -> Effect:
        """What the 90 % interval leaves possible."""
        if self.success.low > 0:
            return Effect.HELPED
        return Effect.HURT if self.success.high < 0 else Effect.UNCLEAR


_Tasks = tuple[str | None, str | None, Level | None]


def last_edits(spans: Iterable[Span]) -> list[Edit]:
    """The last edit of each agent that has one with enough data on both sides, by agent.

    Compared are delegations alike in model, task type and complexity; at least 5 verified ones of each version.

    Args:
        spans: delegations in any order; those without a version are left out.
    """
    versions: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for span in in_order(spans):
        if span.agent_version is not None:
            versions[span.agent_type][span.agent_version].append(span)
    found: list[Edit] = []
    for agent_type, histories in sorted(versions.items()):
        if len(histories) > 1:
            before, after = list(histories)[-2:]  # by first appearance
            edit = _edit(agent_type, (before, histories[before]), (after, histories[after]))
            if edit is not None:
                found.append(edit)
    return found


def _edit(agent_type: str, older: tuple[str, list[Span]], newer: tuple[str, list[Span]]) -> Edit | None:
    old, new = _verified_by_tasks(older[1]), _verified_by_tasks(newer[1])
    shared = [tasks for tasks in new if tasks in old]
    verified = sum(len(old[tasks]) for tasks in shared), sum(len(new[tasks]) for tasks in shared)
    if min(verified) < LEAST_EVIDENCE:
        return None
    strata = [
        Stratum(
            weight=len(new[tasks]),
            successes=sum(map(succeeded, new[tasks])),
            n=len(new[tasks]),
            other_successes=sum(map(succeeded, old[tasks])),
            other_n=len(old[tasks]),
        )
        for tasks in shared
    ]
    return Edit(
        agent_type=agent_type,
        before=older[0],
        after=newer[0],
        success=stratified(strata),
        verified=verified,
        cost_usd=(_mean_usd(older[1]), _mean_usd(newer[1])),
        spans=in_order(span for tasks in shared for span in new[tasks]),
    )


def _verified_by_tasks(spans: Iterable[Span]) -> dict[_Tasks, list[Span]]:
    found: dict[_Tasks, list[Span]] = defaultdict(list)
    for span in spans:
        if is_verified(span):
            found[span.model, span.type_of_task, span.complexity].append(span)
    return found


def _mean_usd(spans: Iterable[Span]) -> float | None:
    costs = [usd for span in spans if (usd := cost_of(span)) is not None]
    return sum(costs) / len(costs) if costs else None
