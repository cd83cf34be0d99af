"""What arms have cost and how long they took, by type of task."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.utility import Usage
from mcp_server.service.learning import Fitted
from storage.queries import Dimension, Group, SpanFilter
from storage.store import Store

_REMEMBERED: Final = timedelta(seconds=60)
_FEW: Final = 20
"""With fewer lessons every question is answered from what is there at that very moment."""
_BY_ARM_AND_TYPE: Final = (Dimension.AGENT_TYPE, Dimension.MODEL, Dimension.TASK_TYPE)


class ArmUsage:
    """Reads it from a store, and remembers it for a while."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        """Read from a store.

        Args:
            store: where from.
            clock: the present time; what was read is read again after a minute.
        """
        self._store = store
        self._clock = clock
        self._rows: Sequence[Usage] = ()
        self._read_at: datetime | None = None

    async def known_with(self, fitted: Fitted) -> Sequence[Usage]:
        """A row for each arm and type of task that was seen; of arms that were judged none is missing."""
        now = self._clock()
        is_fresh = self._read_at is not None and timedelta(0) <= now - self._read_at < _REMEMBERED
        is_whole = fitted.history.by_arm.keys() <= {row.arm for row in self._rows}
        if not is_fresh or not is_whole or fitted.lessons_n < _FEW:
            groups = await self._store.group(SpanFilter(), _BY_ARM_AND_TYPE)
            self._rows = [_usage(group) for group in groups if group.key["agent_type"]]
            self._read_at = now
        return self._rows


def _usage(group: Group) -> Usage:
    return Usage(
        arm=Arm(group.key["agent_type"] or "", group.key["model"]),
        task_type=group.key["task_type"],
        n=group.n,
        cost_n=group.cost_n,
        cost_usd=group.cost_usd or 0.0,
        duration_n=group.durations.n,
        duration_ms=group.durations.quantile(0.5) or 0.0,
    )
