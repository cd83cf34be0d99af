"""The short names by which a call may ask for a model, and what they stand for. Pure."""

from collections.abc import Iterable
from typing import Final

from storage.records import Span

ALIASES: Final = frozenset({"sonnet", "opus", "haiku", "fable"})
"""All that the client takes in a call: a full id makes the call fail."""
REQUESTED: Final = "requested_model"
"""The attribute of a delegation that holds what was asked for."""


def aliases(spans: Iterable[Span]) -> dict[str, str]:
    """Full id of a model -> the alias that stands for it: of each alias its newest delegation tells.

    A delegation that went on with another model tells nothing.

    Args:
        spans: delegations, in any order; only recent ones, for the client's own table changes with its versions.
    """
    newest: dict[str, Span] = {}
    for span in sorted(spans, key=lambda span: (span.started_at, span.span_id)):
        asked = span.attributes.get(REQUESTED)
        if isinstance(asked, str) and asked in ALIASES and span.model is not None and "models" not in span.attributes:
            newest[asked] = span
    # Of two aliases for one model any will do: the last by name.
    return {span.model: alias for alias, span in sorted(newest.items()) if span.model is not None}
