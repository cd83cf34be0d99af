"""From judged delegations to sums per day, and from those to what they are worth today.

Everything that the first two layers of the router need are sums per (day, arm, task type, complexity, epoch). A store
keeps them; `rolled_up` says what it must keep.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

from mcp_server.analysis.routing.arms import Arm, Cell
from storage.outcomes import SUCCESS_FROM

LEAST_HALF_LIFE: Final = 120.0
"""Later delegations after which a reward counts half, at least."""
HALF_LIFE_SHARE: Final = 0.5
"""The half-life is at least this part of the history: 120 delegations are one afternoon of a busy user."""
LEFT_AFTER_ALARM: Final = 0.15
"""What evidence of an arm counts for each epoch that it lies behind."""
_NEGLIGIBLE: Final = 1e-3
_OFTEN: Final = 5
_SHARE: Final = 0.002
"""Of a long history: it takes longer to fit, and a few more lessons change nothing."""
_FEW: Final = 200

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A delegation with the reward that holds."""

    span_id: str
    cell: Cell
    day: int
    """Any running number of the UTC day in which it ended."""
    reward: float
    """In [0, 1]."""
    weight: float
    """How far the judgement is trusted, in [0, 1]: by its source. 0 is no evidence at all."""
    verified: bool
    epoch: float = 0.0
    """That of its arm when it was judged."""


class Rollup(NamedTuple):
    """The sums of one cell in one day and epoch, over delegations of positive weight.

    A tuple, since there are tens of thousands of them at once.
    """

    day: int
    cell: Cell
    epoch: float
    n: int
    verified_n: int
    success_n: int
    """How many of the n have a reward of at least 0.75."""
    weight: float
    """Sum of the weights."""
    reward: float
    """Sum of weight x reward."""

    def plus(self, other: "Rollup") -> "Rollup":
        """Both, of the same cell, day and epoch."""
        return Rollup(
            self.day,
            self.cell,
            self.epoch,
            self.n + other.n,
            self.verified_n + other.verified_n,
            self.success_n + other.success_n,
            self.weight + other.weight,
            self.reward + other.reward,
        )


class Evidence(NamedTuple):
    """Decayed sums: of the weights, and of weight x reward."""

    weight: float = 0.0
    reward: float = 0.0


class Count(NamedTuple):
    """Delegations as they are counted for people: nothing decays."""

    n: int = 0
    verified_n: int = 0
    success_n: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All that the first two layers learn from."""

    evidence: Mapping[Cell, Evidence]
    total: Count
    by_arm: Mapping[Arm, Count]
    by_type: Mapping[tuple[str | None, Arm], Count]


def rolled_up(judged: Iterable[Judged]) -> list[Rollup]:
    """The sums of some delegations, in the order of day, then cell.

    A delegation counts once, however often it is judged: of several rows of one span the last one holds.
    """
    rows = {one.span_id: one for one in judged}
    groups: defaultdict[tuple[int, Cell, float], list[Judged]] = defaultdict(list)
    for one in rows.values():
        if one.weight > 0:
            groups[one.day, one.cell, one.epoch].append(one)
    found = [
        Rollup(
            day=day,
            cell=cell,
            epoch=epoch,
            n=len(group),
            verified_n=sum(one.verified for one in group),
            success_n=sum(one.reward >= SUCCESS_FROM for one in group),
            weight=sum(one.weight for one in group),
            reward=sum(one.weight * one.reward for one in group),
        )
        for (day, cell, epoch), group in groups.items()
    ]
    return sorted(found, key=lambda row: (row.day, *_name(row.cell), row.epoch))


def history(rollups: Iterable[Rollup], epochs: Mapping[Arm, float] | None = None) -> History:
    """What is known today.

    Decay is by the number of later delegations. Within a day all count alike, with the mean of what they would count
    one by one: with c rows in the day, L rows in later days and g = 0.5^(1/H), each counts g^L (1 - g^c) / (c (1 - g)).
    H is half of the history, and at least 120.

    Args:
        rollups: in any order; a "day" may be any span of time.
        epochs: of each arm, now; 0 where it is not given.
    """
    days: defaultdict[int, list[Rollup]] = defaultdict(list)
    for row in rollups:
        if row.n > 0 and row.weight > 0:
            days[row.day].append(row)
    counts = {day: sum(row.n for row in rows) for day, rows in days.items()}
    keep = 0.5 ** (1 / max(LEAST_HALF_LIFE, HALF_LIFE_SHARE * sum(counts.values())))
    sums: dict[Cell, _Sums] = {}
    later = 0
    for day in sorted(days, reverse=True):
        count = counts[day]
        trust = keep**later * (1 - keep**count) / (count * (1 - keep)) if keep**later >= _NEGLIGIBLE else 0.0
        _add(sums, days[day], trust, epochs or {})
        later += count
    ordered = sorted(sums.items(), key=lambda item: _name(item[0]))
    return History(
        evidence={cell: Evidence(one.weight, one.reward) for cell, one in ordered if one.weight > 0},
        total=_counted((None, one) for _, one in ordered).get(None, Count()),
        by_arm=_counted((cell.arm, one) for cell, one in ordered),
        by_type=_counted(((cell.profile.task_type, cell.arm), one) for cell, one in ordered),
    )


def is_stale(fitted_n: int, n: int) -> bool:
    """Whether a model that was fitted to so many judged delegations should be fitted anew, now that there are n.

    After each one of the first 200, which takes a few milliseconds: whoever has just judged something sees it counted.
    Then after 5 new ones, or 0.2 % of them where that is more, and when some were taken away.
    """
    return n != fitted_n and (n < _FEW or n < fitted_n or n - fitted_n >= max(_OFTEN, _SHARE * fitted_n))


@dataclass(slots=True)
class _Sums:
    """Of one cell over all days; not frozen, since there are tens of thousands of rows to add."""

    weight: float = 0.0
    reward: float = 0.0
    n: int = 0
    verified_n: int = 0
    success_n: int = 0


def _add(sums: dict[Cell, _Sums], rows: Iterable[Rollup], trust: float, epochs: Mapping[Arm, float]) -> None:
    for row in rows:
        part = trust
        if epochs:
            part *= LEFT_AFTER_ALARM ** max(0.0, epochs.get(row.cell.arm, 0.0) - row.epoch)
        one = sums.get(row.cell)
        if one is None:
            one = sums[row.cell] = _Sums()
        one.weight += part * row.weight
        one.reward += part * row.reward
        one.n += row.n
        one.verified_n += row.verified_n
        one.success_n += row.success_n


def _counted(rows: Iterable[tuple[Key, _Sums]]) -> dict[Key, Count]:
    found: dict[Key, Count] = {}
    for key, one in rows:
        n, verified_n, success_n = found.get(key, Count())
        found[key] = Count(n + one.n, verified_n + one.verified_n, success_n + one.success_n)
    return found


def _name(cell: Cell) -> tuple[str, str, str, str]:
    arm, profile = cell
    return arm.agent_type, arm.model or "", profile.task_type or "", profile.complexity or ""
