"""Delegations summed up as a store does it, for those that no question to a store can name."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from storage.outcomes import SUCCESS_FROM
from storage.queries import Dimension, Group
from storage.records import Span
from storage.vocabulary import VERIFIED, Outcome, RewardSource, Status

_TOKENS: Final = (
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
)  # fmt: skip
_Key = tuple[str | None, ...]


def summed(spans: Iterable[Span], by: Sequence[Dimension]) -> list[Group]:
    """What `Store.group` answers for exactly these delegations: groups by frequency, then by their key."""
    members: dict[_Key, list[Span]] = {}
    for span in spans:
        members.setdefault(tuple(_value(span, dimension) for dimension in by), []).append(span)
    order = sorted(members, key=lambda key: (-len(members[key]), [(value is not None, value or "") for value in key]))
    return [_group(key, by, members[key]) for key in order]


def _value(span: Span, dimension: Dimension) -> str | None:
    if dimension is Dimension.DAY:
        return span.started_at.date().isoformat()
    if dimension is Dimension.WEEK:
        return (span.started_at.date() - timedelta(days=span.started_at.weekday())).isoformat()
    if dimension is Dimension.TASK_TYPE:
        return span.type_of_task
    value: str | None = getattr(span, dimension.value)
    return value


def _group(key: _Key, by: Sequence[Dimension], spans: Sequence[Span]) -> Group:
    statuses, outcomes = Counter(span.status for span in spans), Counter(span.outcome for span in spans)
    rewards = [
        span.reward for span in spans if span.reward is not None and span.reward_source is not RewardSource.KEYWORD
    ]
    verified = [span.reward for span in spans if span.reward is not None and span.reward_source in VERIFIED]
    costs = [span.cost_usd for span in spans if span.cost_usd is not None]
    return Group(
        key={dimension.value: value for dimension, value in zip(by, key, strict=True)},
        n=len(spans),
        statuses={status: statuses[status] for status in Status},
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        verified_n=len(verified),
        verified_success_n=sum(reward >= SUCCESS_FROM for reward in verified),
        rewards_n=len(rewards),
        reward_sum=math.fsum(rewards),
        cost_n=len(costs),
        cost_usd=math.fsum(costs) if costs else None,
        tokens={name: _total(getattr(span, name) for span in spans) for name in _TOKENS},
        tool_calls=_total(span.tool_call_count for span in spans) or 0,
        tool_errors=_total(span.tool_error_count for span in spans) or 0,
        guessed_n=sum(span.task_type is None and span.guessed_type is not None for span in spans),
        durations_ms=sorted(span.duration_ms for span in spans if span.duration_ms is not None),
    )


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
