"""Which of the delegations that were told alike a stated span means: a retry is not the attempt before it."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.moments import is_fixed, moment
from mcp_server.service.stated import StatedSpan, status_of
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Status

_REMEMBERED: Final = 10_000
_READ_AT_ONCE: Final = 50
_DIGEST_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A stated span without an id of its own."""

    first: str
    """Id of the first delegation that is told like this one."""
    exactly: str
    """Stands for all that is said of it; twins within one call differ in it."""
    agrees: Callable[[Span], bool]
    """Whether a span that is held may be the one that is meant."""


class Attempts:
    """Finds the delegation that is meant, and remembers it: a repeated call means the same one whatever came since."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._meant: dict[str, str] = {}

    async def meant(self, told: Sequence[Told]) -> list[str]:
        """Ids, one for each: where the first delegation told so is another one the second, and so on."""
        taken = {self._meant[one.exactly] for one in told if one.exactly in self._meant}
        held: dict[str, Span | None] = {}
        await self._read([one.first for one in told], held)
        found: list[str] = []
        for one in told:
            span_id = self._meant.get(one.exactly)
            if span_id is None or span_id in found:  # two ways to say the same, which in one call are two
                span_id = await self._free(one, taken, held)
            taken.add(span_id)
            found.append(span_id)
        return found

    def remember(self, told: Sequence[Told], span_ids: Sequence[str]) -> None:
        """Keep what was meant, once it is stored; the oldest is forgotten where it gets too much."""
        for one, span_id in zip(told, span_ids, strict=True):
            self._meant.setdefault(one.exactly, span_id)
        while len(self._meant) > _REMEMBERED:
            del self._meant[next(iter(self._meant))]

    async def _free(self, one: Told, taken: set[str], held: dict[str, Span | None]) -> str:
        """The first that nothing in this call means, and that is not held or agrees."""
        for span_ids in _places(one.first):
            await self._read(span_ids, held)
            for span_id in span_ids:
                span = held[span_id]
                if span_id not in taken and (span is None or one.agrees(span)):
                    return span_id
        raise AssertionError("there is always another place")

    async def _read(self, span_ids: Sequence[str], held: dict[str, Span | None]) -> None:
        unread = [span_id for span_id in dict.fromkeys(span_ids) if span_id not in held]
        if unread:
            known = await self._store.spans(unread)
            held.update({span_id: known.get(span_id) for span_id in unread})


def digest(*parts: str) -> str:
    """A short id that stands for these words."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _places(first: str) -> Iterator[list[str]]:
    """Ids of the first delegation that is told so, then of the next ones, as many at a time as are read at once."""
    yield [first]
    for start in itertools.count(2, _READ_AT_ONCE):
        yield [digest(first, str(number)) for number in range(start, start + _READ_AT_ONCE)]


def contradicts(row: StatedSpan, held: Span, keep: TextKeeper, now: datetime) -> bool:
    """Whether a stated span cannot be the one that is held, which has ended: it says another thing of the same.

    What either of them does not know is no contradiction.
    """
    if held.status is Status.RUNNING:
        return False
    status = status_of(row)
    if status not in {Status.RUNNING, held.status} and held.status is not Status.LOST:
        return True
    ended_at = moment("ended_at", row.ended_at, now) if is_fixed(row.ended_at) else None
    is_end_known = held.ended_at != held.observed_at  # else it is only when we were told
    said = [
        (keep.name(row.model), held.model),
        (keep.text(row.output), held.output),
        (keep.text(row.error), held.error),
        (row.duration_ms, held.duration_ms),
        (ended_at, held.ended_at if is_end_known else None),
        (row.reward, held.reward if held.reward_source == row.reward_source else None),
    ]
    return any(stated is not None and known is not None and stated != known for stated, known in said)
