"""What a store promises, whatever engine keeps it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from storage.queries import (
    ALL_KINDS,
    Added,
    Batch,
    Dimension,
    Essence,
    Group,
    Health,
    Page,
    PageRequest,
    Pruned,
    SpanFilter,
    Target,
)
from storage.records import HookEvent, ReadPosition, Reward, Session, Span
from storage.vocabulary import SpanKind


class Store(Protocol):
    """Keeps spans, rewards and read positions. Each method is one transaction; any number of processes may share it.

    Every method may raise `StoreError`; after one, the store answers again as soon as the cause is gone.
    """

    async def add(self, batch: Batch) -> Added:
        """Keep a batch, all of it or nothing. Adding the same again changes nothing.

        A span with a known id is joined with what is held, by the rules of `storage.versions`; a captured delegation
        also takes in a stated one with the same `tool_use_id`. A reward may arrive before its span. Roll-ups,
        outcomes and subtree costs are true again when this returns, and what was added survives a crash.
        """
        ...

    async def spans(self, span_ids: Sequence[str]) -> dict[str, Span]:
        """The known ones of these spans, with their texts."""
        ...

    async def trajectory(self, session_id: str, kinds: frozenset[SpanKind] = ALL_KINDS) -> list[Span]:
        """Spans of a session by start, then id; without task, output, error, tool sequence and attributes."""
        ...

    async def span_counts(self, session_id: str) -> dict[SpanKind, int]:
        """How many spans of each kind a session has; empty where none is known."""
        ...

    async def find(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        """Spans that match, newest start first, with their texts.

        Raises:
            BadCursor: `page.after` was not returned by an earlier answer.
        """
        ...

    async def scan(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        """Spans that match, in the order in which they were first added, with their texts; `total` is that of the page.

        Raises:
            BadCursor: `page.after` was not returned by an earlier answer.
        """
        ...

    async def sessions(self, page: PageRequest) -> Page[Session]:
        """Sessions, latest activity first.

        Raises:
            BadCursor: `page.after` was not returned by an earlier answer.
        """
        ...

    async def session(self, session_id: str) -> Session | None:
        """One session, or None where no span of it is known."""
        ...

    async def rewards(self, target: Target) -> list[Reward]:
        """All rewards of a span, or of a session as a whole: newest first, none left out."""
        ...

    async def resolve(self, target_id: str) -> list[Target]:
        """What an id may mean: a span, an agent, a tool use or a session. Empty where it is unknown."""
        ...

    async def group(self, question: SpanFilter, by: Sequence[Dimension]) -> list[Group]:
        """Delegations that match, summed up by the dimensions, most frequent group first."""
        ...

    async def compare(
        self, question: SpanFilter, other: SpanFilter, by: Sequence[Dimension]
    ) -> tuple[list[Group], list[Essence]]:
        """As `group` for two questions at one moment; the other one is answered in short."""
        ...

    async def distinct(self, dimension: Dimension) -> list[str]:
        """The known values of a dimension of delegations, most frequent first."""
        ...

    async def positions(self, sources: Sequence[str]) -> dict[str, ReadPosition]:
        """How far these files have been read; files never read are left out."""
        ...

    async def open_sources(self) -> list[str]:
        """Sources of read positions that are to be looked at again, in no particular order."""
        ...

    async def events(self, session_id: str) -> list[HookEvent]:
        """What a client's hooks told about a session, by time."""
        ...

    async def latest_event(self, process_ids: Sequence[int] = ()) -> HookEvent | None:
        """The newest hook event of all, or of some client processes."""
        ...

    async def prune(self, *, before: datetime | None = None, max_bytes: int | None = None) -> Pruned:
        """Remove whole sessions, those with the oldest last activity first.

        Args:
            before: remove sessions without activity since this time.
            max_bytes: remove sessions until the store is no larger than this.
        """
        ...

    async def rebuild(self) -> None:
        """Make all roll-ups anew from the spans: after an upgrade of a store that held some, or in doubt; slow."""
        ...

    async def backup(self, target: Path) -> int:
        """Write a consistent copy while others go on writing.

        Returns:
            The size of the copy in bytes.

        Raises:
            FileExistsError: `target` is there already.
        """
        ...

    async def health(self) -> Health:
        """Check the store; slow on a large one."""
        ...

    async def close(self) -> None:
        """Release everything. Safe to call twice."""
        ...
