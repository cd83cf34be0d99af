"""Which arms there are to choose from: those that a caller names, or those that were seen or are defined."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import anyio.to_thread

from mcp_server.analysis.routing.arms import Arm, by_name
from mcp_server.analysis.routing.decisions import offered_by_default
from mcp_server.analysis.routing.rollups import History
from mcp_server.analysis.routing.utility import Usage
from mcp_server.analysis.words import content, words
from mcp_server.ingest.claude_code.agents import DefinedAgent, defined_agents
from mcp_server.ingest.claude_code.aliases import ALIASES

_FOLDER: Final = Path(".claude", "agents")
_REMEMBERED: Final = timedelta(seconds=60)
_FOLDERS_REMEMBERED: Final = 16
_STEM_CHARS: Final = 5


@dataclass(frozen=True, slots=True)
class Offered:
    """What there is to choose from."""

    arms: Sequence[Arm]
    untried: Sequence[str] = ()
    """Arms that were seen and never judged; agents that are defined, were never seen, and do not fit the task."""


def named(candidates: Iterable[Arm], usage: Sequence[Usage]) -> Offered:
    """The arms that a caller means: an agent without a model stands for every model that it was seen with."""
    found: dict[Arm, None] = {}
    for one in candidates:
        seen = [row.arm for row in usage if row.arm.agent_type == one.agent_type]
        if one.model is None and seen:
            found |= dict.fromkeys(seen)
        else:
            found[Arm(one.agent_type, _full_id(one.model, usage))] = None
    return Offered(sorted(found, key=by_name))


class Offering:
    """Knows the agents that are defined."""

    def __init__(self, config: Path, clock: Callable[[], datetime]) -> None:
        """Offer.

        Args:
            config: where Claude Code keeps the user's own files.
            clock: the present time; definitions are looked at again after a minute.
        """
        self._user_folder = config / "agents"
        self._clock = clock
        self._known: dict[str | None, tuple[datetime, Sequence[DefinedAgent]]] = {}

    async def offered(self, history: History, usage: Sequence[Usage], project: str | None, task: str) -> Offered:
        """Arms that were judged or seen, and agents that are defined and may be meant for such a task.

        An agent that was never tried is uncertain, and so could always be the best one: only those are offered whose
        descriptions share a word with the task, or all of them where nothing else is there.

        Args:
            history: of the arms that were judged.
            usage: of the arms that were seen.
            project: the folder whose agents are meant beside the user's own.
            task: its text and type.
        """
        arms, unjudged = offered_by_default(history, usage)
        agents = {arm.agent_type for arm in (*arms, *unjudged)}
        untried = [one for one in await self._defined(project) if one.name not in agents]
        about = _stems(task)
        meant = [one for one in untried if not agents or not one.description or about & _stems(_said(one))]
        new = {Arm(one.name, _full_id(one.model, usage)) for one in meant}
        unfit = [one.name for one in untried if one not in meant]
        return Offered(sorted({*arms, *new}, key=by_name), [*unfit, *(arm.label for arm in unjudged)])

    async def _defined(self, project: str | None) -> Sequence[DefinedAgent]:
        now = self._clock()
        known = self._known.get(project)
        if known is None or not timedelta(0) <= now - known[0] < _REMEMBERED:
            folders = [*([Path(project) / _FOLDER] if project else []), self._user_folder]
            known = now, await anyio.to_thread.run_sync(defined_agents, folders)
            if len(self._known) >= _FOLDERS_REMEMBERED:
                self._known.clear()
            self._known[project] = known
        return known[1]


def _full_id(model: str | None, usage: Sequence[Usage]) -> str | None:
    """The model that an alias stood for most often; any other name is what it is."""
    if model is None or model.lower() not in ALIASES:
        return model
    times: dict[str, int] = {}
    for row in usage:
        if row.arm.model is not None and model.lower() in row.arm.model.lower():
            times[row.arm.model] = times.get(row.arm.model, 0) + row.n
    return min(times, key=lambda one: (-times[one], one), default=model)


def _said(one: DefinedAgent) -> str:
    return f"{one.name.replace('-', ' ').replace('_', ' ')} {one.description}"


def _stems(text: str) -> frozenset[str]:
    """What a text is about: beginnings of its words."""
    return frozenset(word[:_STEM_CHARS] for word in content(words(text)) if len(word) >= _STEM_CHARS - 1)
