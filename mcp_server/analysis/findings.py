"""Everything there is to find in some delegations, from one call."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mcp_server.analysis import changes, notices
from mcp_server.analysis.agent_versions import last_edits
from mcp_server.analysis.anomalies import anomalies
from mcp_server.analysis.bottlenecks import bottlenecks
from mcp_server.analysis.delegations import is_verified
from mcp_server.analysis.drift import drifts
from mcp_server.analysis.expectations import failing_sessions
from mcp_server.analysis.insights import Insight, ordered, whole_of
from mcp_server.analysis.patterns import loops, patterns, repeated_failures
from mcp_server.analysis.realised import realised
from mcp_server.analysis.savings import MARGIN, savings
from mcp_server.analysis.spending import Budget, exceeded, inline_candidates, wasted
from mcp_server.analysis.verdicts import verdicts_wanted
from storage.records import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What is looked through."""

    delegations: Sequence[Span]
    """In any order, with tool sequences and tasks; those earlier than `since` are history only and need neither."""
    since: datetime | None = None
    """Findings are about delegations that started at this time or later; None is for all."""
    calls: Sequence[Span] = ()
    """Tool calls with their inputs, for those that fail again and again."""
    on_critical_path: Collection[str] = frozenset()
    """Ids of the delegations on which the end of their session waited."""
    paths_of: Collection[str] | None = None
    """Ids of the sessions whose critical path is known; None is for all of them."""
    budgets: Sequence[Budget] = ()
    margin: float = MARGIN
    """By how much success may be lower and still count as not worse, in (0, 1)."""
    watch: bool = False
    """Whether arms that may drift are told too, long before it is sure: of ten arms one is, with nothing wrong."""
    verified_n: int | None = None
    """How many of the user's delegations are verified, these and others; None where these are all."""


def findings(material: Material) -> list[Insight]:
    """All findings, the largest first; none where there is not enough data for any."""
    spans = [span for span in material.delegations if _is_meant(span, material)]
    known = [span for span in spans if material.paths_of is None or span.session_id in material.paths_of]
    found = [changes.of_saving(saving, material.margin) for saving in savings(spans, margin=material.margin)]
    found += map(changes.of_bottleneck, bottlenecks(known, material.on_critical_path))
    found += map(changes.of_waste, wasted(spans))
    found += map(changes.of_inline, inline_candidates(spans))
    found += map(changes.of_excess, exceeded(spans, material.budgets))
    found += map(notices.of_pattern, patterns(spans))
    found += map(notices.of_loop, loops(spans))
    found += map(notices.of_repeated_failure, repeated_failures(material.calls))
    found += _notices(material)
    found += _followed(material, spans)
    verified_n = sum(map(is_verified, spans)) if material.verified_n is None else material.verified_n
    wanted = verdicts_wanted(spans, verified_n)
    found += [] if wanted is None else [changes.of_verdicts(wanted)]
    return ordered(found, whole_of(spans))


def _notices(material: Material) -> Iterable[Insight]:
    looked = anomalies(material.delegations, since=material.since)
    yield from notices.of_anomalies(looked)
    for drift in drifts(material.delegations, watch=material.watch):
        if _is_meant(drift.spans[-1], material):
            yield notices.of_drift(drift)
    for edit in last_edits(material.delegations):
        if _is_meant(edit.spans[-1], material):
            yield notices.of_edit(edit)
    for failing in failing_sessions(material.delegations):
        if _is_meant(failing.spans[-1], material):
            yield notices.of_shortfall(failing.session_id, failing.shortfall, failing.spans)


def _followed(material: Material, later: Sequence[Span]) -> Iterable[Insight]:
    """What the savings that were there to see before the period brought in it."""
    earlier = [span for span in material.delegations if not _is_meant(span, material)]
    for saving in savings(earlier, margin=material.margin):
        brought = realised(saving, earlier, later)
        if brought is not None:
            yield changes.of_realised(brought)


def _is_meant(span: Span, material: Material) -> bool:
    return material.since is None or span.started_at >= material.since
