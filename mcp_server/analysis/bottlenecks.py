"""Arms that hold sessions up: on the path that decides how long one takes, and succeeding less than the others."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mcp_server.analysis.delegations import Arm, arm_of, in_order, is_verified, succeeded
from mcp_server.analysis.intervals import Difference, difference
from mcp_server.analysis.spending import sum_ms
from storage.records import Span


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """An arm that is on critical paths and succeeds less there than all others do."""

    arm: Arm
    success: Difference
    """Its success on critical paths less that of all other delegations; the whole interval lies below 0."""
    verified_n: int
    ms: int | None
    """Time that sessions waited for its verified delegations that did not succeed, as far as known."""
    spans: Sequence[Span]
    """Those delegations, by start."""


def bottlenecks(spans: Iterable[Span], on_critical_path: Collection[str]) -> list[Bottleneck]:
    """Arms that hold sessions up, most time lost first.

    Args:
        spans: delegations of any sessions.
        on_critical_path: ids of the spans that lie on the critical path of their session.
    """
    on_path: dict[Arm, list[Span]] = defaultdict(list)
    verified = [span for span in in_order(spans) if is_verified(span)]
    for span in verified:
        if span.span_id in on_critical_path:
            on_path[arm_of(span)].append(span)
    whole, all_successes = len(verified), sum(map(succeeded, verified))
    found: list[Bottleneck] = []
    for arm, some in on_path.items():
        successes = sum(map(succeeded, some))
        success = difference(successes, len(some), all_successes - successes, whole - len(some))
        if success is not None and success.high < 0:
            lost = [span for span in some if not succeeded(span)]
            found.append(Bottleneck(arm, success, len(some), sum_ms(lost), lost))
    return sorted(found, key=lambda one: (-(one.ms or 0), str(one.arm)))
