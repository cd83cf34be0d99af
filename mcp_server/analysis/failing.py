"""A session that fails more than its tasks let expect: an extreme, and nothing less, is worth a notice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LEAST_JUDGED: Final = 5
MOST_EVIDENCE: Final = 8.0
"""Tasks of one session resemble each other: more certainty than this about its expected rate would be pretended."""
NOTICE_BELOW: Final = 0.01


@dataclass(frozen=True, slots=True)
class Shortfall:
    """So few successes of a session, and how likely that is by chance."""

    successes: int
    n: int
    expected: float
    """Successes that the forecasts add up to."""
    chance: float
    """Of so few or fewer."""


def shortfall(successes: int, forecasts: Sequence[float], evidence: float) -> Shortfall | None:
    """Whether a session fails far more than expected; None where it does not, or with fewer than 5 judged delegations.

    The tail of a beta-binomial distribution with the forecasts' mean p and n_eff = min(8, evidence):
    X ~ BetaBinomial(m, p n_eff, (1 - p) n_eff), a notice when P(X <= successes) < 0.01.

    Args:
        successes: of the judged delegations of the session.
        forecasts: for each of them, the chance of success expected before, in [0, 1].
        evidence: how many observations the forecasts rest on, above 0.
    """
    n = len(forecasts)
    if n < LEAST_JUDGED:
        return None
    rate = min(1 - 1e-6, max(1e-6, sum(forecasts) / n))
    known = min(MOST_EVIDENCE, evidence)
    chance = _tail(successes, n, rate * known, (1 - rate) * known)
    return Shortfall(successes, n, sum(forecasts), chance) if chance < NOTICE_BELOW else None


def _tail(most: int, n: int, a: float, b: float) -> float:
    """P(X <= most) of BetaBinomial(n, a, b)."""
    return math.fsum(
        math.exp(_log_choose(n, k) + _log_beta(a + k, b + n - k) - _log_beta(a, b)) for k in range(most + 1)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
