"""Whether a delegation is what a routing decision was asked for, and what it gets from it."""

from typing import Final

from mcp_server.analysis.similarity import GATE, Holding, Words, similarity, words_of
from mcp_server.analysis.tasks import Origin
from mcp_server.analysis.words import STOP_WORDS
from mcp_server.service.set_models import AUTO
from storage.records import RoutingDecision, Span
from storage.words import HEAD

_JUDGED_BEFORE: Final = frozenset({Origin.CALLER, Origin.OPENING})
"""What rules guess is no judgement of anybody; they say the same of the delegation itself."""


def may_follow(decision: RoutingDecision, span: Span) -> bool:
    """Whether a delegation that began soon after a decision, in the same session, may be what it was asked for."""
    if decision.mode == AUTO:
        return False  # what changed one call is of that call alone
    told = "\n".join(text for text in (span.name, span.task) if text)
    if decision.task is None or not told:
        return True  # where no texts are kept, nothing speaks against it
    asked, held = _content(decision.task), _content(told)
    # Two texts are no collection: every word weighs the same.
    return similarity(asked, held, Holding(0, (asked.length + held.length) / 2, {})) > GATE


def with_judgement(span: Span, decision: RoutingDecision) -> Span:
    """The span with what was judged of it before, where it says nothing itself."""
    given = {
        "task_type": decision.task_type if decision.task_type_origin in _JUDGED_BEFORE else None,
        "complexity": decision.complexity if decision.complexity_origin in _JUDGED_BEFORE else None,
        "criticality": decision.criticality,
        "uncertainty": decision.uncertainty,
    }
    said = {name: value for name, value in given.items() if value is not None and getattr(span, name) is None}
    # Where somebody has said the type, nobody guesses.
    return span.model_copy(update=said | ({"guessed_type": None, "guessed_by": None} if "task_type" in said else {}))


def is_followed(decision: RoutingDecision, span: Span) -> bool:
    """Whether it went to the arm that was suggested; a model that nobody knows is taken for the right one."""
    if decision.agent_type != span.agent_type:
        return False
    if decision.model is None or span.model is None:
        return True
    # A hook knows a model by its alias.
    return decision.model in span.model if decision.mode == AUTO else decision.model == span.model


def _content(text: str) -> Words:
    counts = {word: count for word, count in words_of(text[:HEAD]).counts.items() if word not in STOP_WORDS}
    return Words(counts, sum(counts.values()))
