"""Judged delegations of tasks that resemble the one at hand."""

from collections.abc import Sequence

from mcp_server.analysis.routing.arms import Arm
from mcp_server.analysis.routing.forecasts import Neighbour
from mcp_server.analysis.similarity import CANDIDATES, Holding, most_similar, rarest, terms_of, words_of
from mcp_server.service.folding import source_weight
from storage.store import Lessons
from storage.vocabulary import Level
from storage.words import HEAD


async def neighbours(lessons: Lessons, task: str | None) -> list[Neighbour]:
    """Those above the gate, most similar first.

    Args:
        lessons: where they are.
        task: as it would be stored; None where no texts are kept.
    """
    if not task:
        return []
    asked = words_of(task[:HEAD])  # of lessons no more is compared
    terms = terms_of(asked)
    vocabulary = await lessons.vocabulary(terms)
    few = rarest(terms, vocabulary.frequencies)
    if not few:
        return []
    taught = await lessons.holding(few, CANDIDATES)
    among = Holding(vocabulary.total, vocabulary.mean_length, vocabulary.frequencies)
    found = most_similar(asked, {key: words_of(one.task) for key, one in enumerate(taught)}, among)
    return [
        Neighbour(
            span_id=lesson.span_id,
            arm=Arm(lesson.agent_type, lesson.model),
            reward=lesson.reward,
            weight=source_weight(lesson.source),
            similarity=one.similarity,
            complexity=lesson.complexity,
            tool_call_count=lesson.tool_call_count,
        )
        for one in found
        for lesson in [taught[one.key].lesson]
    ]


def quick_calls(near: Sequence[Neighbour]) -> list[int]:
    """Tool calls of those among them that were judged to be of low complexity."""
    return [one.tool_call_count for one in near if one.complexity is Level.LOW and one.tool_call_count is not None]
