"""Delegations for tests of findings: one after another, judged or not."""

import itertools
from datetime import timedelta
from typing import Any

from storage.records import Span
from storage.vocabulary import RewardSource
from tests.factories import NOON, a_span

_minutes = itertools.count()


def a_delegation(reward: float | None = None, **changes: Any) -> Span:
    """A delegation a minute after the one made before, verified if a reward is given."""
    started_at = NOON + timedelta(minutes=next(_minutes))
    given: dict[str, Any] = {
        "model": "small",
        "started_at": started_at,
        "ended_at": started_at + timedelta(milliseconds=changes.get("duration_ms") or 1000),
        "reward": reward,
        "reward_source": None if reward is None else RewardSource.TEST,
    }
    return a_span(**(given | changes))
