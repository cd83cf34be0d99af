"""About which delegations a person is asked for a verdict: all of the first ones, then few, and none twice answered.

Asked about the first thirty and a random tenth afterwards, the choice of arms was as good as with twice as many
verdicts at random. Whoever asks, a search or a review of a month, asks by this one rule.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.delegations import is_verified
from storage.records import Span
from storage.vocabulary import SpanKind, Status

FIRST: Final = 30
"""So many verdicts are wanted before anything is left out."""
ONE_IN: Final = 10
SHOWN: Final = 3
_ENDED: Final = frozenset({Status.OK, Status.ERROR})


@dataclass(frozen=True, slots=True)
class VerdictsWanted:
    """How much of the work was never judged, and about what a person is asked."""

    n: int
    """Delegations that have ended by themselves."""
    verified_n: int
    unended_n: int
    """The other delegations: still running, cancelled or lost."""
    spans: Sequence[Span]
    """At most three, the newest first."""


def verdicts_wanted(spans: Iterable[Span], verified_n: int) -> VerdictsWanted | None:
    """What a person is asked about; None where nobody need be.

    Args:
        spans: delegations, in any order; of those with one start the first given is asked about first.
        verified_n: how many of the user's delegations, these and others, have a verdict or another verified reward.
    """
    delegations = [span for span in spans if span.kind is SpanKind.DELEGATION]
    ended = [span for span in delegations if span.status in _ENDED]
    asked = to_ask(sorted(ended, key=lambda span: span.started_at, reverse=True), verified_n)
    if not asked:
        return None
    return VerdictsWanted(len(ended), sum(map(is_verified, ended)), len(delegations) - len(ended), asked)


def to_ask(spans: Iterable[Span], verified_n: int) -> list[Span]:
    """At most three delegations of which a verdict would teach most, in the order given.

    Args:
        spans: delegations.
        verified_n: how many of the user's delegations have a verdict, or another verified reward.
    """
    few = verified_n >= FIRST
    wanted = [span for span in spans if _can_be_asked(span) and (not few or is_chosen(span.span_id))]
    return wanted[:SHOWN]


def is_chosen(span_id: str) -> bool:
    """Whether a delegation is among the tenth that is asked about; always the same answer for one."""
    return int.from_bytes(hashlib.blake2b(span_id.encode(errors="replace"), digest_size=8).digest()) % ONE_IN == 0


def _can_be_asked(span: Span) -> bool:
    return span.kind is SpanKind.DELEGATION and span.status in _ENDED and not is_verified(span)
