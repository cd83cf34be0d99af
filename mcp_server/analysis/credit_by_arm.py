"""Net credit of many sessions by arm: which agent type with which model helped, shrunken where little is known."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.credit import Assessment
from mcp_server.analysis.intervals import Z_90

PRIOR_WEIGHT: Final = 20.0
"""How many judged sessions the mean over all arms counts as."""
ENOUGH: Final = 10.0
"""Below so many judged sessions there is not enough data."""
_EFFECTIVE: Final = 0.7
_WIDEST: Final = 1.0  # net credit lies in [-1, 1]


@dataclass(frozen=True, slots=True)
class ArmCredit:
    """What one arm did for the outcomes of its sessions."""

    agent_type: str
    model: str | None
    n: float
    """Sum of the weights of the judged sessions in which it took part."""
    mean_net: float
    """Shrunken mean of its net credit in a session, in [-1, 1]."""
    low: float
    high: float
    """Its 90 % bounds."""
    mean_excess: float
    """Shrunken mean of what it got beyond an equal split: big teams give each delegation less."""
    unknown_n: int
    """Sessions with an unknown outcome; they count in nothing else."""
    enough: bool


@dataclass(slots=True)
class _Sum:
    weight: float = 0.0
    net: float = 0.0
    square: float = 0.0
    excess: float = 0.0
    unknown: int = 0


def by_arm(assessments: Iterable[Assessment]) -> list[ArmCredit]:
    """Credit by agent type and model, most evidence first, then by name.

    With w the weight of a session's outcome and c the arm's net credit in it: n = sum w, T = sum w c, g the mean over
    all arms; the mean is (T + 20 g) / (n + 20), its bounds are those of a normal mean with 0.7 (n + 20) observations.

    Args:
        assessments: one for each session.
    """
    sums: dict[tuple[str, str | None], _Sum] = {}
    for assessment in assessments:
        outcome = assessment.outcome
        nets: dict[tuple[str, str | None], tuple[float, float]] = {}
        equal = 0.0 if outcome.value is None else (2 * outcome.value - 1) / max(1, len(assessment.shares))
        for share in assessment.shares:
            arm = (share.player.agent_type, share.player.model)
            net, excess = nets.get(arm, (0.0, 0.0))
            own = share.net or 0.0
            nets[arm] = (net + own, excess + own - equal)
        for arm, (net, excess) in nets.items():
            held = sums.setdefault(arm, _Sum())
            if outcome.value is None or outcome.confidence <= 0:
                held.unknown += 1
                continue
            held.weight += outcome.confidence
            held.net += outcome.confidence * net
            held.square += outcome.confidence * net * net
            held.excess += outcome.confidence * excess
    weight = math.fsum(held.weight for held in sums.values())
    mean = math.fsum(held.net for held in sums.values()) / weight if weight else 0.0
    square = math.fsum(held.square for held in sums.values()) / weight if weight else _WIDEST
    arms = [_arm(arm, held, mean, square) for arm, held in sums.items()]
    return sorted(arms, key=lambda found: (-found.n, found.agent_type, found.model or ""))


def _arm(arm: tuple[str, str | None], held: _Sum, mean: float, square: float) -> ArmCredit:
    total = held.weight + PRIOR_WEIGHT
    # Rounding may carry a mean of ones a hair beyond 1.
    own = min(_WIDEST, max(-_WIDEST, (held.net + PRIOR_WEIGHT * mean) / total))
    variance = max(0.0, (held.square + PRIOR_WEIGHT * square) / total - own * own)
    reach = Z_90 * math.sqrt(variance / (_EFFECTIVE * total))
    return ArmCredit(
        agent_type=arm[0],
        model=arm[1],
        n=held.weight,
        mean_net=own,
        low=max(-_WIDEST, own - reach),
        high=min(_WIDEST, own + reach),
        mean_excess=held.excess / total,
        unknown_n=held.unknown,
        enough=held.weight >= ENOUGH,
    )
