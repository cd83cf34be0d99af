"""How much a reward counts as evidence: by who gave it, and by what became of the span.

The tiers and their reasons: text does not tell whether a task was done, so a keyword counts nothing at all.
"""

from dataclasses import dataclass
from typing import Final

from storage.outcomes import tier
from storage.vocabulary import RewardSource, Status, Tier

VERIFIED_WEIGHT: Final = 1.0
MODEL_WEIGHT: Final = 0.3
BEHAVIOUR_WEIGHT: Final = 0.3
STRUCTURE_WEIGHT: Final = 0.1
TRUSTED_FROM: Final = 0.8
"""Agreement with verified rewards from which a model's judgement counts as much as it agrees."""
TRUSTED_CASES: Final = 30

_WEIGHTS: Final = {
    Tier.VERIFIED: VERIFIED_WEIGHT,
    Tier.BEHAVIOUR: BEHAVIOUR_WEIGHT,
    Tier.STRUCTURE: STRUCTURE_WEIGHT,
}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a model judged as a verified reward of the same span did."""

    cases: int
    agreed: int


NO_AGREEMENT: Final = Agreement(0, 0)


def weight(source: RewardSource | None, status: Status, agreement: Agreement = NO_AGREEMENT) -> float:
    """The weight of the reward that holds, in [0, 1]; 0 without one.

    Args:
        source: of the reward.
        status: of the span. A run that was cancelled or lost, or goes on, says nothing of its agent by its structure.
        agreement: of the user's model judgements with verified ones.
    """
    found = tier(source, status)
    return 0.0 if found is None else weight_of(found, agreement)


def weight_of(believed: Tier, agreement: Agreement = NO_AGREEMENT) -> float:
    """The weight of the rewards of one tier, in [0, 1]."""
    if believed is Tier.MODEL:
        return _of_model(agreement)
    return _WEIGHTS[believed]


def _of_model(agreement: Agreement) -> float:
    if agreement.cases < TRUSTED_CASES:
        return MODEL_WEIGHT
    share = agreement.agreed / agreement.cases
    return share if share >= TRUSTED_FROM else MODEL_WEIGHT
