"""Delegations summed up as a store does it, for those that no question to a store can name; and groups summed up."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from storage.outcomes import SUCCESS_FROM, tier
from storage.queries import Dimension, Essence, Group, RewardSums
from storage.records import Span
from storage.sketch import Sketch
from storage.vocabulary import Outcome, Status, Tier

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


def total(groups: Sequence[Group]) -> Group | None:
    """All groups of one answer together, without a key; None where there are none."""
    if not groups:
        return None
    return Group(
        key={},
        n=sum(group.n for group in groups),
        statuses={status: sum(group.statuses[status] for group in groups) for status in Status},
        outcomes={outcome: sum(group.outcomes[outcome] for group in groups) for outcome in Outcome},
        rewards={
            one: RewardSums(
                sum(group.rewards[one].n for group in groups),
                math.fsum(group.rewards[one].reward for group in groups),
                math.fsum(group.rewards[one].reward_squared for group in groups),
            )
            for one in Tier
        },
        verified_success_n=sum(group.verified_success_n for group in groups),
        cost_n=sum(group.cost_n for group in groups),
        cost_usd=_known_cost(groups),
        tokens={name: _total(group.tokens[name] for group in groups) for name in groups[0].tokens},
        tool_calls=_total(group.tool_calls for group in groups),
        tool_errors=_total(group.tool_errors for group in groups),
        guessed_n=sum(group.guessed_n for group in groups),
        durations=Sketch(sum(group.durations.counts for group in groups)),
    )


def essence_of_all(groups: Sequence[Essence]) -> Essence | None:
    """The same of groups in short."""
    if not groups:
        return None
    verified_n, successes = sum(one.verified_n for one in groups), sum(one.verified_success_n for one in groups)
    return Essence({}, sum(one.n for one in groups), verified_n, successes, _known_cost(groups))


def _known_cost(groups: Sequence[Group] | Sequence[Essence]) -> float | None:
    known = [group.cost_usd for group in groups if group.cost_usd is not None]
    return math.fsum(known) if known else None


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
    rewards: dict[Tier | None, list[float]] = {None: [], **{one: [] for one in Tier}}
    for span in spans:
        if span.reward is not None:
            rewards[tier(span.reward_source, span.status)].append(span.reward)
    costs = [span.cost_usd for span in spans if span.cost_usd is not None]
    return Group(
        key={dimension.value: value for dimension, value in zip(by, key, strict=True)},
        n=len(spans),
        statuses={status: statuses[status] for status in Status},
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        rewards={one: _reward_sums(rewards[one]) for one in Tier},
        verified_success_n=sum(reward >= SUCCESS_FROM for reward in rewards[Tier.VERIFIED]),
        cost_n=len(costs),
        cost_usd=math.fsum(costs) if costs else None,
        tokens={name: _total(getattr(span, name) for span in spans) for name in _TOKENS},
        tool_calls=_total(span.tool_call_count for span in spans),
        tool_errors=_total(span.tool_error_count for span in spans),
        guessed_n=sum(span.task_type is None and span.guessed_type is not None for span in spans),
        durations=Sketch.of(span.duration_ms for span in spans if span.duration_ms is not None),
    )


def _reward_sums(rewards: Sequence[float]) -> RewardSums:
    return RewardSums(len(rewards), math.fsum(rewards), math.fsum(reward * reward for reward in rewards))


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
