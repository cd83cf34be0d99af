"""Asks for the few verdicts that teach most, beside an answer that shows the delegations anyway."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mcp_server.analysis.verdicts import to_ask
from mcp_server.service.shapes import shorten
from storage.records import Span
from storage.store import Store

_FIRST_WORDS_CHARS: Final = 60
_KNOWN_FOR: Final = timedelta(minutes=1)


class Asking:
    """Knows roughly how many verdicts there are."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._verified_n = 0
        self._counted_at: datetime | None = None

    async def about(self, spans: Sequence[Span]) -> list[dict[str, Any]]:
        """Of some delegations those on which a verdict is wanted, each with the words by which a person knows it."""
        if not spans:
            return []
        return [
            {
                "span_id": span.span_id,
                "agent_type": span.agent_type,
                "task": shorten(" ".join((span.name or span.task or "").split()), _FIRST_WORDS_CHARS),
            }
            for span in to_ask(spans, await self.verified_n())
        ]

    async def verified_n(self) -> int:
        """How many delegations have a verdict or another verified reward, as of a minute ago or later."""
        now = self._clock()
        if self._counted_at is None or not timedelta(0) <= now - self._counted_at < _KNOWN_FOR:
            self._verified_n, self._counted_at = await self._store.verified_n(), now
        return self._verified_n
