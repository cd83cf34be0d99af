"""Captured sessions that hold evidence, and the rewards that must be concluded from each, written by hand."""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

from storage.queries import Target
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind
from tests.conclusions import rule_of

FOLDER: Final = Path(__file__).parent / "judged"
SCENARIOS: Final = sorted(path.parent.name for path in FOLDER.glob("*/rewards.json"))
SESSION: Final = "session"


class Concluded(NamedTuple):
    """A reward as it is written by hand."""

    target: str
    """The description of a delegation, or `session`."""
    value: float
    source: str
    rule: str | None
    """None for a verdict that somebody gave."""


def projects(scenario: str) -> Path:
    """The client's folder of transcripts, as it lay there after the run."""
    return FOLDER / scenario / "projects"


def expected(scenario: str) -> list[Concluded]:
    """The rewards that must be there."""
    told: dict[str, Any] = json.loads((FOLDER / scenario / "rewards.json").read_text(encoding="utf-8"))
    found = [Concluded(one["target"], float(one["value"]), one["source"], one["rule"]) for one in told["rewards"]]
    return sorted(found, key=repr)


async def concluded(store: Store, spans: dict[str, Span]) -> list[Concluded]:
    """The rewards that are there."""
    targets = {
        Target(session_id=span.session_id, span_id=span.span_id): span.name or span.span_id
        for span in spans.values()
        if span.kind is SpanKind.DELEGATION
    }
    targets |= {Target(session_id=span.session_id, span_id=None): SESSION for span in spans.values()}
    found = [
        Concluded(name, reward.value, reward.source.value, rule_of(reward))
        for target, name in targets.items()
        for reward in await store.rewards(target)
    ]
    return sorted(found, key=repr)
