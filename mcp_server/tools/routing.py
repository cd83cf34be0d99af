"""The tool that says who should do a task."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from mcp_server.tools.parameters import Project, Word
from mcp_server.tools.strict import strict_tool
from storage.vocabulary import Level

if TYPE_CHECKING:
    from mcp_server.service.advising import Advising

_ADDS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
_Level = Literal["low", "medium", "high"]


class Candidate(BaseModel):
    """An agent, on a model."""

    model_config = ConfigDict(extra="forbid")

    agent_type: Annotated[str, Field(min_length=1, max_length=200)]
    model: Word = None


def tools(advising: "Advising") -> list[Tool]:
    """The tools of this set."""

    async def suggest_routing(
        *,
        task: Annotated[str, Field(min_length=1, max_length=20_000, description="To be delegated")],
        task_type: Annotated[str | None, Field(max_length=40, description="E.g. search; default: guessed")] = None,
        complexity: Annotated[_Level | None, Field(description="Judged by you now; matters most")] = None,
        criticality: Annotated[
            _Level | None, Field(description="high: deploys, deletes, pays, logs in, migrates")
        ] = None,
        uncertainty: Annotated[_Level | None, Field(description="Of what is wanted")] = None,
        candidates: Annotated[
            list[Candidate] | None, Field(max_length=24, description="Default: arms seen, agents defined")
        ] = None,
        prefer: Literal["quality", "balanced", "cost", "speed"] = "balanced",
        max_cost_usd: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None,
        max_duration_s: Annotated[float | None, Field(ge=0, le=1e6, allow_inf_nan=False)] = None,
        project: Project = None,
        session_id: Word = None,
    ) -> dict[str, Any]:
        """Before delegating a task, ask which agent and model should do it, by this user's judged history.

        decision: delegate (to arm), inline, ask_user or not_enough_data; with reason, how to verify, what to try
        next. Each suggestion is remembered. Not for past work: use search_delegations or get_stats.
        """
        from mcp_server.service.advice_asked import Asked  # noqa: PLC0415 - a start must not wait for it

        return await advising.suggest(
            Asked(
                task=task,
                task_type=task_type,
                complexity=Level(complexity) if complexity else None,
                criticality=Level(criticality) if criticality else None,
                uncertainty=Level(uncertainty) if uncertainty else None,
                candidates=None if candidates is None else [(one.agent_type, one.model) for one in candidates],
                prefer=prefer,
                max_cost_usd=max_cost_usd,
                max_duration_s=max_duration_s,
                project=project,
                session_id=session_id,
            )
        )

    return [
        strict_tool(
            suggest_routing,
            title="Who should do this task",
            annotations=_ADDS,
            required=[
                "decision",
                "arm",
                "expected",
                "p_best",
                "explore",
                "alternatives",
                "reason",
                "similar",
                "verify",
                "fallback",
                "cautions",
                "decision_id",
            ],
        )
    ]
