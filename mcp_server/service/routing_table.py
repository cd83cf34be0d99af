"""What is advised per type of task."""

from collections.abc import Sequence
from typing import Any, Final

from mcp_server.analysis.routing.advice import advice
from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Known, Question, decide, offered_by_default
from mcp_server.analysis.routing.rollups import History
from mcp_server.service.advice_object import arm_object
from mcp_server.service.shapes import rounded

_TYPES_SHOWN: Final = 12


def routing_table(known: Known) -> dict[str, Any]:
    """What is advised per type of task, most frequent type first; at most 12 types.

    Args:
        known: the past, for no task in particular.
    """
    arms, _ = offered_by_default(known.history, known.usage)
    judged = known.history.total
    return {
        "judged": {"n": judged.n, "verified_n": judged.verified_n},
        "routes": [_route(one, known, arms) for one in _types(known.history)[:_TYPES_SHOWN]],
    }


def _types(history: History) -> list[str | None]:
    """Types of judged delegations, most frequent first."""
    times: dict[str | None, int] = {}
    for (task_type, _), count in history.by_type.items():
        times[task_type] = times.get(task_type, 0) + count.n
    return sorted(times, key=lambda one: (-times[one], one or ""))


def _route(task_type: str | None, known: Known, arms: Sequence[Arm]) -> dict[str, Any]:
    """What is advised for one type of task of unknown complexity."""
    question = Question(profile=Profile(task_type))
    told = advice(question, known, decide(question, known, arms))
    expected = told.expected
    return {
        "task_type": task_type,
        "decision": told.decision.kind.value,
        "arm": arm_object(expected.arm) if expected else None,
        "success": rounded(round(expected.p, 2)) if expected else None,
        "low": rounded(round(expected.low, 2)) if expected else None,
        "high": rounded(round(expected.high, 2)) if expected else None,
        "p_best": rounded(round(expected.p_best, 2)) if expected else None,
        "n": told.judged.n,
        "verified_n": told.judged.verified_n,
        "reason": told.reason,
    }
