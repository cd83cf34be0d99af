"""How a conclusion is written down as a reward."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.outcomes import OVERALL
from storage.records import Reward
from storage.vocabulary import RewardSource

CHECKED_AFTER: Final = "checked_after"
CHECKED_ITSELF: Final = "checked_itself"
CHECKED: Final = "checked"
COMMITTED: Final = "committed"
REVERTED: Final = "reverted"
REWRITTEN: Final = "rewritten"
DELEGATED_AGAIN: Final = "delegated_again"
USED: Final = "used"
FAILED: Final = "error"
TIMEOUT: Final = "timeout"
TURN_LIMIT: Final = "turn_limit"
EMPTY: Final = "empty_output"
WORDS: Final = "words"
_DIGEST_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """What a rule says about a delegation, or about the session as a whole."""

    span_id: str | None
    """None for the session."""
    value: float
    source: RewardSource
    rule: str
    because: str
    event_id: str
    """Of what it rests on; another conclusion by the same rule from the same event takes its place."""
    at: datetime
    """Of the evidence, whenever it is read."""


def beginning(session_id: str) -> str:
    """How the ids of all rewards begin that are concluded from a session's own evidence."""
    return f"evidence:{_digest(session_id)}:"


def reward_of(session_id: str, conclusion: Conclusion) -> Reward:
    """The conclusion as a reward; its reason opens with the rule."""
    target = conclusion.span_id or session_id
    told = _digest(target, OVERALL, conclusion.source, conclusion.rule, conclusion.event_id)
    return Reward(
        reward_id=beginning(session_id) + told,
        span_id=conclusion.span_id,
        session_id=None if conclusion.span_id is not None else session_id,
        value=conclusion.value,
        source=conclusion.source,
        reason=f"{conclusion.rule}: {conclusion.because}",
        given_at=conclusion.at,
    )


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=_DIGEST_BYTES).hexdigest()
