"""What a history has taught for good: who should get a type of task, and which model an agent should run on.

Only what `decide` would say with strong evidence becomes a rule. Rules are read as instructions by models that nobody
watches, and names come from strangers: one that is not plainly a name leaves its rule out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mcp_server.analysis.routing.arms import Arm, Profile, by_name
from mcp_server.analysis.routing.decisions import LEAST_VERIFIED, Known, Question, decide
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.routing.rollups import Count
from mcp_server.analysis.routing.utility import Preference

LEAST_VERIFIED_OF_TYPE: Final = 5
"""Verified delegations of the arm that have the type of a rule."""
LEAST_P_BEST: Final = 0.5
"""Advice may follow the likeliest of many arms; what stands for good should be likelier the best than not."""
_TWO: Final = 2
_MINOR_SHARE: Final = 0.1
_BETTER_THAN_CHANCE: Final = 0.5
_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,39}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,59}")


@dataclass(frozen=True, slots=True)
class TypeRule:
    """The arm that is the best for a type of task, as far as is known."""

    task_type: str
    best: Ranked
    judged: Count
    """Delegations of this type that the arm had."""


@dataclass(frozen=True, slots=True)
class ModelRule:
    """The model on which an agent is the best at every type of task that it often gets."""

    agent_type: str
    model: str
    judged: Count
    """Delegations of this agent on this model."""
    best: Sequence[tuple[str | None, Ranked]]
    """Each type that matters, most frequent first, with the forecast of this arm among the agent's models."""


@dataclass(frozen=True, slots=True)
class Rules:
    """All that was learned."""

    types: Sequence[TypeRule]
    """Most judged delegations of the type first."""
    models: Sequence[ModelRule]
    """By agent."""
    nameless_n: int
    """Rules that are left out because a name in them is not plainly a name."""


def learned_rules(known: Known, offered: Iterable[Arm], prefer: Preference = Preference.BALANCED) -> Rules:
    """The rules that a history supports; none where there is not enough data, or nothing to choose between.

    Args:
        known: the past; neighbours and inline work belong to single tasks and are not looked at.
        offered: arms to choose from.
        prefer: what the user asks for.
    """
    known = replace(known, neighbours=(), tool_calls=(), inline=None)
    arms = sorted(set(offered), key=by_name)
    types = _type_rules(known, arms, prefer) if len(arms) >= _TWO else []
    models = _model_rules(known, arms, prefer)
    plain = [rule for rule in types if _TYPE.fullmatch(rule.task_type) and _is_plain(rule.best.arm)]
    plain_models = [
        rule
        for rule in models
        if _is_plain(Arm(rule.agent_type, rule.model)) and all(_TYPE.fullmatch(name or "none") for name, _ in rule.best)
    ]
    left_out = len(types) - len(plain) + len(models) - len(plain_models)
    return Rules(types=plain, models=plain_models, nameless_n=left_out)


def _type_rules(known: Known, arms: Sequence[Arm], prefer: Preference) -> list[TypeRule]:
    found: list[TypeRule] = []
    for task_type in _by_type(known, arms):
        best = _best(known, task_type, arms, prefer)
        if task_type is None or best is None or best.p_best < LEAST_P_BEST:
            continue
        judged = known.history.by_type.get((task_type, best.arm), Count())
        if judged.verified_n >= LEAST_VERIFIED_OF_TYPE:
            found.append(TypeRule(task_type, best, judged))
    return found


def _model_rules(known: Known, arms: Sequence[Arm], prefer: Preference) -> list[ModelRule]:
    found: list[ModelRule] = []
    for agent_type in sorted({arm.agent_type for arm in arms}):
        tried = [arm for arm in arms if arm.agent_type == agent_type and arm.model and known.history.by_arm.get(arm)]
        rule = _model_rule(known, tried, prefer) if len(tried) >= _TWO else None
        if rule is not None:
            found.append(rule)
    return found


def _model_rule(known: Known, tried: Sequence[Arm], prefer: Preference) -> ModelRule | None:
    """A definition names one model for whatever type of task: it must be the best at each that matters."""
    counts = _by_type(known, tried)
    matter = [task_type for task_type, n in counts.items() if n >= _MINOR_SHARE * counts.total()]
    best = [(task_type, one) for task_type in matter for one in [_best(known, task_type, tried, prefer)] if one]
    winners = {one.arm for _, one in best}
    # A definition stays for long and is followed without being asked for: that takes more than advice does.
    least = 1 / len(tried) + _BETTER_THAN_CHANCE * (1 - 1 / len(tried))
    if len(best) < len(matter) or len(winners) != 1 or any(one.p_best < least for _, one in best):
        return None
    arm = winners.pop()
    judged = known.history.by_arm.get(arm, Count())
    if arm.model is None or judged.verified_n < LEAST_VERIFIED:
        return None
    return ModelRule(arm.agent_type, arm.model, judged, best)


def _best(known: Known, task_type: str | None, arms: Sequence[Arm], prefer: Preference) -> Ranked | None:
    """The arm that `decide` would delegate to with confidence, and not only because little is known of it."""
    decision = decide(Question(profile=Profile(task_type), prefer=prefer), known, arms)
    return None if decision.explore else decision.chosen


def _by_type(known: Known, arms: Sequence[Arm]) -> Counter[str | None]:
    """How many delegations of each type these arms had that were judged, most first, ties by name."""
    counts: dict[str | None, int] = {}
    for (task_type, arm), count in known.history.by_type.items():
        if arm in arms:
            counts[task_type] = counts.get(task_type, 0) + count.n
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))))


def _is_plain(arm: Arm) -> bool:
    return bool(_NAME.fullmatch(arm.agent_type)) and (arm.model is None or bool(_NAME.fullmatch(arm.model)))
