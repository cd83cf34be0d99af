"""By which short names models can be asked for now."""

from datetime import datetime, timedelta
from typing import Final

from mcp_server.ingest.claude_code.aliases import aliases
from storage.queries import PageRequest, SpanFilter
from storage.store import Store

_RECENT: Final = timedelta(days=30)
_MOST: Final = 300


async def recent_aliases(store: Store, now: datetime) -> dict[str, str]:
    """Full id of a model -> its alias, as the newest 300 delegations of the last 30 days show it.

    Args:
        store: where from.
        now: the present time.
    """
    recent = await store.find(SpanFilter(since=now - _RECENT), PageRequest(limit=_MOST))
    return aliases(recent.items)
