"""Who delegated to whom in one session."""

from collections.abc import Iterable
from typing import Final, Protocol, TypeVar

from storage.records import Span
from storage.vocabulary import SpanKind, Status

_DEPTH: Final = 64
_SAYS_NOTHING: Final = frozenset({Status.RUNNING, Status.CANCELLED, Status.LOST})


class HasAuthor(Protocol):
    """Something that an agent did."""

    @property
    def author(self) -> str:
        """Span of the agent's run."""
        ...


Authored = TypeVar("Authored", bound=HasAuthor)


class Family:
    """The runs of a session's agents. Parents that are missing or in a circle end the way up."""

    def __init__(self, spans: Iterable[Span]) -> None:
        """Of any spans of one session; a span that comes twice counts once."""
        runs = {span.span_id: span for span in spans if span.kind in (SpanKind.SESSION, SpanKind.DELEGATION)}
        self._runs = runs
        self._lines: dict[str, tuple[str, ...]] = {}
        self.main = min((one for one in runs.values() if one.kind is SpanKind.SESSION), key=_place, default=None)
        """The main agent's run."""
        self.delegations = sorted((one for one in runs.values() if one.kind is SpanKind.DELEGATION), key=_place)
        """By start."""

    def line(self, span_id: str) -> tuple[str, ...]:
        """A run and those above it, itself first."""
        known = self._lines.get(span_id)
        if known is not None:
            return known
        found: list[str] = []
        above: str | None = span_id
        while above is not None and above not in found and len(found) < _DEPTH:
            found.append(above)
            above = self._runs[above].parent_span_id if above in self._runs else None
        return self._lines.setdefault(span_id, tuple(found))

    def is_in(self, span_id: str, top: str) -> bool:
        """Whether a run is another one, or was commissioned by it, directly or not."""
        return top in self.line(span_id)

    def is_apart(self, span_id: str) -> bool:
        """Whether a run, or one above it, works in a copy of the files of its own."""
        return any(one in self._runs and self._runs[one].attributes.get("worktree") for one in self.line(span_id))

    def child_above(self, span_id: str, parent: str) -> str:
        """The run below `parent` to which a run belongs; itself where it does not belong to `parent`."""
        line = self.line(span_id)
        return line[line.index(parent) - 1] if parent in line[1:] else span_id


def can_be_judged(span: Span) -> bool:
    """Whether a run came to an end of which anything can be said."""
    return span.status not in _SAYS_NOTHING and span.ended_at is not None


def by_line(family: Family, deeds: Iterable[Authored]) -> dict[str, list[Authored]]:
    """Deeds by every run to which they belong, directly or through those below it; each list in the order given."""
    found: dict[str, list[Authored]] = {}
    for deed in deeds:
        for span_id in family.line(deed.author):
            found.setdefault(span_id, []).append(deed)
    return found


def _place(span: Span) -> tuple[object, str]:
    return span.started_at, span.span_id
