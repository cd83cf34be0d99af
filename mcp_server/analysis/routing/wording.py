"""Names and figures of routing as they stand in a sentence."""

from typing import Final

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.utility import Estimate

_NAME_CHARS: Final = 60
_TYPE_CHARS: Final = 40
_LONG_S: Final = 120.0
_CENTS_FROM: Final = 10.0


def arm_name(arm: Arm) -> str:
    """An arm: agent type and model, at most 60 characters."""
    return _one_line(arm.label, _NAME_CHARS)


def type_name(task_type: str | None) -> str:
    """A type of task, at most 40 characters."""
    return _one_line(task_type or "unknown", _TYPE_CHARS)


def digits(share: float) -> str:
    """A share with two digits, as people write it: `.78`."""
    return f"{share:.2f}".removeprefix("0") if share < 1 else "1"


def typical(estimate: Estimate) -> str:
    """What a task takes this arm, such as `$0.04, 41 s`; empty where nobody knows."""
    return ", ".join(text for text in (_cost(estimate.own_cost_usd), _duration(estimate.own_duration_ms)) if text)


def _one_line(text: str, limit: int) -> str:
    """Names come from strangers: they must not break a sentence, nor make it long."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:limit]


def _cost(cost_usd: float | None) -> str:
    if cost_usd is None:
        return ""
    return (
        f"${cost_usd:.0f}" if cost_usd >= _CENTS_FROM else f"${float(f'{cost_usd:.2g}'):.10f}".rstrip("0").rstrip(".")
    )


def _duration(duration_ms: float | None) -> str:
    if duration_ms is None:
        return ""
    seconds = duration_ms / 1e3
    return (
        f"{seconds / 60:.0f} min" if seconds >= _LONG_S else f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    )
