"""What following some advice would have changed, estimated from a log in which it was not always followed.

Nobody knows what the arms that were not taken would have done. Two estimates with different assumptions are given, and
"cannot say" is an answer.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.intervals import Z_90
from mcp_server.analysis.plurals import counted
from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.policies import Advised, Past, Policy

LEAST_JUDGED: Final = 30
LEAST_FOLLOWED: Final = 10
_LEAST_COVERED: Final = 0.5
_LEAST_PROPENSITY: Final = 0.05
_PSEUDO: Final = 5.0

ASSUMPTIONS: Final = (
    "Nobody randomised: within a task type and complexity, who got a task must not depend on how hard it was.",
    "Advice for a delegation uses only what was known before it.",
    "Doubly robust: either our forecasts or the estimated frequencies of your choices must be right.",
    "Matched: delegations that happened to follow the advice stand for all others of their type and complexity.",
    "Only judged delegations count; if people judge failures more readily, rates are too low for every arm.",
)
"""What has to hold; printed with every estimate."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One delegation beside the advice for it."""

    past: Past
    advised: Arm | None
    """None: no advice, so nothing would have changed."""
    expected_of_advised: float
    """Success, as forecast before the outcome was known."""
    expected_of_taken: float
    propensity: float
    """How often the advised arm is taken for such tasks, in [0.05, 1]."""

    @property
    def is_followed(self) -> bool:
        """Whether the advised arm was the one that was taken."""
        return self.advised == self.past.arm

    @property
    def weight(self) -> float:
        """How far its judgement is trusted."""
        return self.past.judged.weight


