"""What is going on while somebody asks: which session is meant, and whether all of it is known."""

from typing import Protocol

from mcp_server.service.errors import UnknownId
from storage.queries import PageRequest
from storage.store import Store


class Feed(Protocol):
    """What running sessions tell."""

    async def fresh(self) -> None:
        """Have the store hold what has happened until now, as far as patience allows."""
        ...

    async def thorough(self) -> None:
        """As `fresh`, and wait for all of it: what has happened until now is needed for an answer at all."""
        ...

    async def current_session(self) -> str | None:
        """The session from which the question comes, where anything tells."""
        ...


class Present:
    """The sessions of a store as they are now."""

    def __init__(self, store: Store, feed: Feed | None = None, session_id: str | None = None) -> None:
        """Ask a store.

        Args:
            store: where sessions are recorded.
            feed: brings the store up to date.
            session_id: the session that is meant where none is named and the feed knows of none.
        """
        self._store = store
        self._feed = feed
        self._session_id = session_id

    async def fresh(self) -> None:
        """Have the store hold what has happened until now, as far as patience allows."""
        if self._feed is not None:
            await self._feed.fresh()

    async def session(self, session_id: str | None) -> str:
        """The session that is meant: the named one, else the current one, else the latest.

        Raises:
            UnknownId: it is not recorded, or none is.
        """
        if session_id is not None:
            if await self._store.session(session_id) is None:
                raise UnknownId(
                    session_id, "session", "leave session_id out for the latest, or read delegation://sessions"
                )
            return session_id
        for current in await self._here():
            if current is not None and await self._store.session(current) is not None:
                return current
        latest = await self._store.sessions(PageRequest(limit=1))
        if not latest.items:
            raise UnknownId(None, "session", "run `delegation-telemetry import`, or call record_spans")
        return latest.items[0].session_id

    async def here(self) -> str | None:
        """The session from which the question comes, recorded or not; None where nothing tells."""
        return next((one for one in await self._here() if one is not None), None)

    async def _here(self) -> tuple[str | None, str | None]:
        told = await self._feed.current_session() if self._feed is not None else None
        return told, self._session_id
