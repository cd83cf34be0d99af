"""What a store promises, whatever engine keeps it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from storage.lessons import Learned, Lesson, LessonSum, TaskHead, Taught, Vocabulary
from storage.queries import (
    ALL_KINDS,
    Added,
    Batch,
    Dimension,
    Essence,
    Group,
    Health,
    Measure,
    Page,
    PageRequest,
    Pruned,
    SpanFilter,
    Target,
)
from storage.records import HookEvent, ReadPosition, Reward, RoutingDecision, Session, Span
from storage.vocabulary import SpanKind


class Lessons(Protocol):
    """Judged delegations as a router learns from them. Each method is one transaction."""

    async def version(self) -> int:
        """Grows whenever anything below may answer otherwise than before; cheap."""
        ...

    async def sums(self) -> list[LessonSum]:
        """All lessons, summed up; in no particular order."""
        ...

    async def after(self, number: int, limit: int) -> list[Lesson]:
        """Lessons with higher numbers, lowest first."""
        ...

    async def learned(self) -> Learned:
        """What was learned so far."""
        ...

    async def learn(self, before: int, learned: Learned, epochs: Mapping[int, float]) -> bool:
        """Remember what was learned from all lessons up to `learned.through`.

        Args:
            before: the `through` from which the learning began.
            learned: what is remembered from now on; of all arms, or of those that changed.
            epochs: of lessons by number, where they differ from what is held.

        Returns:
            False where another process has learned meanwhile: then nothing changes.
        """
        ...

    async def vocabulary(self, words: Sequence[str]) -> Vocabulary:
        """How rare words, as `storage.words` has them, are in the tasks of the newest 20,000 lessons."""
        ...

    async def holding(self, words: Sequence[str], limit: int) -> list[Taught]:
        """Of the newest 20,000 lessons those whose tasks hold any of these words, best match first."""
        ...


class Decisions(Protocol):
    """Routing decisions, and the delegations that followed them. Each method is one transaction."""

    async def add(self, decision: RoutingDecision) -> None:
        """Keep a decision; one with a known id replaces it."""
        ...

    async def get(self, decision_id: str) -> RoutingDecision | None:
        """One decision."""
        ...

    async def waiting(self, session_id: str, since: datetime) -> list[RoutingDecision]:
        """Decisions of a session that no delegation is linked to yet, made at this time or later; newest first."""
        ...

    async def link(self, decision_id: str, span_id: str, *, followed: bool) -> bool:
        """Say which delegation followed; False where the decision is unknown or was linked before."""
        ...

    async def page(self, page: PageRequest, *, since: datetime | None = None) -> Page[RoutingDecision]:
        """Decisions, newest first.

        Raises:
            BadCursor: `page.after` was not returned by an earlier answer.
        """
        ...


class Store(Protocol):
    """Keeps spans, rewards and read positions. Each method is one transaction; any number of processes may share it.

    Every method may raise `StoreError`; after one, the store answers again as soon as the cause is gone.
    """

    @property
    def lessons(self) -> Lessons:
        """What routing learns from."""
        ...

    @property
    def decisions(self) -> Decisions:
        """What routing decided."""
        ...

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

    async def trajectory(
        self, session_id: str, kinds: frozenset[SpanKind] = ALL_KINDS, *, texts: bool = False
    ) -> list[Span]:
        """Spans of a session by start, then id.

        Args:
            session_id: of any session.
            kinds: which spans.
            texts: whether task, output, error, tool sequence and attributes are wanted as well.
        """
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

    async def newest(self, question: SpanFilter, limit: int, *, texts: bool = True) -> list[Span]:
        """At most so many of the spans that match, newest start first; without output, error and attributes.

        Without texts, they have no task and no tool sequence either, which spares half of the work.
        Tasks are cut to 256 bytes, with a mark that says how much is missing: for what is looked through in thousands,
        where whole texts and the count of all that match would take most of the time and memory.
        """
        ...

    async def scan(self, question: SpanFilter, page: PageRequest) -> Page[Span]:
        """Spans that match, in the order in which they were first added, with their texts; `total` is that of the page.

        Raises:
            BadCursor: `page.after` was not returned by an earlier answer.
        """
        ...

    async def largest(self, question: SpanFilter, measure: Measure, limit: int) -> list[Span]:
        """Spans that match and of which the measure is known, largest first, then newest, with their texts."""
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

    async def reward(self, reward_id: str) -> Reward | None:
        """The reward of this id, whatever it judges, or None where there is none."""
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

    async def verified_n(self) -> int:
        """How many delegations have a verdict or another verified reward; cheap."""
        ...

    async def vocabulary(self, words: Sequence[str]) -> Vocabulary:
        """How rare words are in the tasks of all delegations; an engine may count the heads of outputs as well."""
        ...

    async def holding(self, words: Sequence[str], question: SpanFilter, limit: int) -> list[TaskHead]:
        """Delegations that match and hold any of these words, best match first, with the heads of their tasks.

        The words are looked for where `vocabulary` counts them; texts that hold many common words may be left out.
        """
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
