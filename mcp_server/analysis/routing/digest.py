"""What a history says of every type of task at once: to be told before anybody asks, or acted upon.

Names come from strangers, and this text is read by a model that nobody watches: a name that is not plainly a name
leaves its row out. No text of a task ever gets into it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mcp_server.analysis.routing.advice import digits
from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Known, Question, decide
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.routing.rollups import Count

LIMIT_CHARS: Final = 1_200
"""The text is shorter than this."""
_MOST_TYPES: Final = 12
_MINOR_SHARE: Final = 0.1
_DIGEST_BYTES: Final = 8
_TYPE: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,59}")
_HEAD: Final = (
    "Who did best at which type of task, from this user's own judged delegations"
    " (observational, by delegation-telemetry):"
)
_FOOT: Final = (
    "Begin the description of each delegation with [type/complexity], such as [search/low]."
    " The tool suggest_routing says more about a single task."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What can be said without being asked."""

    text: str | None
    """Lines for a model to read; None where nothing is known well enough."""
    revision: str
    """Changes with what is advised, and not with the figures behind it."""
    models: Mapping[str, str]
    """Agent type -> full id of the model that does best under it, whatever the type of task."""


@dataclass(frozen=True, slots=True)
class _Row:
    task_type: str
    best: Ranked
    alias: str | None
    judged: Count

    @property
    def choice(self) -> str:
        """As the model can make it."""
        agent_type, model = self.best.arm
        if model is None:
            return agent_type
        return f"{agent_type} on {model}" + (f" (model: {self.alias})" if self.alias else "")

    @property
    def is_plain(self) -> bool:
        """Whether it is made of nothing but names."""
        names = [name for name in (*self.best.arm, self.alias) if name is not None]
        return bool(_TYPE.fullmatch(self.task_type)) and all(_NAME.fullmatch(name) for name in names)

    @property
    def text(self) -> str:
        one, judged = self.best, self.judged
        return (
            f"- {self.task_type}: {self.choice}; {judged.n} judged, {judged.success_n} succeeded"
            f" ({judged.verified_n} verified); p {digits(one.p)} [{digits(one.low)}, {digits(one.high)}]"
        )


def digest(known: Known, offered: Iterable[Arm], aliases: Mapping[str, str]) -> Digest:
    """Sum up a history, by the rules of `decide`: what is weak, or first only for being little known, is left out.

    Args:
        known: the past; neighbours and inline work belong to single tasks and are not looked at.
        offered: arms to choose from.
        aliases: full id of a model -> the short name by which a call may ask for it.
    """
    known = replace(known, neighbours=(), tool_calls=(), inline=None)
    arms = sorted(set(offered), key=lambda arm: (arm.agent_type, arm.model or ""))
    rows = _rows(known, arms, aliases)
    advised = [[row.task_type, row.choice] for row in rows]
    revision = hashlib.blake2b(repr(advised).encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return Digest(text=_text(rows), revision=revision, models=_models(known, arms))


def _rows(known: Known, arms: Sequence[Arm], aliases: Mapping[str, str]) -> list[_Row]:
    """Types with the most judged delegations first, as many as there is room for."""
    found: list[_Row] = []
    room = LIMIT_CHARS - 1 - len(f"{_HEAD}\n{_FOOT}")
    for task_type in list(_by_type(known, None))[:_MOST_TYPES]:
        best = _best(known, task_type, arms)
        judged = known.history.by_type.get((task_type, best.arm), Count()) if best else Count()
        if task_type is None or best is None or not judged.n:
            continue
        row = _Row(task_type, best, aliases.get(best.arm.model or ""), judged)
        if row.is_plain and len(row.text) < room:
            found.append(row)
            room -= len(row.text) + 1
    return found


def _text(rows: Sequence[_Row]) -> str | None:
    return "\n".join([_HEAD, *(row.text for row in rows), _FOOT]) if rows else None


def _models(known: Known, arms: Sequence[Arm]) -> dict[str, str]:
    """A hook sees no type of task: a model must be best at each type that an agent has had often enough to matter."""
    found: dict[str, str] = {}
    for agent_type in sorted({arm.agent_type for arm in arms}):
        tried = [arm for arm in arms if arm.agent_type == agent_type and arm.model and known.history.by_arm.get(arm)]
        counts = _by_type(known, tried)
        matter = [task_type for task_type, n in counts.items() if n >= _MINOR_SHARE * counts.total()]
        best = [_best(known, task_type, tried) for task_type in matter]
        models = {one.arm.model if one else None for one in best}
        model = models.pop() if len(models) == 1 else None
        if model is not None:
            found[agent_type] = model
    return found


def _best(known: Known, task_type: str | None, arms: Sequence[Arm]) -> Ranked | None:
    """The arm that `decide` would delegate to with confidence, where there is anything to choose from."""
    decision = decide(Question(profile=Profile(task_type)), known, arms)
    return None if decision.explore or len(decision.ranking) == 1 else decision.chosen


def _by_type(known: Known, arms: Sequence[Arm] | None) -> Counter[str | None]:
    """How many delegations of each type were judged, most first, ties by name; of all arms, or of some."""
    counts: dict[str | None, int] = {}
    for (task_type, arm), count in known.history.by_type.items():
        if arms is None or arm in arms:
            counts[task_type] = counts.get(task_type, 0) + count.n
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))))
