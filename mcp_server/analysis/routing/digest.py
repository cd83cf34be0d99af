"""Findings to be told before anybody asks, or acted upon: a short text, and models.

The text is read by a model that nobody watches: a finding with a name that is not plainly a name leaves its row out. No
text of a task ever gets into it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.best_arms import BestArm, best_arms
from mcp_server.analysis.routing.decisions import Known
from mcp_server.analysis.routing.wording import digits

LIMIT_CHARS: Final = 1_200
"""The text is shorter than this."""
_MOST_TYPES: Final = 12
_DIGEST_BYTES: Final = 8
_HEAD: Final = (
    "Who did best for its price at which type of task, from this user's own judged delegations"
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
    """Agent type -> full id of the model that does clearly best under it, whatever the type of task."""


@dataclass(frozen=True, slots=True)
class _Row:
    found: BestArm
    alias: str | None

    @property
    def choice(self) -> str:
        """As the model can make it."""
        agent_type, model = self.found.best.arm
        if model is None:
            return agent_type
        return f"{agent_type} on {model}" + (f" (model: {self.alias})" if self.alias else "")

    @property
    def text(self) -> str:
        one, judged = self.found.best, self.found.judged
        return (
            f"- {self.found.task_type}: {self.choice}; {judged.n} judged, {judged.success_n} succeeded"
            f" ({judged.verified_n} verified); p {digits(one.p)} [{digits(one.low)}, {digits(one.high)}]"
        )


def digest(known: Known, offered: Iterable[Arm], aliases: Mapping[str, str]) -> Digest:
    """Sum up a history: what is weak, or first only for being little known, is left out.

    Args:
        known: the past; neighbours and inline work belong to single tasks and are not looked at.
        offered: arms to choose from.
        aliases: full id of a model -> the short name by which a call may ask for it, from a list of ours.
    """
    found = best_arms(known, offered, most_types=_MOST_TYPES)
    rows = _rows([_Row(one, aliases.get(one.best.arm.model or "")) for one in found.types if one.is_plain])
    advised = [[row.found.task_type, row.choice] for row in rows]
    revision = hashlib.blake2b(repr(advised).encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return Digest(text=_text(rows), revision=revision, models={one.agent_type: one.model for one in found.models})


def _rows(rows: Iterable[_Row]) -> list[_Row]:
    """As many as there is room for."""
    kept: list[_Row] = []
    room = LIMIT_CHARS - 1 - len(f"{_HEAD}\n{_FOOT}")
    for row in rows:
        if len(row.text) < room:
            kept.append(row)
            room -= len(row.text) + 1
    return kept


def _text(rows: Sequence[_Row]) -> str | None:
    return "\n".join([_HEAD, *(row.text for row in rows), _FOOT]) if rows else None
