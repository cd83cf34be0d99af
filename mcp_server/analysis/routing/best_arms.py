"""What a history teaches: the best arm for each type of task, and the best model for each agent, as `decide` sees it.

It is told and acted upon without being asked for, and names come from strangers: each finding says whether it is made
of nothing but plain names.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mcp_server.analysis.routing.arms import Arm, Profile, by_name
from mcp_server.analysis.routing.decisions import LEAST_TO_COMPARE, LEAST_VERIFIED, Known, Question, decide
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.routing.rollups import Count
from mcp_server.analysis.routing.utility import Preference

_MINOR_SHARE: Final = 0.1
_BETTER_THAN_CHANCE: Final = 0.5
_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,39}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,59}")


@dataclass(frozen=True, slots=True)
class BestArm:
    """The arm to which `decide` would delegate a type of task with confidence."""

    task_type: str
    best: Ranked
    judged: Count
    """Delegations of this type that the arm had; at least one."""

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing but plain names."""
        return _is_plain_type(self.task_type) and _is_plain_arm(self.best.arm)


@dataclass(frozen=True, slots=True)
class BestModel:
    """The model on which an agent is clearly the best at every type of task that it often gets."""

    agent_type: str
    model: str
    judged: Count
    """Delegations of this agent on this model; at least ten are verified."""
    best: Sequence[tuple[str | None, Ranked]]
    """Each type that matters, most frequent first, with the forecast of this arm among the agent's models."""

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing but plain names."""
        are_types = all(task_type is None or _is_plain_type(task_type) for task_type, _ in self.best)
        return are_types and _is_plain_arm(Arm(self.agent_type, self.model))


@dataclass(frozen=True, slots=True)
class BestArms:
    """All that a history teaches of no single task."""

    types: Sequence[BestArm]
    """Most judged delegations of the type first."""
    models: Sequence[BestModel]
    """By agent."""


def best_arms(
    known: Known, offered: Iterable[Arm], prefer: Preference = Preference.BALANCED, *, most_types: int | None = None
) -> BestArms:
    """What a history supports; nothing where there is too little of it, or nothing to choose between.

    Args:
        known: the past; neighbours and inline work belong to single tasks and are not looked at.
        offered: arms to choose from, in any order.
        prefer: what the user asks for.
        most_types: so many types, those with the most judged delegations, are asked for their best arm; all if None.
    """
    known = replace(known, neighbours=(), tool_calls=(), inline=None)
    arms = sorted(set(offered), key=by_name)
    return BestArms(_best_arms(known, arms, prefer, most_types), _best_models(known, arms, prefer))


def _best_arms(known: Known, arms: Sequence[Arm], prefer: Preference, most: int | None) -> list[BestArm]:
    found: list[BestArm] = []
    for task_type in list(_by_type(known, arms))[:most]:
        best = _best(known, task_type, arms, prefer)
        judged = known.history.by_type.get((task_type, best.arm), Count()) if best else Count()
        if task_type is not None and best is not None and judged.n:
            found.append(BestArm(task_type, best, judged))
    return found


def _best_models(known: Known, arms: Sequence[Arm], prefer: Preference) -> list[BestModel]:
    found: list[BestModel] = []
    for agent_type in sorted({arm.agent_type for arm in arms}):
        tried = [arm for arm in arms if arm.agent_type == agent_type and arm.model and known.history.by_arm.get(arm)]
        best = _best_model(known, tried, prefer)
        found += [best] if best else []
    return found


def _best_model(known: Known, tried: Sequence[Arm], prefer: Preference) -> BestModel | None:
    """Where a model is set nobody knows which type of task comes: it must be the best at each that matters."""
    counts = _by_type(known, tried)
    matter = [task_type for task_type, n in counts.items() if n >= _MINOR_SHARE * counts.total()]
    best = [(task_type, one) for task_type in matter for one in [_best(known, task_type, tried, prefer)] if one]
    winners = {one.arm for _, one in best}
    if len(best) < len(matter) or len(winners) != 1:
        return None
    arm = winners.pop()
    judged = known.history.by_arm.get(arm, Count())
    # What is set is followed without being asked for: that takes more than advice does.
    least = 1 / len(tried) + _BETTER_THAN_CHANCE * (1 - 1 / len(tried))
    is_strong = judged.verified_n >= LEAST_VERIFIED and all(one.p_best >= least for _, one in best)
    return BestModel(arm.agent_type, arm.model, judged, best) if arm.model is not None and is_strong else None


def _best(known: Known, task_type: str | None, arms: Sequence[Arm], prefer: Preference) -> Ranked | None:
    """The arm that `decide` would delegate to with confidence, and not only because little is known of it."""
    if len(arms) < LEAST_TO_COMPARE:
        return None
    decision = decide(Question(profile=Profile(task_type), prefer=prefer), known, arms)
    return None if decision.explore else decision.chosen


def _by_type(known: Known, arms: Sequence[Arm]) -> Counter[str | None]:
    """How many delegations of each type these arms had that were judged, most first, ties by name."""
    counts: dict[str | None, int] = {}
    for (task_type, arm), count in known.history.by_type.items():
        if arm in arms:
            counts[task_type] = counts.get(task_type, 0) + count.n
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))))


def _is_plain_type(task_type: str) -> bool:
    return bool(_TYPE.fullmatch(task_type))


def _is_plain_arm(arm: Arm) -> bool:
    return all(_NAME.fullmatch(name) for name in arm if name is not None)
