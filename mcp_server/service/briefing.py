"""What is known is written down for hooks each time that something new was learned."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import anyio.to_thread

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.decisions import Known
from mcp_server.analysis.routing.digest import digest
from mcp_server.ingest.claude_code.aliases import aliases
from mcp_server.service.hook_files import HookFiles
from storage.records import Span

HOLDS: Final = timedelta(days=7)
"""For so long hooks tell what was last written."""
RECENT: Final = timedelta(days=30)
"""So far back a delegation may tell what an alias stands for."""


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

    async def after_fit(self, known: Known, offered: Sequence[Arm], spans: Iterable[Span]) -> None:
        """Write down what a newly fitted router knows. A folder that cannot be written to keeps hooks silent.

        Args:
            known: the past, for no task in particular.
            offered: arms to choose from.
            spans: delegations that tell what aliases stand for; those older than 30 days are not looked at.
        """
        if self._mode == "off":
            return
        now = self._clock()
        recent = [span for span in spans if span.started_at >= now - RECENT]
        with suppress(OSError):
            await anyio.to_thread.run_sync(self._write, known, offered, recent, now)

    def _write(self, known: Known, offered: Sequence[Arm], recent: Sequence[Span], now: datetime) -> None:
        alias_of = aliases(recent)
        found = digest(known, offered, alias_of)
        models = {agent: alias_of[model] for agent, model in found.models.items() if model in alias_of}
        self._files.write(text=found.text, revision=found.revision, models=models, now=now, until=now + HOLDS)
