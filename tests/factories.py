"""Records for tests: a test names only what it is about, these fill in the rest."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.records import Reward, Span
from storage.vocabulary import RewardSource, Status

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def a_span(**changes: Any) -> Span:
    """A delegation that ended well, with an id of its own."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "span_id": f"span-{number}",
        "session_id": "session-1",
        "agent_type": "Explore",
        "status": Status.OK,
        "started_at": NOON,
        "ended_at": at(1),
    }
    if changes.get("status") is Status.RUNNING:
        del given["ended_at"]
    return Span(**(given | changes))


def a_reward(**changes: Any) -> Reward:
    """A judgement with an id of its own; name its target."""
    given: dict[str, Any] = {
        "reward_id": f"reward-{next(_numbers)}",
        "value": 1.0,
        "source": RewardSource.HUMAN,
        "given_at": NOON,
    }
    return Reward(**(given | changes))
