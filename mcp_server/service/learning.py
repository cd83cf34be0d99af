"""What the router knows: lessons folded and fitted, and a watch on each arm, kept in step with a store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.forecasts import Router, Strategy
from mcp_server.analysis.routing.hierarchy import HierarchicalRouter
from mcp_server.analysis.routing.rollups import Count, History, history, is_stale
from mcp_server.analysis.routing.watch import Watch, after_new_version, after_reward
from mcp_server.service.folding import Folded, Sums, cell_of, rollup_of, source_weight
from storage.errors import StoreError
from storage.lessons import ArmState, Learned, Lesson
from storage.store import Lessons

LESSONS_AT_ONCE: Final = 500
"""So many are learned from before one answer; the others before the next ones."""
_TRIES: Final = 3
_GROWTH: Final = 1.25
_LONG: Final = 1_000
"""Sums of lessons from which a fit is left to a thread."""
_NOTHING: Final = History({}, Count(), {}, {})


@dataclass(frozen=True, slots=True)
class Fitted:
    """A history, and a router that learned from it."""

    history: History
    router: Router

    @property
    def lessons_n(self) -> int:
        """How many it was fitted to."""
        return self.history.total.n


class Learning:
    """Learns from a store as lessons come in; any number of processes may learn from one store.

    Each lesson is forecast before its reward counts, and the shortfall of rewards is watched for each arm. A process
    that finds that another one was faster takes over what that one has learned.
    """

    def __init__(self, lessons: Lessons, strategy: Strategy = HierarchicalRouter) -> None:
        """Learn.

        Args:
            lessons: where from.
            strategy: how forecasts are made from the history.
        """
        self._lessons = lessons
        self._strategy = strategy
        self._fitted = Fitted(_NOTHING, strategy(_NOTHING))
        self._seen = Sums()
        """Of all lessons that were looked at, whether they are in the fit or not."""
        self._version: int | None = None
        self._through: int | None = None
        self._is_read_only = False
        self._lock = anyio.Lock()
        self._is_behind = False
        """Whether there were more lessons than are learned from at once."""
        self._folded: tuple[int, Folded] | None = None
        """While it is behind: all lessons as the store has them since that version."""

    async def known(self) -> Fitted:
        """What is known now; fitted anew where enough has changed.

        Learns from at most 500 lessons that nobody has learned from yet.
        """
        async with self._lock:
            for _ in range(_TRIES):
                version = await self._lessons.version()
                if version == self._version or await self._look(version):
                    break
            return self._fitted

    async def caught_up(self) -> Fitted:
        """What is known after all lessons were learned from, however many they are."""
        found = await self.known()
        while self._is_behind:
            found = await self.known()
        return found

    async def _look(self, version: int) -> bool:
        """Learn what is new; False where another process did so meanwhile."""
        before = await self._lessons.learned()
        fresh = await self._lessons.after(before.through, LESSONS_AT_ONCE)
        watches = _Watches(before.arms)
        if fresh:
            folded = await self._learn(version, before, fresh, watches)
            if not await self._remember(before, fresh, watches):
                self._through = None
                return False
        else:
            folded = None
            await self._look_again(before, watches)
        await self._mark(version, fresh, folded)
        return True

    async def _look_again(self, before: Learned, watches: "_Watches") -> None:
        """Nothing was judged for the first time: if anything changed, it was judged otherwise, or taken away."""
        folded = await self._read()
        if self._through != before.through or not folded.total().is_as(self._seen):
            await self._fit(folded, watches)
        self._seen, self._through = folded.total(), before.through

    async def _learn(
        self, version: int, before: Learned, fresh: Sequence[Lesson], watches: "_Watches"
    ) -> Folded | None:
        """Forecast each lesson by what was known before it, then look at its reward.

        Returns:
            All lessons with their new epochs, if they were read at all: a single one is looked at without the others.
        """
        folded: Folded | None = None
        if self._through != before.through or len(fresh) > 1:
            folded = await self._all(version)
            for lesson in fresh:
                folded.change(lesson, lesson.epoch, -1)
            if self._through != before.through:
                await self._fit(folded, watches)
            self._seen = folded.total()
        for lesson in fresh:
            if folded is not None and self._is_stale() and self._seen.n >= _GROWTH * self._fitted.lessons_n:
                await self._fit(folded, watches)
            cell = cell_of(lesson)
            expected = self._fitted.router.forecasts(cell.profile, [cell.arm])[cell.arm].p
            epoch = watches.look_at(lesson, expected)
            self._seen.include(rollup_of(lesson, epoch))
            if folded is not None:
                folded.change(lesson, epoch, 1)
        if folded is not None:
            await self._fit(folded, watches)  # it was read anyhow
        return folded

    async def _all(self, version: int) -> Folded:
        """All lessons; those that were left of the ones before, unless the store has changed since."""
        left, self._folded = self._folded, None
        return left[1] if left is not None and left[0] == version else await self._read()

    async def _read(self) -> Folded:
        sums, folded = await self._lessons.sums(), Folded()
        while sums:
            folded.include(sums.pop())  # one by one: the two together would be the most memory that learning takes
        return folded

    async def _remember(self, before: Learned, fresh: Sequence[Lesson], watches: "_Watches") -> bool:
        learned = Learned(through=fresh[-1].number, arms=watches.changed())
        epochs = {one.number: watches.epochs[one.number] for one in fresh if watches.epochs[one.number] != one.epoch}
        self._is_read_only = False
        try:
            is_ours = await self._lessons.learn(before.through, learned, epochs)
        except StoreError:
            is_ours = self._is_read_only = True  # what cannot be remembered can be asked all the same
        if is_ours:
            self._through = learned.through
            if self._is_stale():
                await self._fit(await self._read(), watches)
        return is_ours

    async def _mark(self, version: int, fresh: Sequence[Lesson], folded: Folded | None) -> None:
        """Remember which version of the store was looked at, if all of it was, and what saves reading it again."""
        self._is_behind = len(fresh) == LESSONS_AT_ONCE and not self._is_read_only
        self._version = version
        if fresh and not self._is_read_only:
            # What was learned just now is a change of the store itself; any other one is looked at next time.
            is_whole = not self._is_behind and await self._lessons.version() == version + 1
            self._version = version + 1 if is_whole else None
        self._folded = (version + 1, folded) if self._is_behind and folded is not None else None

    def _is_stale(self) -> bool:
        return is_stale(self._fitted.lessons_n, self._seen.n)

    async def _fit(self, folded: Folded, watches: "_Watches") -> None:
        rollups, epochs, earlier = folded.rollups(), watches.epoch_by_arm(), self._fitted.router

        def fit() -> Fitted:
            learned = history(rollups, epochs)
            return Fitted(learned, self._strategy(learned, earlier))

        # A long history takes a while, in which others want answers.
        self._fitted = await anyio.to_thread.run_sync(fit) if len(rollups) > _LONG else fit()


class _Watches:
    """What is remembered of each arm, while lessons are looked at."""

    def __init__(self, states: Iterable[ArmState]) -> None:
        self._states = {Arm(state.agent_type, state.model): state for state in states}
        self._changed: dict[Arm, None] = {}
        self.epochs: dict[int, float] = {}
        """By the number of a lesson, the epoch that it is of."""

    def look_at(self, lesson: Lesson, expected: float) -> float:
        """Take in the reward of a lesson; its epoch. What raises the alarm is the first of the new epoch."""
        arm = cell_of(lesson).arm
        state = self._states.get(arm, ArmState(agent_type=arm.agent_type, model=arm.model))
        watch = Watch(state.epoch, state.shortfall, state.since_alarm)
        version = lesson.agent_version or state.agent_version
        if state.agent_version is not None and version != state.agent_version:
            watch = after_new_version(watch)
        watch = after_reward(watch, expected, lesson.reward, source_weight(lesson.source))
        self._states[arm] = ArmState(
            agent_type=arm.agent_type,
            model=arm.model,
            agent_version=version,
            epoch=watch.epoch,
            shortfall=watch.shortfall,
            since_alarm=watch.since_alarm,
        )
        self._changed[arm] = None
        self.epochs[lesson.number] = watch.epoch
        return watch.epoch

    def changed(self) -> list[ArmState]:
        return [self._states[arm] for arm in self._changed]

    def epoch_by_arm(self) -> Mapping[Arm, float]:
        return {arm: state.epoch for arm, state in self._states.items()}
