"""What is known is written down for hooks each time that something new was learned."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio.to_thread

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.decisions import Known
from mcp_server.analysis.routing.digest import digest
from mcp_server.service.hook_files import HookFiles

HOLDS: Final = timedelta(days=7)
"""For so long hooks tell what was last written."""


def _now() -> datetime:
    return datetime.now(UTC)


class Briefing:
    """Leaves advice where hooks find it."""

    def __init__(self, files: HookFiles, *, mode: str, clock: Callable[[], datetime] = _now) -> None:
        """Write into some files.

        Args:
            files: where hooks look.
            mode: the setting `routing`; nothing is written where it is `off`. Hooks look at it too: the files are the
                same for `advise` and `auto`, so that sessions with different settings may share them.
            clock: the present time.
        """
        self._files = files
        self._mode = mode
        self._clock = clock

    async def after_fit(self, known: Known, offered: Sequence[Arm], alias_of: Mapping[str, str]) -> None:
        """Write down what a newly fitted router knows. A folder that cannot be written to keeps hooks silent.

        Args:
            known: the past, for no task in particular.
            offered: arms to choose from.
            alias_of: full id of a model -> its alias; without one a model is not set.
        """
        if self._mode == "off":
            return
        with suppress(OSError):
            await anyio.to_thread.run_sync(self._write, known, offered, alias_of, self._clock())

    def _write(self, known: Known, offered: Sequence[Arm], alias_of: Mapping[str, str], now: datetime) -> None:
        found = digest(known, offered, alias_of)
        models = {agent: alias_of[model] for agent, model in found.models.items() if model in alias_of}
        self._files.write(text=found.text, revision=found.revision, models=models, now=now, until=now + HOLDS)
