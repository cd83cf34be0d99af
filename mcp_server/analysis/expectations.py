"""Sessions that fail more than their tasks let expect.

What to expect of a delegation is told by the verified delegations of all other sessions, so that a failing session
does not lower its own measure. With successes s of n, for arm a, task type t and complexity c:

    p0 = (s + 1) / (n + 2)            p(f) = (s_f + 10 p0) / (n_f + 10)      for each feature f of a, t, c
    main = logistic(logit p0 + sum over f of (logit p(f) - logit p0))
    p(a, t) = (s_at + 20 main) / (n_at + 20)

Main effects first, then the arm at the type with 20 pseudo-observations: the first two layers of the router in closed
form, with fixed shrinkage in the place of a fit.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mcp_server.analysis.delegations import arm_of, in_order, is_verified, succeeded
from mcp_server.analysis.failing import LEAST_JUDGED, Shortfall, shortfall
from storage.records import Span

_FEATURE_PSEUDO: Final = 10.0
_PAIR_PSEUDO: Final = 20.0
_ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class FailingSession:
    """A session with so few successes that chance hardly explains it."""

    session_id: str
    shortfall: Shortfall
    spans: Sequence[Span]
    """Its verified delegations, by start."""


@dataclass(frozen=True, slots=True)
class _Tally:
    """Verified delegations and successes by feature."""

    n: Counter[Hashable] = field(default_factory=Counter)
    successes: Counter[Hashable] = field(default_factory=Counter)

    def add(self, span: Span) -> None:
        for feature in (_ALL, *_features(span), _pair(span)):
            self.n[feature] += 1
            self.successes[feature] += succeeded(span)


def failing_sessions(spans: Iterable[Span]) -> list[FailingSession]:
    """Sessions that fail far more than expected, the least likely first.

    Args:
        spans: delegations of any sessions, in any order. Only verified ones count, and at least 5 in a session.
    """
    sessions: dict[str, list[Span]] = defaultdict(list)
    whole, own = _Tally(), defaultdict[str, _Tally](_Tally)
    for span in in_order(spans):
        if is_verified(span):
            sessions[span.session_id].append(span)
            whole.add(span)
            own[span.session_id].add(span)
    found: list[FailingSession] = []
    for session_id, judged in sessions.items():
        if len(judged) < LEAST_JUDGED:
            continue
        forecasts = [_forecast(span, whole, own[session_id]) for span in judged]
        known = sum(whole.n[arm_of(span)] - own[session_id].n[arm_of(span)] for span in judged) / len(judged)
        short = shortfall(sum(map(succeeded, judged)), forecasts, known) if known else None
        if short is not None:
            found.append(FailingSession(session_id, short, judged))
    return sorted(found, key=lambda one: (one.shortfall.chance, one.session_id))


def _forecast(span: Span, whole: _Tally, own: _Tally) -> float:
    """The chance of success of a delegation, as all sessions but its own let expect."""

    def others(feature: Hashable) -> tuple[int, int]:
        return whole.successes[feature] - own.successes[feature], whole.n[feature] - own.n[feature]

    successes, n = others(_ALL)
    mean = (successes + 1) / (n + 2)
    main = _logit(mean)
    for feature in _features(span):
        successes, n = others(feature)
        main += _logit((successes + _FEATURE_PSEUDO * mean) / (n + _FEATURE_PSEUDO)) - _logit(mean)
    successes, n = others(_pair(span))
    return (successes + _PAIR_PSEUDO / (1 + math.exp(-main))) / (n + _PAIR_PSEUDO)


def _features(span: Span) -> Iterator[Hashable]:
    yield arm_of(span)
    if span.type_of_task is not None:
        yield "type", span.type_of_task
    if span.complexity is not None:
        yield "complexity", span.complexity


def _pair(span: Span) -> Hashable:
    return arm_of(span), span.type_of_task


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
