"""Sums over delegations on their way to a `Group`, wherever they come from: they can be added, and taken away again."""

import operator
from collections.abc import Iterable, Sequence
from typing import Final

from storage.queries import Dimension, Essence, Group, RewardSums
from storage.sketch import Sketch
from storage.sqlite.rollups import MICRO, NANO, SUMS, TOKENS
from storage.vocabulary import Outcome, Status, Tier

Key = tuple[str | None, ...]
FEW: Final = frozenset({"n", "verified_n", "verified_success_n", "cost_n", "cost_nano_usd"})
"""What an `Essence` is made of; the other sums may be 0 then."""

_PLACES: Final = {name: place for place, name in enumerate(SUMS)}
_NOTHING: Final = [0.0] * len(SUMS)
_STATUSES: Final = [(status, _PLACES[f"status_{status}"]) for status in Status]
_OUTCOMES: Final = [(outcome, _PLACES[f"outcome_{outcome}"]) for outcome in Outcome]
_TIERS: Final = [(tier, _PLACES[f"{tier}_n"]) for tier in Tier]
_TOKENS: Final = [(f"{name}_tokens", _PLACES[f"{name}_n"]) for name in TOKENS]
_VERIFIED: Final = _PLACES["verified_n"]
_VERIFIED_SUCCESS: Final = _PLACES["verified_success_n"]
_COST: Final = _PLACES["cost_n"]
_TOOL_CALLS: Final = _PLACES["tool_calls_n"]
_TOOL_ERRORS: Final = _PLACES["tool_errors_n"]
_GUESSED: Final = _PLACES["guessed_n"]


class Totals:
    """By key: what `rollups.SUMS` name, in that order, and the counts of a `Sketch` of the durations."""

    def __init__(self) -> None:
        self.sums: dict[Key, Sequence[float]] = {}
        self.durations: dict[Key, int] = {}

    def add(self, key: Key, sums: Sequence[float], durations: int = 0) -> None:
        """What some delegations under this key add up to, beside those that are there."""
        held = self.sums.get(key)
        self.sums[key] = sums if held is None else list(map(operator.add, held, sums))
        self.add_durations(key, durations)

    def add_durations(self, key: Key, durations: int) -> None:
        """The durations of delegations whose sums are told apart from them."""
        self.durations[key] = self.durations.get(key, 0) + durations

    def join(self, others: "Totals", sign: int = 1) -> None:
        """Add others, or take away (sign -1) those that are all in these."""
        combine = operator.add if sign == 1 else operator.sub
        for key, sums in others.sums.items():
            self.sums[key] = list(map(combine, self.sums.get(key, _NOTHING), sums))
            self.add_durations(key, sign * others.durations[key])

    def groups(self, by: Sequence[Dimension]) -> list[Group]:
        """Most frequent first; those alike in that by their key as SQLite orders it, null first."""
        names = [one.value for one in by]
        return [_group(dict(zip(names, key, strict=True)), self.sums[key], self.durations[key]) for key in self._keys()]

    def essences(self, by: Sequence[Dimension]) -> list[Essence]:
        """The same in short."""
        names = [one.value for one in by]
        return [_essence(dict(zip(names, key, strict=True)), self.sums[key]) for key in self._keys()]

    def _keys(self) -> Iterable[Key]:
        def place(key: Key) -> tuple[float, list[tuple[bool, str]]]:
            return -self.sums[key][0], [(value is not None, value or "") for value in key]

        return sorted((key for key, sums in self.sums.items() if sums[0]), key=place)


def _group(key: dict[str, str | None], sums: Sequence[float], durations: int) -> Group:
    return Group(
        key=key,
        n=int(sums[0]),
        statuses={status: int(sums[place]) for status, place in _STATUSES},
        outcomes={outcome: int(sums[place]) for outcome, place in _OUTCOMES},
        rewards={
            tier: RewardSums(int(sums[place]), sums[place + 1] / MICRO, sums[place + 2] / MICRO)
            for tier, place in _TIERS
        },
        verified_success_n=int(sums[_VERIFIED_SUCCESS]),
        cost_n=int(sums[_COST]),
        cost_usd=_cost_usd(sums),
        tokens={name: _known(sums, place) for name, place in _TOKENS},
        tool_calls=_known(sums, _TOOL_CALLS),
        tool_errors=_known(sums, _TOOL_ERRORS),
        guessed_n=int(sums[_GUESSED]),
        durations=Sketch(durations),
    )


def _essence(key: dict[str, str | None], sums: Sequence[float]) -> Essence:
    verified, succeeded = int(sums[_VERIFIED]), int(sums[_VERIFIED_SUCCESS])
    return Essence(key, int(sums[0]), verified, succeeded, _cost_usd(sums))


def _known(sums: Sequence[float], place: int) -> int | None:
    """What known counts add up to, which stands after how many there are; None where there are none."""
    return int(sums[place + 1]) if sums[place] else None


def _cost_usd(sums: Sequence[float]) -> float | None:
    return sums[_COST + 1] / NANO if sums[_COST] else None
