"""What brings a store up to date before it is asked."""

from typing import Protocol


class Feed(Protocol):
    """What is going on while somebody asks."""

    async def fresh(self) -> None:
        """Have the store hold what has happened until now, as far as patience allows."""
        ...

    async def thorough(self) -> None:
        """As `fresh`, and wait for all of it: what has happened until now is needed for an answer at all."""
        ...

    async def current_session(self) -> str | None:
        """The session from which the question comes, where anything tells."""
        ...
