"""Routers that learn as they go: ours from roll-ups, and the plain ones that it must beat."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.forecasts import Forecast, Neighbour, Router, Strategy
from mcp_server.analysis.routing.hierarchy import HierarchicalRouter
from mcp_server.analysis.routing.ranking import CONTENDERS, Ranked, rank
from mcp_server.analysis.routing.rollups import Count, History, Judged, Rollup, history, is_stale
from mcp_server.analysis.routing.watch import Watch, after_reward
from mcp_server.analysis.similarity import TextIndex
from storage.outcomes import SUCCESS_FROM

_NOTHING: Final = History({}, Count(), {}, {})
_EPSILON: Final = 0.1


@dataclass(frozen=True, slots=True)
class Task:
    """What is known before delegating."""

    text: str
    profile: Profile
    day: int


class Learner(Protocol):
    """What can be replayed."""

    def observe(self, task: Task, arm: Arm, reward: float) -> None:
        """Learn what an arm earned."""

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """Arms, best first."""


class RollupLearner:
    """The product's router, as a service drives it: sums per day, a watch on each arm, neighbours from the texts."""

    def __init__(self, strategy: Strategy = HierarchicalRouter, *, uses_complexity: bool = True) -> None:
        """A learner without a past.

        Args:
            strategy: how forecasts are made from the history.
            uses_complexity: False forgets it, to show what that costs.
        """
        self._strategy = strategy
        self._uses_complexity = uses_complexity
        self._rows: dict[tuple[int, Cell, float], Rollup] = {}
        self._watches: dict[Arm, Watch] = {}
        self._past: list[Judged] = []
        self._texts = TextIndex()
        self._router: Router = strategy(_NOTHING)
        self._fitted = 0

    def observe(self, task: Task, arm: Arm, reward: float) -> None:
        """Learn what an arm earned."""
        cell = Cell(arm, self._profile(task))
        self._refit()  # a stale forecast would look like a shortfall
        expected = self._router.forecasts(cell.profile, [arm])[arm].p
        # What raises the alarm is the first of the new epoch.
        self._watches[arm] = watch = after_reward(self._watches.get(arm, Watch()), expected, reward, 1.0)
        row = Judged(
            span_id=str(len(self._past)),
            cell=cell,
            day=task.day,
            reward=reward,
            weight=1.0,
            verified=True,
            epoch=watch.epoch,
        )
        self._past.append(row)
        self._texts.add(task.text)
        self._add(row)

    def ranking(self, task: Task, arms: Sequence[Arm], contenders: int = CONTENDERS) -> list[Ranked]:
        """Arms with all that is known of them; no cost is charged."""
        self._refit()
        near = [
            Neighbour(past.span_id, past.cell.arm, past.reward, past.weight, one.similarity)
            for one in self._texts.similar(task.text)
            for past in [self._past[one.key]]
        ]
        return rank(self._router.forecasts(self._profile(task), arms, near), {}, contenders=contenders)

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """Arms, best first."""
        return [one.arm for one in self.ranking(task, arms, contenders=0)]

    def _profile(self, task: Task) -> Profile:
        return task.profile if self._uses_complexity else task.profile._replace(complexity=None)

    def _refit(self) -> None:
        if is_stale(self._fitted, len(self._past)):
            epochs = {arm: watch.epoch for arm, watch in self._watches.items()}
            self._router = self._strategy(history(self._rows.values(), epochs), self._router)
            self._fitted = len(self._past)

    def _add(self, row: Judged) -> None:
        key = row.day, row.cell, row.epoch
        before = self._rows.get(key)
        good = int(row.reward >= SUCCESS_FROM)
        self._rows[key] = Rollup(
            day=row.day,
            cell=row.cell,
            epoch=row.epoch,
            n=before.n + 1 if before else 1,
            verified_n=before.verified_n + 1 if before else 1,
            success_n=before.success_n + good if before else good,
            weight=before.weight + row.weight if before else row.weight,
            reward=before.reward + row.weight * row.reward if before else row.weight * row.reward,
        )


class ArmMeans:
    """A plain strategy to compare with: each arm by its own successes, whatever the task."""

    def __init__(self, history: History, earlier: Router | None = None) -> None:
        """Learn.

        Args:
            history: undecayed or decayed, as given.
            earlier: of no use here.
        """
        del earlier
        weights, rewards = defaultdict[Arm, float](float), defaultdict[Arm, float](float)
        for cell, (weight, reward) in history.evidence.items():
            weights[cell.arm] += weight
            rewards[cell.arm] += reward
        self._weights, self._rewards = weights, rewards

    def forecasts(
        self, profile: Profile, arms: Iterable[Arm], neighbours: Iterable[Neighbour] = ()
    ) -> Mapping[Arm, Forecast]:
        """The mean of Beta(1 + S, 1 + F) for every arm."""
        del profile, neighbours
        return {
            arm: Forecast((self._rewards.get(arm, 0.0) + 1) / (weight + 2), weight + 2)
            for arm, weight in ((arm, self._weights.get(arm, 0.0)) for arm in arms)
        }


class AnyArm:
    """Any arm."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def observe(self, task: Task, arm: Arm, reward: float) -> None:
        """Nothing to learn."""

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """A shuffled deck."""
        del task
        return self._chance.sample(arms, len(arms))


class Counting:
    """Beta(1 + S, 1 + F) for each arm, whatever the task."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._good: defaultdict[Arm, float] = defaultdict(float)
        self._bad: defaultdict[Arm, float] = defaultdict(float)

    def observe(self, task: Task, arm: Arm, reward: float) -> None:
        """Count."""
        del task
        self._good[arm] += reward
        self._bad[arm] += 1 - reward

    def _parameters(self, arm: Arm) -> tuple[float, float]:
        return 1 + self._good[arm], 1 + self._bad[arm]


class Thompson(Counting):
    """One draw for each arm."""

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """By the draws."""
        del task
        return sorted(arms, key=lambda arm: self._chance.betavariate(*self._parameters(arm)), reverse=True)


class EpsilonGreedy(Counting):
    """The highest mean, with any arm in one of ten cases."""

    def order(self, task: Task, arms: Sequence[Arm]) -> list[Arm]:
        """By the means, ties at random."""
        del task
        if self._chance.random() < _EPSILON:
            return self._chance.sample(arms, len(arms))

        def mean(arm: Arm) -> float:
            good, bad = self._parameters(arm)
            return good / (good + bad) + 1e-6 * self._chance.random()

        return sorted(arms, key=mean, reverse=True)


Make = Callable[[random.Random], Learner]
