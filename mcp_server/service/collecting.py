"""What was read of sessions is held until they are judged, and until it is enough for a transaction."""

from typing import Final

import anyio.from_thread

from mcp_server.service import linking
from mcp_server.service.import_report import ImportReport
from mcp_server.service.judging import judged
from storage.queries import Batch
from storage.records import ReadPosition, Reward, Span
from storage.store import Store

_SPANS_AT_ONCE: Final = 300


class Collected:
    """What was read and not yet stored: small sessions share a transaction."""

    def __init__(self, store: Store, report: ImportReport) -> None:
        self._store = store
        self._report = report
        self._spans = list[Span]()
        self._rewards = list[Reward]()
        self._positions = dict[str, ReadPosition]()
        self._reconsidered = list[str]()
        self._begun = 0
        self._has_stored = False

    def begin(self) -> None:
        """From now on it is another session that is taken."""
        self._begun, self._has_stored = len(self._spans), False

    def take(self, batch: Batch) -> None:
        """Take a batch from a worker thread. What is there already is stored first, if it is enough by itself.

        So the last batch of a session waits until it is judged, and is stored together with the judgement.
        """
        if len(self._spans) >= _SPANS_AT_ONCE:
            anyio.from_thread.run(self.store)
        self._spans += batch.spans
        self._rewards += batch.rewards
        self._positions |= {position.source: position for position in batch.positions}

    async def judge(self, session_id: str, *, is_first: bool) -> None:
        """Conclude from what was taken of a session, and from what is held of it, how its delegations did."""
        is_whole = is_first and not self._has_stored
        verdict = await judged(self._store, session_id, self._spans[self._begun :], is_whole=is_whole)
        self._rewards += verdict.rewards
        self._reconsidered += verdict.reconsidered

    async def store(self) -> None:
        """Store all of it."""
        batch = Batch(
            spans=self._spans,
            rewards=self._rewards,
            positions=list(self._positions.values()),
            reconsidered=self._reconsidered,
        )
        self._has_stored = self._has_stored or len(self._spans) > self._begun
        self._spans, self._rewards, self._positions, self._reconsidered, self._begun = [], [], {}, [], 0
        if batch.positions:
            self._report.count(await linking.add(self._store, batch))
