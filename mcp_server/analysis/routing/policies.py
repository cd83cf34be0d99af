"""Ways to choose an arm that can be replayed on a user's own history, ours among them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from mcp_server.analysis.quantiles import quantile
from mcp_server.analysis.routing.arms import Arm, Cell, Profile, by_name
from mcp_server.analysis.routing.decisions import Known, Question, decide
from mcp_server.analysis.routing.forecasts import Forecast, Neighbour, Router, Strategy
from mcp_server.analysis.routing.hierarchy import HierarchicalRouter
from mcp_server.analysis.routing.rollups import Judged, Rollup, history, is_stale, rolled_up
from mcp_server.analysis.routing.utility import Preference, Usage
from mcp_server.analysis.routing.watch import Watch, after_reward
from mcp_server.analysis.similarity import TextIndex

_REFIT_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One judged delegation of the history, with what it took."""

    judged: Judged
    task: str = ""
    cost_usd: float | None = None
    duration_ms: float | None = None

    @property
    def arm(self) -> Arm:
        """Who did it."""
        return self.judged.cell.arm

    @property
    def profile(self) -> Profile:
        """What was known before."""
        return self.judged.cell.profile


class Policy(Protocol):
    """Sees delegations one by one, oldest first, and says beforehand who should do each."""

    def advise(self, past: Past) -> Arm | None:
        """An arm that was seen before; None where it has no advice. It must not look at the outcome."""

    def observe(self, past: Past) -> None:
        """Learn the outcome."""


class Advised:
    """Our own suggestions: an arm where the decision is to delegate, else no advice."""

    def __init__(self, prefer: Preference = Preference.BALANCED, strategy: Strategy = HierarchicalRouter) -> None:
        """A policy without a past.

        Args:
            prefer: what the user asks for.
            strategy: how forecasts are made.
        """
        self._prefer, self._strategy = prefer, strategy
        self._seen: list[Past] = []
        self._rollups: dict[tuple[int, Cell, float], Rollup] = {}
        self._texts = TextIndex()
        self._near: tuple[Past, list[Neighbour]] | None = None
        self._watches: dict[Arm, Watch] = {}
        self._fitted = 0
        self._known = self._fit(None)

    def advise(self, past: Past) -> Arm | None:
        """As the router would have decided then."""
        self._refresh()
        known = replace(self._known, neighbours=self._neighbours(past))
        chosen = decide(Question(profile=past.profile, prefer=self._prefer), known, self._arms()).chosen
        return chosen.arm if chosen else None

    def forecasts(self, past: Past, arms: Iterable[Arm]) -> Mapping[Arm, Forecast]:
        """What was to be expected of some arms then."""
        self._refresh()
        return self._known.router.forecasts(past.profile, arms, self._neighbours(past))

    def observe(self, past: Past) -> None:
        """Learn the outcome."""
        self._refresh()
        arm, judged = past.arm, past.judged
        expected = self._known.router.forecasts(past.profile, [arm])[arm].p
        watch = after_reward(self._watches.get(arm, Watch()), expected, judged.reward, judged.weight)
        self._watches[arm] = watch
        self._seen.append(past)
        self._texts.add(past.task)
        self._near = None
        for row in rolled_up([replace(judged, epoch=watch.epoch)]):
            key = row.day, row.cell, row.epoch
            self._rollups[key] = row.plus(self._rollups[key]) if key in self._rollups else row

    def _arms(self) -> list[Arm]:
        return sorted(self._watches, key=by_name)

    def _neighbours(self, past: Past) -> list[Neighbour]:
        if self._near is None or self._near[0] is not past:
            found: list[Neighbour] = []
            for one in self._texts.similar(past.task):
                judged = self._seen[one.key].judged
                found.append(Neighbour(judged.span_id, judged.cell.arm, judged.reward, judged.weight, one.similarity))
            self._near = past, found
        return self._near[1]

    def _refresh(self) -> None:
        n = len(self._seen)
        # Of a long history five more say little, and a fit takes the longer the longer it is.
        if is_stale(self._fitted, n) and n - self._fitted >= _REFIT_SHARE * n:
            self._known = self._fit(self._known.router)
            self._fitted = n

    def _fit(self, earlier: Router | None) -> Known:
        epochs = {arm: watch.epoch for arm, watch in self._watches.items()}
        learned = history(self._rollups.values(), epochs)
        return Known(history=learned, router=self._strategy(learned, earlier), usage=_usage_of(self._seen))


class MostUsed:
    """The arm that the user took most often for tasks of this type so far: the habit."""

    def __init__(self) -> None:
        self._times: defaultdict[str | None, dict[Arm, float]] = defaultdict(dict)

    def advise(self, past: Past) -> Arm | None:
        """By the number of delegations."""
        return _highest(self._times[past.profile.task_type])

    def observe(self, past: Past) -> None:
        """Count."""
        times = self._times[past.profile.task_type]
        times[past.arm] = times.get(past.arm, 0.0) + 1


class BestSoFar:
    """The arm with the highest mean reward so far, one success and one failure added to each."""

    def __init__(self, *, by_type: bool = False) -> None:
        """A policy without a past.

        Args:
            by_type: each type of task has its own best arm.
        """
        self._by_type = by_type
        self._sums: defaultdict[str | None, dict[Arm, tuple[float, float]]] = defaultdict(dict)

    def advise(self, past: Past) -> Arm | None:
        """By the means."""
        sums = self._sums[self._group(past)]
        return _highest({arm: (reward + 1) / (weight + 2) for arm, (weight, reward) in sums.items()})

    def observe(self, past: Past) -> None:
        """Sum."""
        sums, one = self._sums[self._group(past)], past.judged
        weight, reward = sums.get(past.arm, (0.0, 0.0))
        sums[past.arm] = weight + one.weight, reward + one.weight * one.reward

    def _group(self, past: Past) -> str | None:
        return past.profile.task_type if self._by_type else None


def _highest(values: Mapping[Arm, float]) -> Arm | None:
    return min(values, key=lambda arm: (-values[arm], by_name(arm)), default=None)


def _usage_of(seen: Iterable[Past]) -> list[Usage]:
    """What delegations took, by arm and type."""
    groups: defaultdict[tuple[Arm, str | None], list[Past]] = defaultdict(list)
    for past in seen:
        cell: Cell = past.judged.cell
        groups[cell.arm, cell.profile.task_type].append(past)
    found: list[Usage] = []
    for (arm, task_type), group in groups.items():
        costs = [past.cost_usd for past in group if past.cost_usd is not None]
        durations = sorted(past.duration_ms for past in group if past.duration_ms is not None)
        found.append(
            Usage(
                arm=arm,
                task_type=task_type,
                n=len(group),
                cost_n=len(costs),
                cost_usd=sum(costs),
                duration_n=len(durations),
                duration_ms=quantile(durations, 0.5) or 0.0,
            )
        )
    return found
