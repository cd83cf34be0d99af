"""What a router learns from: judged delegations one by one, summed up, and what was learned so far.

A lesson is a delegation with a reward that holds and counts. A store keeps lessons true in the transaction that changes
a span or a reward; what follows from them is computed above and handed back through `Lessons.learn`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storage.vocabulary import Level, RewardSource, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One judged delegation."""

    number: int
    """In the order in which delegations were first judged; from 1, never used twice."""
    span_id: str
    agent_type: str
    model: str | None
    agent_version: str | None
    task_type: str | None
    complexity: Level | None
    day: int
    """Of its end, or of its start where it has none; in days since 1970, UTC."""
    reward: float
    """In [0, 1]."""
    source: RewardSource
    epoch: float = 0.0
    """That of its arm when it was learned from; until then that of its arm when it was judged."""
    tool_call_count: int | None = None


class DaySum(NamedTuple):
    """Lessons of one day; a tuple, since there are tens of thousands of them at once."""

    day: int
    """In days since 1970, UTC."""
    n: int
    reward: float
    """Sum of their rewards."""
    success_n: int
    """How many have a reward of at least 0.75."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonSum:
    """Lessons that the router cannot tell apart, day by day."""

    agent_type: str
    model: str | None
    task_type: str | None
    complexity: Level | None
    epoch: float
    tiers: Mapping[Tier, Sequence[DaySum]]
    """Only tiers and days with lessons, each day once, in no particular order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """What the watch remembers of one arm."""

    agent_type: str
    model: str | None
    agent_version: str | None = None
    """Of the newest lesson that had one."""
    epoch: float = 0.0
    shortfall: float = 0.0
    since_alarm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How far lessons were learned from, and what is remembered of each arm."""

    through: int = 0
    """The highest number among them; 0 before the first."""
    arms: Sequence[ArmState] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """How rare some words are among the texts that are searched."""

    total: int
    """Texts."""
    mean_length: float
    """Of a text, in words; 0 without texts."""
    frequencies: Mapping[str, int]
    """In how many texts a word is; words in none are left out."""


@dataclass(frozen=True, slots=True)
class TaskHead:
    """A delegation with as much of its task as is compared with others."""

    span_id: str
    task: str
    """The first 2,000 characters; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Taught:
    """A lesson with the words of its task."""

    lesson: Lesson
    task: str
    """The words of the first 2,000 characters as `storage.words` has them, in their order, with spaces between."""
