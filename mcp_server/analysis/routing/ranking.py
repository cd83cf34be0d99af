"""Arms in the order in which they should be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.intervals import Z_90
from mcp_server.analysis.routing import chances
from mcp_server.analysis.routing.arms import Arm, by_name
from mcp_server.analysis.routing.chances import Contender
from mcp_server.analysis.routing.forecasts import Forecast
from mcp_server.analysis.routing.utility import Estimate

_OPTIMISM: Final = 0.5
CONTENDERS: Final = 8
_CONTENDS_SD: Final = 2.0
_CLOSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Ranked:
    """An arm with all that the advice is made of."""

    arm: Arm
    p: float
    """Expected success, in (0, 1)."""
    sd: float
    low: float
    high: float
    """With `low` it bounds p with 90 %."""
    n_eff: float
    """How many observations this knowledge is worth."""
    utility: float
    """p less cost and duration."""
    index: float
    """Utility and half a standard deviation: what is little known may be better."""
    p_best: float
    """Our estimate of the probability that no other arm on offer has more utility."""
    estimate: Estimate


def rank(
    forecasts: Mapping[Arm, Forecast],
    penalties: Mapping[Arm, float],
    estimates: Mapping[Arm, Estimate] | None = None,
    *,
    contenders: int = CONTENDERS,
) -> list[Ranked]:
    """Arms by index, ties by name. The order in which they are given changes nothing.

    Args:
        forecasts: of the arms on offer.
        penalties: what cost and duration take off, in units of success; nothing where an arm is not among them.
        estimates: of cost and duration, to be shown.
        contenders: how many arms can be best, as far as it matters: those that reach highest. 0 leaves `p_best` at 0,
            which makes replays much faster.
    """
    best = _chances(forecasts, penalties, contenders)
    found: list[Ranked] = []
    for arm, one in forecasts.items():
        sd, utility = one.sd, one.p - penalties.get(arm, 0.0)
        found.append(
            Ranked(
                arm=arm,
                p=one.p,
                sd=sd,
                low=max(0.0, one.p - Z_90 * sd),
                high=min(1.0, one.p + Z_90 * sd),
                n_eff=one.n_eff,
                utility=utility,
                index=utility + _OPTIMISM * sd,
                p_best=best.get(arm, 0.0),
                estimate=(estimates or {}).get(arm, Estimate()),
            )
        )
    return sorted(found, key=lambda one: (-one.index, by_name(one.arm)))


def is_exploration(ranking: Sequence[Ranked]) -> bool:
    """Whether the first is first only because little is known of it."""
    return any(one.utility > ranking[0].utility for one in ranking[1:])


def propensities(ranking: Sequence[Ranked], epsilon: float = 0.0) -> dict[Arm, float]:
    """With which probability a policy picks each arm: the first, or with epsilon any that is within 0.05 of its index.

    Args:
        ranking: at least one arm.
        epsilon: in [0, 1]; 0 always picks the first.
    """
    close = [one.arm for one in ranking if one.index >= ranking[0].index - _CLOSE]
    picked = {one.arm: epsilon / len(close) if one.arm in close else 0.0 for one in ranking}
    picked[ranking[0].arm] += 1 - epsilon
    return picked


def _chances(forecasts: Mapping[Arm, Forecast], penalties: Mapping[Arm, float], contenders: int) -> dict[Arm, float]:
    def reach(arm: Arm) -> float:
        return forecasts[arm].p - penalties.get(arm, 0.0) + _CONTENDS_SD * forecasts[arm].sd

    # By name at last: sums of floats depend on their order.
    few = sorted(sorted(forecasts, key=lambda arm: (-reach(arm), by_name(arm)))[:contenders], key=by_name)
    shapes = [Contender(forecasts[arm].p, forecasts[arm].n_eff, penalties.get(arm, 0.0)) for arm in few]
    return dict(zip(few, chances.of_being_best(shapes), strict=True))
