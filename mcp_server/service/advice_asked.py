"""What somebody wants to be advised on."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_server.analysis.routing.utility import Preference
from storage.vocabulary import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to know; what is None is not known."""

    task: str
    task_type: str | None = None
    complexity: Level | None = None
    criticality: Level | None = None
    uncertainty: Level | None = None
    candidates: Sequence[tuple[str, str | None]] | None = None
    """Agent types and models; an agent without a model stands for all models that it was seen with."""
    prefer: str = Preference.BALANCED
    max_cost_usd: float | None = None
    max_duration_s: float | None = None
    project: str | None = None
    session_id: str | None = None
