"""What findings ask of a delegation: its arm, whether a verified judgement calls it a success, what it cost."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from storage.outcomes import SUCCESS_FROM
from storage.records import Span
from storage.vocabulary import VERIFIED

NAME_SHOWN: Final = 60


class Arm(NamedTuple):
    """What can be chosen when delegating."""

    agent_type: str
    model: str | None

    def __str__(self) -> str:
        return f"{shown(self.agent_type)} on {shown(self.model) if self.model else 'an unknown model'}"


def shown(name: str) -> str:
    """A name that a stranger gave, as it may stand in a sentence: on one line, printable, at most 60 characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= NAME_SHOWN else f"{line[: NAME_SHOWN - 1]}…"


def arm_of(span: Span) -> Arm:
    """The arm that ran."""
    return Arm(span.agent_type, span.model)


def is_verified(span: Span) -> bool:
    """Whether a person, a test or a verifier judged it: only then does it say anything of its arm."""
    return span.reward is not None and span.reward_source in VERIFIED


def succeeded(span: Span) -> bool:
    """Whether the reward that holds calls it a success."""
    return span.reward is not None and span.reward >= SUCCESS_FROM


def cost_of(span: Span) -> float | None:
    """What delegating cost, with everything delegated further, in USD; None where that is unknown."""
    return span.cost_usd if span.subtree_cost_usd is None else span.subtree_cost_usd


def in_order(spans: Iterable[Span]) -> list[Span]:
    """By start, then id."""
    return sorted(spans, key=lambda span: (span.started_at, span.span_id))


def by_end(spans: Iterable[Span]) -> list[Span]:
    """In the order in which their results were there; those without an end at their start."""

    def place(span: Span) -> tuple[datetime, str]:
        return span.ended_at or span.started_at, span.span_id

    return sorted(spans, key=place)
