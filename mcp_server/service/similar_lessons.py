"""Judged delegations of tasks that resemble the one at hand, as the router takes them."""

from collections.abc import Sequence

from mcp_server.analysis.routing.forecasts import Neighbour
from mcp_server.service import similar
from mcp_server.service.folding import cell_of, source_weight
from storage.store import Lessons
from storage.vocabulary import Level


async def neighbours(lessons: Lessons, task: str | None) -> list[Neighbour]:
    """Those above the gate, most similar first.

    Args:
        lessons: where they are.
        task: as it would be stored; None where no texts are kept.
    """
    found = await similar.lessons(lessons, task) if task else []
    return [
        Neighbour(
            span_id=lesson.span_id,
            arm=cell_of(lesson).arm,
            reward=lesson.reward,
            weight=source_weight(lesson.source),
            similarity=similarity,
            complexity=lesson.complexity,
            tool_call_count=lesson.tool_call_count,
        )
        for lesson, similarity in found
    ]


def quick_calls(near: Sequence[Neighbour]) -> list[int]:
    """Tool calls of those among them that were judged to be of low complexity."""
    return [one.tool_call_count for one in near if one.complexity is Level.LOW and one.tool_call_count is not None]
