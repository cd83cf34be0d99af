"""How several versions of one span become one, whatever the order in which they arrive.

A span is seen many times: when it starts, when it ends, by a hook, by an importer, by a model that reports on it.
Each field is a register in which the latest known value wins, and nothing known is lost to a version that does not
know it. Fields that describe the present state are one register, so that a resumed span can lose its end again.
The result is the same for every order of arrival and for repetitions: versions form a semilattice.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

from storage.records import Span
from storage.vocabulary import Source, Status

STATE: Final = ("status", "started_at", "ended_at", "duration_ms", "output", "error")
KEPT_BY_STORE: Final = frozenset({"outcome", "reward", "reward_source", "subtree_cost_usd"})
_IDENTITY: Final = frozenset({"span_id", "source", "observed_at"})
FACTS: Final = tuple(
    name for name in Span.model_fields if name not in KEPT_BY_STORE and name not in _IDENTITY and name not in STATE
)
_GUESS: Final = frozenset({"guessed_type", "guessed_by"})
_RANK: Final = {source: rank for rank, source in enumerate(Source)}
_FINALITY: Final = {Status.RUNNING: 0, Status.LOST: 1}

_ATTRIBUTE: Final = "attributes."

Stamp = tuple[int, datetime, int]
"""Of two values the one with the greater stamp holds: rank of the source, time of the evidence, finality."""


@dataclass(frozen=True, slots=True)
class Version:
    """A span as known so far, with the stamps of those facts that are older than the rest of it."""

    span: Span
    stamps: dict[str, Stamp] = field(default_factory=dict)

    @property
    def stamp(self) -> Stamp:
        """The stamp of every field that has none of its own."""
        span = self.span
        observed_at = span.observed_at or span.ended_at or span.started_at
        return (_RANK[span.source], observed_at, _FINALITY.get(span.status, 2))


def merge(one: Version, other: Version) -> Version:
    """The join of two versions of one span: commutative, associative, idempotent."""
    older, newer = sorted((one, other), key=lambda version: (version.stamp, _order(version.span)))
    known = [_facts(older), _facts(newer)]
    values: dict[str, Any] = {name: getattr(newer.span, name) for name in (*FACTS, *STATE, *KEPT_BY_STORE)}
    values["attributes"] = {}
    stamps: dict[str, Stamp] = {}
    for name in sorted(known[0].keys() | known[1].keys()):
        stamp, _, value = max(facts[name] for facts in known if name in facts)
        if stamp != newer.stamp:
            stamps[name] = stamp
        if name.startswith(_ATTRIBUTE):
            values["attributes"][name.removeprefix(_ATTRIBUTE)] = value
        else:
            values[name] = value
    span = Span.model_construct(
        span_id=newer.span.span_id, source=newer.span.source, observed_at=newer.stamp[1], **values
    )
    return Version(span, stamps)


def same_facts(one: Span, other: Span) -> bool:
    """Whether two versions say the same, apart from when it was observed and what the store itself keeps."""
    return all(getattr(one, name) == getattr(other, name) for name in (*FACTS, *STATE)) and (
        # In Python 1 equals True and 1.0; in JSON it does not.
        _text(one.attributes) == _text(other.attributes)
    )


def _facts(version: Version) -> dict[str, tuple[Stamp, str, Any]]:
    """Every known fact with its stamp; each attribute is a fact of its own."""
    span = version.span
    known = {
        name: (version.stamps.get(name, version.stamp), _among_equals(span, name, value), value)
        for name in FACTS
        if name != "attributes" and (value := getattr(span, name)) is not None and value != ()
    }
    attributes = {f"{_ATTRIBUTE}{key}": value for key, value in span.attributes.items()}
    return known | {
        name: (version.stamps.get(name, version.stamp), _text(value), value) for name, value in attributes.items()
    }


def _among_equals(span: Span, name: str, value: Any) -> str:
    """Decides between values with equal stamps; a guess and who guessed are decided together."""
    return repr((span.guessed_type, span.guessed_by) if name in _GUESS else value)


def _order(span: Span) -> tuple[str, ...]:
    """Decides between versions with equal stamps; any total order over the state will do."""
    return tuple(repr(getattr(span, name)) for name in STATE)


def _text(value: JsonValue) -> str:
    """One text for each value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True)
