"""What can be said of a group of delegations, as a JSON object: unknown is null, and little data gives no rate."""

from collections.abc import Mapping
from typing import Any, Final

from mcp_server.analysis.intervals import LEAST_EVIDENCE, Estimate, Rewards, difference, mean_reward, success_rate
from mcp_server.analysis.weights import weight_of
from mcp_server.service.shapes import rounded
from storage.queries import Essence, Group, RewardSums
from storage.vocabulary import Tier

_QUANTILES: Final = (0.5, 0.95)
_SKETCHED_DIGITS: Final = 4
"""Fewer would add to the 1.9 % that a sketch may be off."""


def figures(group: Group) -> dict[str, Any]:
    """All figures of a group but those that compare it with others.

    `success` is the share of successes among judged delegations, null below five of them. `mean_reward` is weighted by
    how far each judgement is believed, `reward_weight` the sum of these weights; below a sum of five its interval is
    null. `cost_per_success_usd` is the mean of the known costs over the share of successes among judged delegations,
    null where there was no success or fewer than five were judged: it needs no cost of just those that were judged,
    which no sum tells.
    """
    success = success_rate(group.verified_success_n, group.verified_n)
    rewards = _believed(group.rewards)
    mean = mean_reward(rewards)
    mean_cost = None if group.cost_usd is None else group.cost_usd / group.cost_n
    median, p95 = group.durations.quantiles(_QUANTILES) or (None, None)
    return {
        "n": group.n,
        "verified_n": group.verified_n,
        "verified_success_n": group.verified_success_n,
        "success": _success_object(success),
        "mean_reward": rounded(rewards.reward / rewards.weight) if rewards.weight else None,
        "mean_reward_interval": None if mean is None else {"low": rounded(mean.low), "high": rounded(mean.high)},
        "reward_weight": rounded(rewards.weight),
        "statuses": {status.value: n for status, n in group.statuses.items() if n},
        "outcomes": {outcome.value: n for outcome, n in group.outcomes.items() if n},
        "cost_usd": rounded(group.cost_usd),
        "priced_n": group.cost_n,
        "mean_cost_usd": rounded(mean_cost),
        "cost_per_success_usd": _cost_per_success(mean_cost, group),
        "tokens": {name: count for name, count in group.tokens.items() if count is not None},
        "tool_calls": group.tool_calls,
        "tool_errors": group.tool_errors,
        "duration_ms": {"median": _sketched(median), "p95": _sketched(p95)},
    }


def cost_share(group: Group, whole: Group) -> float | None:
    """What part of all known cost is that of a group; None where that is unknown, or nothing cost anything."""
    if group.cost_usd is None or not whole.cost_usd:
        return None
    return rounded(group.cost_usd / whole.cost_usd)


def trend(group: Essence, before: Essence | None) -> dict[str, Any]:
    """What has changed since the window before: more (or, below zero, less) of them, of cost and of success.

    Args:
        group: of this window.
        before: of the same key in the window before; None where it had none.
    """
    if before is None:
        return {"n": group.n, "n_before": 0, "cost_usd": rounded(group.cost_usd), "success": None}
    change = difference(group.verified_success_n, group.verified_n, before.verified_success_n, before.verified_n)
    known = group.cost_usd is not None and before.cost_usd is not None
    return {
        "n": group.n - before.n,
        "n_before": before.n,
        "cost_usd": rounded((group.cost_usd or 0.0) - (before.cost_usd or 0.0)) if known else None,
        "success": None
        if change is None
        else {"change": rounded(change.value), "low": rounded(change.low), "high": rounded(change.high)},
    }


def _believed(rewards: Mapping[Tier, RewardSums]) -> Rewards:
    """Rewards as far as they are believed."""
    weighted = [(weight_of(tier), sums) for tier, sums in rewards.items()]
    return Rewards(
        sum(weight * sums.n for weight, sums in weighted),
        sum(weight * sums.reward for weight, sums in weighted),
        sum(weight * sums.reward_squared for weight, sums in weighted),
    )


def _sketched(ms: float | None) -> float | None:
    """Without digits beyond what a sketch knows, which is a duration to 2 %."""
    if ms is None:
        return None
    known = float(f"{ms:.{_SKETCHED_DIGITS}g}")
    return int(known) if known.is_integer() else known


def _success_object(success: Estimate | None) -> dict[str, Any] | None:
    if success is None:
        return None
    return {
        "rate": rounded(success.value),
        "low": rounded(success.low),
        "high": rounded(success.high),
        "shrunken": success.shrunken,
    }


def _cost_per_success(mean_cost_usd: float | None, group: Group) -> float | None:
    """By the plain share of successes: what was paid for each that there was, not what one may be expected to cost."""
    if mean_cost_usd is None or group.verified_n < LEAST_EVIDENCE or not group.verified_success_n:
        return None
    return rounded(mean_cost_usd * group.verified_n / group.verified_success_n)
