"""Bayesian logistic regression on few features, by Newton's method; and the linear algebra that it takes."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final, Generic, NamedTuple, TypeVar

_STEPS: Final = 8
_LONGEST_STEP: Final = 2.0
_SMALLEST_STEP: Final = 1e-4
_FARTHEST: Final = 30.0
_EDGE: Final = 1e-4

Feature = TypeVar("Feature", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Observed(Generic[Feature]):
    """Trials that have the same features."""

    features: Sequence[Feature]
    weight: float
    """How many there are; need not be whole."""
    reward: float
    """How much of that succeeded."""


class Posterior(Generic[Feature]):
    """Effects of the features on the log-odds of success: the mode, and the covariance around it."""

    def __init__(self, effects: Mapping[Feature, float], covariance: Sequence[Sequence[float]]) -> None:
        self.effects: Final = effects
        self._covariance = covariance
        self._place = {feature: place for place, feature in enumerate(effects)}

    def mean_and_variance(self, features: Sequence[Feature], unknown_variance: float) -> tuple[float, float]:
        """Of the log-odds of a trial with these features.

        Args:
            features: those that were fitted.
            unknown_variance: of the prior of the others; their mean is 0.
        """
        places = [self._place[feature] for feature in features]
        variance = unknown_variance
        for i in places:
            row = self._covariance[i]
            for j in places:
                variance += row[j]
        return sum(self.effects[feature] for feature in features), variance


def fit(
    observed: Sequence[Observed[Feature]],
    prior_variance: Mapping[Feature, float],
    start: Mapping[Feature, float] | None = None,
) -> Posterior[Feature]:
    """The Laplace approximation of the posterior under independent normal priors of mean 0.

    The log-likelihood of a group is S log p + (W - S) log(1 - p), with W its weight and S its reward: for fractional
    rewards a quasi-likelihood (Papke and Wooldridge, 1996).

    Args:
        observed: groups of trials; all their features are in `prior_variance`.
        prior_variance: of every feature; its order is that of the covariance.
        start: effects of an earlier fit, to save steps.
    """
    place = {feature: number for number, feature in enumerate(prior_variance)}
    precision = [1 / variance for variance in prior_variance.values()]
    effect = [(start or {}).get(feature, 0.0) for feature in prior_variance]
    groups = [
        _Group(places, [(i, places[:number]) for number, i in enumerate(places, 1)], one.weight, one.reward)
        for one in observed
        for places in [sorted(place[feature] for feature in one.features)]
    ]
    factor: list[list[float]] = []
    for _ in range(_STEPS):
        gradient, hessian = _derivatives(groups, effect, precision)
        factor = _cholesky(hessian)
        step = _solve(factor, gradient)
        for number, change in enumerate(step):
            effect[number] += max(-_LONGEST_STEP, min(_LONGEST_STEP, change))
        if max(map(abs, step)) < _SMALLEST_STEP:
            break
    return Posterior(dict(zip(prior_variance, effect, strict=True)), _inverse(factor))


def logistic(log_odds: float) -> float:
    """The probability with these log-odds, strictly between 0 and 1."""
    return 1 / (1 + math.exp(-max(-_FARTHEST, min(_FARTHEST, log_odds))))


def log_odds(p: float) -> float:
    """Of a probability, which is kept a ten-thousandth away from 0 and 1."""
    bounded = min(max(p, _EDGE), 1 - _EDGE)
    return math.log(bounded / (1 - bounded))


class _Group(NamedTuple):
    """Trials with the same features."""

    places: Sequence[int]
    """Of the features, ascending."""
    triangle: Sequence[tuple[int, Sequence[int]]]
    """Each place with those up to it."""
    weight: float
    reward: float


def _derivatives(
    groups: Sequence[_Group], effect: Sequence[float], precision: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    """The gradient of the log-posterior, and the lower triangle of its Hessian with the sign turned."""
    size = len(effect)
    gradient = [-one * value for one, value in zip(precision, effect, strict=True)]
    hessian = [[0.0] * size for _ in range(size)]
    for number, one in enumerate(precision):
        hessian[number][number] = one
    for places, triangle, weight, reward in groups:
        p = logistic(sum([effect[i] for i in places]))
        residual, curvature = reward - weight * p, weight * p * (1 - p)
        for i, up_to_it in triangle:
            gradient[i] += residual
            row = hessian[i]
            for j in up_to_it:
                row[j] += curvature
    return gradient, hessian


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    """The lower triangle L with L L' = matrix, from its lower triangle."""
    factor: list[list[float]] = []
    for i, source in enumerate(matrix):
        row: list[float] = []
        for j, above in enumerate(factor[:i]):
            row.append((source[j] - sum(map(mul, row, above))) / above[j])
        row.append(math.sqrt(source[i] - sum(map(mul, row, row))))
        factor.append(row)
    return factor


def _solve(factor: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """The x with L L' x = right."""
    forward: list[float] = []
    for row, value in zip(factor, right, strict=True):
        forward.append((value - sum(map(mul, row, forward))) / row[-1])
    for i in range(len(factor) - 1, -1, -1):
        row = factor[i]
        forward[i] /= row[i]
        value = forward[i]
        for k in range(i):
            forward[k] -= row[k] * value
    return forward


def _inverse(factor: Sequence[Sequence[float]]) -> list[list[float]]:
    """Of L L'."""
    size = len(factor)
    # Column by column of the inverse of L; the inverse of L L' is the product of its transpose with it.
    columns: list[list[float]] = []
    for k in range(size):
        column = [0.0] * k
        column.append(1 / factor[k][k])
        for i in range(k + 1, size):
            row = factor[i]
            column.append(-sum(map(mul, row[k:i], column[k:i])) / row[i])
        columns.append(column)
    result = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            result[i][j] = result[j][i] = sum(map(mul, columns[i][i:], columns[j][i:]))
    return result
