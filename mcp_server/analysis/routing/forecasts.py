"""How likely each arm is to succeed at a task, and how much is known of it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.rollups import History
from storage.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A judged delegation of a task that resembles the one at hand."""

    span_id: str
    arm: Arm
    reward: float
    """In [0, 1]."""
    weight: float
    """How far the reward is trusted, in [0, 1]."""
    similarity: float
    """In [0, 1]; 1 for an identical text."""
    complexity: Level | None = None
    tool_call_count: int | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """A probability of success that is worth so many observations."""

    p: float
    """In (0, 1)."""
    n_eff: float
    """At least 1."""

    @property
    def sd(self) -> float:
        """Of the Beta distribution with this mean and sum of parameters."""
        return math.sqrt(self.p * (1 - self.p) / (self.n_eff + 1))


class Router(Protocol):
    """What can forecast, and so be asked for advice or compared by replay."""

    def forecasts(
        self, profile: Profile, arms: Iterable[Arm], neighbours: Iterable[Neighbour] = ()
    ) -> Mapping[Arm, Forecast]:
        """One forecast for every arm."""


class Strategy(Protocol):
    """How a router is made."""

    def __call__(self, history: History, earlier: Router | None = None) -> Router:
        """A router that has learned from a history; an earlier one of the same strategy may save time."""
