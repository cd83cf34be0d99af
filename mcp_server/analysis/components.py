"""Five rules of thumb about delegations as named numbers, and the weakest delegation that the result stands on.

They explain. They are never added to credit or blame, so they cannot break a sum.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from mcp_server.analysis.blame import REMEMBERED_TASKS, RETRY_LIKENESS
from mcp_server.analysis.players import Player, Trajectory
from mcp_server.analysis.provenance import Provenance, members, stood_on
from mcp_server.analysis.words import content, likeness
from storage.outcomes import FAILURE_UP_TO, SUCCESS_FROM
from storage.vocabulary import Status

_FEW_CALLS: Final = 5
_FEW_WORKERS: Final = 3
_FAILED: Final = frozenset({Status.ERROR, Status.CANCELLED, Status.LOST})


class Component(StrEnum):
    """What can be said of a delegation beside its credit."""

    REUSED_BY_LATER = "reused_by_later"
    """A later delegation or the final output drew on it: its credit for a full success."""
    LAST_BEFORE_FAILURE = "last_before_failure"
    """The session failed and it was the last worker: 3 / workers, at most 1."""
    WASTED_COMPUTE = "wasted_compute"
    """It failed: its share of the delegations' own cost."""
    UNBLOCKED = "unblocked"
    """It succeeded where the same task had failed before, and something stands on it: its credit and theirs."""
    EFFICIENT = "efficient"
    """It succeeded with few calls: its percentile of credit per cost among the successes."""


def components(
    session: Trajectory, found: Provenance, shape: Sequence[float], outcome: float | None
) -> list[dict[Component, float]]:
    """Per player, the components that apply, each in (0, 1].

    Args:
        session: what happened.
        found: who built on whom.
        shape: credit of each player for a full success.
        outcome: of the session, in [0, 1]; None while it is unknown.
    """
    players = session.players
    drawn_on = {place for sources in found.sources for place in sources}
    used = drawn_on | set(found.units)
    workers = [place for place, player in enumerate(players) if player.is_worker] or list(range(len(players)))
    last = {}
    if workers and outcome is not None and outcome <= FAILURE_UP_TO:
        last = {workers[-1]: min(1.0, _FEW_WORKERS / len(workers))}
    by_component: dict[Component, Mapping[int, float]] = {
        Component.REUSED_BY_LATER: {place: shape[place] for place in sorted(used)},
        Component.LAST_BEFORE_FAILURE: last,
        Component.WASTED_COMPUTE: _wasted(players),
        Component.UNBLOCKED: _unblocked(session, shape, used),
        Component.EFFICIENT: _efficient(players, shape),
    }
    # Rounding may carry a sum of shares a hair above 1.
    return [
        {name: min(1.0, values[place]) for name, values in by_component.items() if values.get(place, 0.0) > 0}
        for place in range(len(players))
    ]


def bottleneck(session: Trajectory, found: Provenance, blame: Sequence[float]) -> int | None:
    """The weakest player that the final output stands on: lowest reward, then most blame, then earliest."""

    def weakness(place: int) -> tuple[float, float, int]:
        reward = session.players[place].reward
        return 1.0 if reward is None else reward, -blame[place], place

    return min(members(stood_on(found)), key=weakness, default=None)


def _failed(player: Player) -> bool:
    return player.status in _FAILED or (player.reward is not None and player.reward <= FAILURE_UP_TO)


def _costs(players: Sequence[Player]) -> list[float | None]:
    """In US dollars where every price is known, else in tokens: the two must not be compared."""
    in_usd = [player.cost_usd for player in players]
    if None not in in_usd:
        return list(in_usd)
    return [None if player.tokens is None else float(player.tokens) for player in players]


def _wasted(players: Sequence[Player]) -> dict[int, float]:
    costs = [cost or 0.0 for cost in _costs(players)]
    total = sum(costs)
    return {place: costs[place] / total for place, player in enumerate(players) if total > 0 and _failed(player)}


def _unblocked(session: Trajectory, shape: Sequence[float], used: set[int]) -> dict[int, float]:
    """The first success after failed attempts at the same task, if something stands on it."""
    players = session.players
    if not any(_failed(player) for player in players):
        return {}
    tasks = [content(task) for task in session.task_words]
    found: dict[int, float] = {}
    done: set[int] = set()
    for place, player in enumerate(players):
        succeeded = not _failed(player) and (player.reward is None or player.reward >= SUCCESS_FROM)
        if not tasks[place] or not succeeded or place not in used:
            continue
        attempts = [
            before
            for before in range(max(0, place - REMEMBERED_TASKS), place)
            if before not in done and likeness(tasks[before], tasks[place]) >= RETRY_LIKENESS
        ]
        if attempts and all(_failed(players[before]) for before in attempts):
            found[place] = shape[place] + sum(shape[before] for before in attempts)
        done.update(attempts, [place])
    return found


def _efficient(players: Sequence[Player], shape: Sequence[float]) -> dict[int, float]:
    costs = _costs(players)
    yields = {
        place: shape[place] / cost
        for place, player in enumerate(players)
        if (cost := costs[place]) and player.reward is not None and player.reward >= SUCCESS_FROM
    }
    ranked = sorted(yields.values())
    return {
        place: bisect_right(ranked, mine) / len(ranked)
        for place, mine in yields.items()
        if players[place].tool_call_count < _FEW_CALLS
    }