@dataclass(frozen=True, slots=True)
class Change:
    """What following the advice would have changed, per delegation, with its 90 % interval."""

    before: float
    """Mean of what happened."""
    change: float
    low: float
    high: float
    n: int

    @property
    def is_established(self) -> bool:
        """Whether the interval leaves out no change at all."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class CannotSay:
    """No estimate, and why."""

    reason: str


def compared(log: Sequence[Past], policy: Policy) -> list[Compared]:
    """Every judged delegation of a log beside the advice that the policy would have given.

    Args:
        log: oldest first; of a span the last judgement only.
        policy: without a past.
    """
    return all_compared(log, {"": policy})[""]


def all_compared(log: Sequence[Past], policies: Mapping[str, Policy]) -> dict[str, list[Compared]]:
    """The same for several policies, in one walk through the log: learning it is what takes time.

    Args:
        log: oldest first; of a span the last judgement only.
        policies: by name, each without a past.
    """
    judged = [past for past in log if past.judged.weight > 0]
    propensity = _propensities(judged)
    forecaster = next((policy for policy in policies.values() if isinstance(policy, Advised)), None) or Advised()
    learners = {id(one): one for one in (forecaster, *policies.values())}.values()
    found: dict[str, list[Compared]] = {name: [] for name in policies}
    # Always of all arms: similar tasks of one of them move the forecasts of the others.
    seen: dict[Arm, None] = {}
    for past in judged:
        advised = {name: policy.advise(past) for name, policy in policies.items()}
        seen |= dict.fromkeys([past.arm, *(arm for arm in advised.values() if arm is not None)])
        expected = forecaster.forecasts(past, seen)
        taken = expected[past.arm].p
        for name, arm in advised.items():
            of_advised = taken if arm is None else expected[arm].p
            found[name].append(Compared(past, arm, of_advised, taken, propensity(past, arm)))
        for learner in learners:
            learner.observe(past)
    return found


def doubly_robust(rows: Sequence[Compared]) -> Change | CannotSay:
    """What following the advice would have changed in success.

    Dudik, Langford and Li, "Doubly robust policy evaluation and learning" (2011): the mean of
    q(advised) + [followed] / e(advised) (r - q(taken)), less the mean of r; q the forecasts, e the propensities.
    """
    refusal = _refusal(rows)
    if refusal:
        return refusal
    gains: list[float] = []
    for row in rows:
        reward = row.past.judged.reward
        value = reward
        if row.advised is not None:
            surprise = (reward - row.expected_of_taken) / row.propensity if row.is_followed else 0.0
            value = row.expected_of_advised + surprise
        gains.append(value - reward)
    weights = [row.weight for row in rows]
    total = sum(weights)
    mean = sum(map(_times, weights, gains)) / total
    spread = sum(weight**2 * (gain - mean) ** 2 for weight, gain in zip(weights, gains, strict=True))
    before = sum(row.weight * row.past.judged.reward for row in rows) / total
    return _change(rows, before, mean, math.sqrt(spread) / total)


def verified_reward(past: Past) -> float | None:
    """A reward that `matched` may count in full."""
    return past.judged.reward if past.judged.verified else None


def matched(rows: Sequence[Compared], value: Callable[[Past], float | None]) -> Change | CannotSay:
    """What following the advice would have changed in any quantity, by type and complexity.

    In each stratum, the mean over delegations that had followed the advice, less the mean over all advised ones;
    strata weigh by their size. Delegations without advice change nothing.

    Args:
        rows: from `compared`.
        value: what is compared, such as `verified_reward`, cost or duration; None where it is unknown.
    """
    refusal = _refusal(rows)
    if refusal:
        return refusal
    known = [(row, one) for row in rows for one in [value(row.past)] if one is not None]
    strata: defaultdict[Profile, list[tuple[Compared, float]]] = defaultdict(list)
    for row, one in known:
        if row.advised is not None:
            strata[row.past.profile].append((row, one))
    advised_n = sum(map(len, strata.values()))
    covered = [group for group in strata.values() if any(row.is_followed for row, _ in group)]
    covered_n = sum(map(len, covered))
    if not advised_n or covered_n < _LEAST_COVERED * advised_n:
        return CannotSay("for most advised delegations nothing alike had followed the advice")
    followed = [[one for row, one in group if row.is_followed] for group in covered]
    if sum(map(len, followed)) < LEAST_FOLLOWED:
        return CannotSay(f"fewer than {LEAST_FOLLOWED} delegations with a known value had followed the advice")
    spread = _variance([[one for _, one in group] for group in covered])
    gain = variance = 0.0
    for group, some in zip(covered, followed, strict=True):
        share = len(group) / covered_n
        gain += share * (_mean(some) - _mean(one for _, one in group))
        # The followed are among all: only what they do not share varies.
        variance += share**2 * spread * (1 / len(some) - 1 / len(group))
    part = advised_n / len(known)
    return _change(rows, _mean(one for _, one in known), part * gain, part * math.sqrt(variance))


def _refusal(rows: Sequence[Compared]) -> CannotSay | None:
    if len(rows) < LEAST_JUDGED:
        return CannotSay(f"{counted(len(rows), 'judged delegation')}, {LEAST_JUDGED} are needed")
    advised = [row for row in rows if row.advised is not None]
    if not advised:
        return CannotSay("the evidence was never strong enough for advice")
    followed = [row.weight / row.propensity for row in advised if row.is_followed]
    if len(followed) < LEAST_FOLLOWED:
        return CannotSay(f"{counted(len(followed), 'delegation')} had followed the advice, {LEAST_FOLLOWED} are needed")
    effective = sum(followed) ** 2 / sum(one * one for one in followed)
    if effective < LEAST_FOLLOWED:
        return CannotSay(f"a few unusual delegations would decide: they are worth {effective:.0f}")
    return None


def _propensities(log: Sequence[Past]) -> Callable[[Past, Arm | None], float]:
    """How often an arm is taken for tasks of a profile, shrunk to how often it is taken in general."""
    overall = Counter(past.arm for past in log)
    by_profile = Counter((past.profile, past.arm) for past in log)
    of_profile = Counter(past.profile for past in log)

    def propensity(past: Past, arm: Arm | None) -> float:
        if arm is None:
            return 1.0
        found = by_profile[past.profile, arm] + _PSEUDO * overall[arm] / len(log)
        found /= of_profile[past.profile] + _PSEUDO
        return min(1.0, max(_LEAST_PROPENSITY, found))

    return propensity


def _change(rows: Sequence[Compared], before: float, change: float, error: float) -> Change:
    return Change(
        before=before,
        change=change,
        low=change - Z_90 * error,
        high=change + Z_90 * error,
        n=len(rows),
    )


def _variance(groups: Iterable[Sequence[float]]) -> float:
    """Within groups, pooled."""
    squares, freedom = 0.0, 0
    for group in groups:
        mean = _mean(group)
        squares += sum((one - mean) ** 2 for one in group)
        freedom += len(group) - 1
    return squares / freedom if freedom else 0.0


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _times(one: float, other: float) -> float:
    return one * other
