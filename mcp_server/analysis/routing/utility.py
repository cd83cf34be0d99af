"""What an arm will cost and how long it will take, and what that takes off its success."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from mcp_server.analysis.quantiles import quantile
from mcp_server.analysis.routing.arms import Arm

_PSEUDO: Final = 5.0
_TINY: Final = 1e-9


class Preference(StrEnum):
    """What matters to the user."""

    QUALITY = "quality"
    BALANCED = "balanced"
    COST = "cost"
    SPEED = "speed"


class Prices(NamedTuple):
    """What the dearest and the slowest arm on offer lose, in units of success."""

    cost: float
    duration: float


PRICES: Final = {
    Preference.QUALITY: Prices(0.02, 0.0),
    Preference.BALANCED: Prices(0.1, 0.05),
    Preference.COST: Prices(0.5, 0.1),
    Preference.SPEED: Prices(0.1, 0.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """All delegations of an arm that have one task type, judged or not."""

    arm: Arm
    task_type: str | None
    n: int
    cost_n: int = 0
    """How many have a known cost."""
    cost_usd: float = 0.0
    """Sum of those, with everything below them."""
    duration_n: int = 0
    """How many have a known duration."""
    duration_ms: float = 0.0
    """Median of those."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an arm is expected to take."""

    cost_usd: float | None = None
    """None where no arm's cost is known."""
    duration_ms: float | None = None
    cost_imputed: bool = False
    """Nothing is known of this arm's own cost."""
    duration_imputed: bool = False

    @property
    def own_cost_usd(self) -> float | None:
        """The cost where it is known of this very arm: only that may be told."""
        return None if self.cost_imputed else self.cost_usd

    @property
    def own_duration_ms(self) -> float | None:
        """The duration where it is known of this very arm."""
        return None if self.duration_imputed else self.duration_ms


class _Known(NamedTuple):
    n: int
    value: float


def estimates(usage: Iterable[Usage], arms: Sequence[Arm], task_type: str | None) -> dict[Arm, Estimate]:
    """Cost and duration of a task of this type, for every arm on offer.

    The mean cost and the median duration for arm and type, shrunk to those of the arm with 5 pseudo-delegations. What
    is not known of an arm is the median over the arms with the same model, else the highest on offer; never 0.
    """
    rows = list(usage)
    costs = _values(
        [(one.arm, one.task_type, _Known(one.cost_n, one.cost_usd / one.cost_n)) for one in rows if one.cost_n],
        arms,
        task_type,
    )
    durations = _values(
        [(one.arm, one.task_type, _Known(one.duration_n, one.duration_ms)) for one in rows if one.duration_n],
        arms,
        task_type,
    )
    return {arm: Estimate(costs[arm][0], durations[arm][0], costs[arm][1], durations[arm][1]) for arm in arms}


def penalties(expected: Mapping[Arm, Estimate], prefer: Preference) -> dict[Arm, float]:
    """What cost and duration take off the success of each arm on offer, in units of success."""
    among = list(expected.values())
    return {arm: penalty(one, among, prefer) for arm, one in expected.items()}


def penalty(one: Estimate, among: Sequence[Estimate], prefer: Preference) -> float:
    """What cost and duration take off, relative to the dearest and the slowest on offer."""
    price = PRICES[prefer]
    dearest = max([_TINY, *(other.cost_usd or 0.0 for other in among)])
    slowest = max([_TINY, *(other.duration_ms or 0.0 for other in among)])
    return price.cost * (one.cost_usd or 0.0) / dearest + price.duration * (one.duration_ms or 0.0) / slowest


def usual(usage: Iterable[Usage], task_type: str | None) -> Arm | None:
    """What the user does most for tasks of this type, or in general where there were none; ties by name."""
    rows = [one for one in usage if one.n > 0]
    rows = [one for one in rows if one.task_type == task_type] or rows
    times: dict[Arm, int] = {}
    for one in rows:
        times[one.arm] = times.get(one.arm, 0) + one.n
    return min(times, key=lambda arm: (-times[arm], arm.agent_type, arm.model or ""), default=None)


def _values(
    known: Sequence[tuple[Arm, str | None, _Known]], arms: Sequence[Arm], task_type: str | None
) -> dict[Arm, tuple[float | None, bool]]:
    """A value per arm, and whether it is imputed."""
    of_arm: dict[Arm, list[_Known]] = {}
    of_type: dict[Arm, _Known] = {}
    for arm, its_type, one in known:
        of_arm.setdefault(arm, []).append(one)
        if its_type == task_type:
            of_type[arm] = one
    means = {arm: _mean(rows) for arm, rows in of_arm.items()}
    own: dict[Arm, float] = {}
    for arm in arms:
        if arm in means:
            n, value = of_type.get(arm, _Known(0, 0.0))
            own[arm] = (n * value + _PSEUDO * means[arm]) / (n + _PSEUDO)
    highest = max(own.values(), default=max(means.values(), default=None))
    return {
        arm: (own[arm], False) if arm in own else (_of_model(arm.model, means, highest), highest is not None)
        for arm in arms
    }


def _of_model(model: str | None, means: Mapping[Arm, float], otherwise: float | None) -> float | None:
    same = sorted(value for arm, value in means.items() if arm.model == model and model is not None)
    median = quantile(same, 0.5)
    return otherwise if median is None else median


def _mean(rows: Sequence[_Known]) -> float:
    return sum(one.n * one.value for one in rows) / sum(one.n for one in rows)
