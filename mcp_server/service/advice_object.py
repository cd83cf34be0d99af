"""Advice as a JSON object that is always small."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from mcp_server.analysis.routing.advice import Advice, Counts
from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.ranking import Ranked
from mcp_server.analysis.tasks import Classified
from mcp_server.service.fitting import size

LIMIT_CHARS: Final = 1500
_NAME_CHARS: Final = 60
_UNTRIED: Final = 5
_COST_DIGITS: Final = 6
_MS_PER_S: Final = 1000

Answer = dict[str, Any]


def advice_object(
    told: Advice, task: Classified, untried: Sequence[str], decision_id: str | None, cautions: Sequence[str] = ()
) -> Answer:
    """Advice in at most 1,500 characters of JSON; what decides is never left out.

    Args:
        told: the advice.
        task: its type and complexity, and where they come from.
        untried: agents that might be tried, too.
        decision_id: under which it is remembered; None where it is not.
        cautions: that come before those of the advice.
    """
    expected = told.expected
    answer: Answer = {
        "decision": told.decision.kind.value,
        "arm": arm_object(expected.arm) if expected else None,
        "expected": None
        if expected is None
        else {
            **_success(expected),
            "n": told.judged.n,
            "verified_n": told.judged.verified_n,
            "cost_usd": _cost(expected),
            "duration_s": _duration(expected),
        },
        "p_best": _share(expected.p_best) if expected else None,
        "explore": expected is not None and told.decision.explore,
        "alternatives": [_alternative(*one) for one in zip(told.alternatives, told.counts, strict=True)],
        "reason": told.reason,
        "similar": list(told.similar),
        "verify": told.verify,
        "fallback": [one.text for one in told.fallback],
        "cautions": [*cautions, *told.cautions],
        "task_type": task.task_type,
        "task_type_origin": task.type_origin.value,
        "complexity": task.complexity.value if task.complexity else None,
        "complexity_origin": task.complexity_origin.value if task.complexity_origin else None,
        # Whoever is named can be called: a name that is too long to be told is left out, not cut.
        "untried": [one for one in untried if one == _printable(one)][:_UNTRIED],
        "decision_id": decision_id,
    }
    return _small(answer)


def arm_object(arm: Arm) -> Answer:
    """An arm by its two names."""
    return {"agent_type": arm.agent_type, "model": arm.model}


def _alternative(one: Ranked, counts: Counts) -> Answer:
    """An arm that is not chosen. Where nothing of it was ever judged, a forecast is only what anybody would do."""
    return {
        **arm_object(one.arm),
        **(_success(one) if counts.in_all.n else dict.fromkeys(("success", "low", "high"))),
        "n": counts.of_type.n,
        "verified_n": counts.of_type.verified_n,
        "p_best": _share(one.p_best),
        "cost_usd": _cost(one),
        "duration_s": _duration(one),
    }


def _success(one: Ranked) -> Answer:
    return {"success": _share(one.p), "low": _share(one.low), "high": _share(one.high)}


def _share(value: float) -> float:
    return round(value, 2)


def _cost(one: Ranked) -> float | None:
    cost = one.estimate.own_cost_usd
    return None if cost is None else round(cost, _COST_DIGITS)


def _duration(one: Ranked) -> float | None:
    duration = one.estimate.own_duration_ms
    return None if duration is None else round(duration / _MS_PER_S, 1)


def _small(answer: Answer) -> Answer:
    """Leave out what matters least, one after the other, until it fits."""
    for shrunk in _SHRINKING:
        if size(answer) <= LIMIT_CHARS:
            break
        answer = shrunk(answer)
    return answer


def _first(name: str, count: int) -> Callable[[Answer], Answer]:
    return lambda answer: {**answer, name: answer[name][:count]}


def _without_figures(answer: Answer) -> Answer:
    kept = ("agent_type", "model", "success", "n", "p_best")
    return {**answer, "alternatives": [{name: one[name] for name in kept} for one in answer["alternatives"]]}


def _with_short_sentences(answer: Answer) -> Answer:
    """Sentences in which long names stand."""
    return {
        **answer,
        "fallback": [one[: 2 * _NAME_CHARS] for one in answer["fallback"]],
        "reason": answer["reason"][: 5 * _NAME_CHARS],
        "similar": [],
    }


def _with_short_names(answer: Answer) -> Answer:
    """Names that no client could have made: strangers may record any."""
    arm = answer["arm"]
    return {**answer, "arm": arm and {name: _printable(value) if value else value for name, value in arm.items()}}


def _printable(name: str) -> str:
    return "".join(one if one.isprintable() else " " for one in name)[:_NAME_CHARS]


_SHRINKING: Final[tuple[Callable[[Answer], Answer], ...]] = (
    _first("untried", 0),
    _first("similar", 3),
    _without_figures,
    _first("similar", 1),
    _first("alternatives", 2),
    _first("cautions", 3),
    _with_short_sentences,
    _first("alternatives", 1),
    _first("cautions", 1),
    _first("alternatives", 0),
    _with_short_names,
)
"""An arm that is named is named in full, or nobody could take it; only names beyond all measure are cut, at the end."""
