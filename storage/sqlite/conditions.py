"""A `SpanFilter` as the text of a where clause, put together from constants, and its parameters."""

import json
from typing import Any, Final

from storage.fields import well_formed
from storage.queries import SpanFilter
from storage.sqlite import rows, search

TYPE_OF_TASK: Final = "coalesce(task_type, guessed_type)"
"""`Span.type_of_task`."""
_CONDITIONS: Final = {
    "session_id": "session_id = :session_id",
    "agent_types": "agent_type in (select value from json_each(:agent_types))",
    "model": "model = :model",
    "task_type": f"{TYPE_OF_TASK} = :task_type",
    "outcome": "outcome = :outcome",
    "status": "status = :status",
    "project": "project = :project",
    "since": "started_us >= :since",
    "until": "started_us < :until",
    "min_cost_usd": "cost_usd >= :min_cost_usd",
    "words": "id in (select rowid from span_words where span_words match :words)",
}
_COMMON_WORDS: Final = "+id in (select rowid from span_words where span_words match :words)"
"""Words that are in too many delegations to look at each of these: rows are found in another way, then tested."""
_ONLY_DELEGATIONS: Final = "kind = 'delegation'"  # spelt out, so that the partial indexes serve it
_KINDS: Final = "kind in (select value from json_each(:kinds))"


def where(question: SpanFilter, *, common_words: bool = False) -> tuple[str, dict[str, Any]]:
    """The condition that the rows of `span` must meet, and its parameters.

    Args:
        question: what is meant.
        common_words: whether its words are in so many delegations that their rows are not looked up one by one.
    """
    parameters: dict[str, Any] = {name: value for name in _CONDITIONS if (value := getattr(question, name)) is not None}
    parameters |= {name: well_formed(value) for name, value in parameters.items() if isinstance(value, str)}
    conditions = [_COMMON_WORDS if common_words and name == "words" else _CONDITIONS[name] for name in parameters]
    for name in ("since", "until"):
        if name in parameters:
            parameters[name] = rows.microseconds(parameters[name])
    if question.agent_types is not None:
        parameters["agent_types"] = json.dumps(sorted(map(well_formed, question.agent_types)))
    if question.words is not None:
        parameters["words"] = search.expression(question.words)
        if parameters["words"] is None:  # nothing that could be looked for is nothing that could be found
            conditions.append("false")
    kinds = sorted(question.kinds)
    if kinds == ["delegation"]:
        conditions.insert(0, _ONLY_DELEGATIONS)
    else:
        conditions.insert(0, _KINDS)
        parameters["kinds"] = json.dumps(kinds)
    return " and ".join(conditions), parameters
