"""What following the advice would have changed, on the user's own history."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.routing.policies import Advised, BestSoFar, MostUsed, Past, Policy
from mcp_server.analysis.routing.replay import (
    ASSUMPTIONS,
    CannotSay,
    Change,
    Compared,
    all_compared,
    doubly_robust,
    matched,
    verified_reward,
)
from mcp_server.analysis.routing.utility import Preference
from mcp_server.service.after_advice import followed
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.histories import NEWEST, Log, judged_log
from mcp_server.service.moments import moment
from mcp_server.service.present import Feed
from mcp_server.service.shapes import time_text
from storage.queries import Dimension
from storage.store import Store

SUGGESTIONS: Final = "suggestions"
POLICIES: Final[Mapping[str, str]] = {
    SUGGESTIONS: "what suggest_routing would have said, where its evidence was strong enough",
    "habit": "the arm that was taken most often for the type of task so far",
    "best so far": "the arm with the highest mean reward so far, whatever the type of task",
    "best of type": "the arm with the highest mean reward for the type of task so far",
}
"""Name -> what it does."""
_ALSO_ASSUMED: Final = (
    "A verdict counts as known when the next delegation began, although some were given later.",
    "The intervals take each delegation for itself; those of one session that share a fate make them too narrow.",
)
_DIGITS: Final = 6


def _now() -> datetime:
    return datetime.now(UTC)


class Replaying:
    """Replays a store's judged delegations and answers in plain JSON objects."""

    def __init__(self, store: Store, *, feed: Feed | None = None, clock: Callable[[], datetime] = _now) -> None:
        """Replay a store.

        Args:
            store: where from.
            feed: brings the store up to date before anything is read.
            clock: the present time.
        """
        self._store = store
        self._feed = feed
        self._clock = clock

    async def replay(
        self,
        *,
        prefer: str = Preference.BALANCED,
        since: str | None = None,
        agent_match: str | None = None,
        limit: int = NEWEST,
    ) -> dict[str, Any]:
        """What each policy would have changed in success, cost and time per delegation, with 90 % intervals.

        Pure computing: about a second for 300 judged delegations, ten for 2,000.

        Args:
            prefer: what the suggestions weigh: quality, balanced, cost or speed.
            since: delegations started since then.
            agent_match: only agents in whose type this regular expression is found.
            limit: at most so many judged delegations, the newest.

        Raises:
            BadArgument: a value that cannot be used.
        """
        start = moment("since", since, self._clock())
        if self._feed is not None:
            await self._feed.fresh()
        agents = None
        if agent_match is not None:
            agents = agents_meant(agent_match, await self._store.distinct(Dimension.AGENT_TYPE))
        log = await judged_log(self._store, since=start, agent_types=agents, newest=limit)
        found = all_compared(log.rows, _policies(Preference(prefer)))
        return {
            "prefer": str(prefer),
            "judged": _judged_object(log, limit),
            "happened": _happened(log.rows),
            "policies": [_policy_object(name, what, found[name]) for name, what in POLICIES.items()],
            "recorded": await followed(self._store, since=start, agent_types=agents),
            "assumptions": [*ASSUMPTIONS, *_ALSO_ASSUMED],
        }


def _policies(prefer: Preference) -> dict[str, Policy]:
    makers: Sequence[Policy] = (Advised(prefer), MostUsed(), BestSoFar(), BestSoFar(by_type=True))
    return dict(zip(POLICIES, makers, strict=True))


def _judged_object(log: Log, limit: int) -> dict[str, Any]:
    return {
        "n": len(log.rows),
        "verified_n": log.verified_n,
        "first": time_text(log.first) if log.first else None,
        "last": time_text(log.last) if log.last else None,
        "older_left_out": log.left_out,
        "limit": limit,
    }


def _happened(rows: Sequence[Past]) -> dict[str, Any]:
    trusted = sum(row.judged.weight for row in rows)
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    durations = [row.duration_ms for row in rows if row.duration_ms is not None]
    return {
        "success": _round(sum(row.judged.weight * row.judged.reward for row in rows) / trusted) if trusted else None,
        "cost_usd": _round(sum(costs) / len(costs)) if costs else None,
        "duration_ms": _round(sum(durations) / len(durations)) if durations else None,
    }


def _policy_object(name: str, what: str, rows: Sequence[Compared]) -> dict[str, Any]:
    advised = [row for row in rows if row.advised is not None]
    robust, alike = doubly_robust(rows), matched(rows, verified_reward)
    return {
        "policy": name,
        "what": what,
        "advised_n": len(advised),
        "followed_n": sum(row.is_followed for row in advised),
        "reading": _reading(robust, alike),
        "success": {"doubly_robust": _estimate_object(robust), "matched": _estimate_object(alike)},
        "cost_usd": {"matched": _estimate_object(matched(rows, lambda past: past.cost_usd))},
        "duration_ms": {"matched": _estimate_object(matched(rows, lambda past: past.duration_ms))},
    }


def _reading(robust: Change | CannotSay, alike: Change | CannotSay) -> str:
    """What both estimates together say of success: of many intervals some miss by chance, seldom two in one way."""
    if isinstance(robust, CannotSay) or isinstance(alike, CannotSay):
        return "cannot say whether more would have succeeded"
    if min(robust.low, alike.low) > 0:
        return "both estimates show more successes"
    if max(robust.high, alike.high) < 0:
        return "both estimates show fewer successes"
    return "no change in success is shown"


def _estimate_object(found: Change | CannotSay) -> dict[str, Any]:
    if isinstance(found, CannotSay):
        return {"cannot_say": found.reason}
    return {
        "change": _round(found.change),
        "low": _round(found.low),
        "high": _round(found.high),
        "before": _round(found.before),
        "established": found.is_established,
    }


def _round(value: float) -> float:
    return round(value, _DIGITS) + 0.0
