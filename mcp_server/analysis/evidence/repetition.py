"""The same task delegated again: whoever asks once more has not got what was wanted."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.family import Family, can_be_judged
from mcp_server.analysis.evidence.rules import Conclusion
from mcp_server.analysis.similarity import SAME_TASK, Holding, Words, similarity, words_of
from storage.records import Span
from storage.vocabulary import RewardSource, Status

WITHIN: Final = timedelta(minutes=60)
LOOKED_BACK: Final = 100
_TEXTS: Final = 1000  # as if among many: of two texts alone every shared word would be a common one
_LEAST_OVERLAP: Final = 0.3
_LEAST_WORDS: Final = 6
_TEMPLATE_SHARE: Final = 0.15
_NAME: Final = re.compile(r"[\d/._]|(?<=\w)[A-Z]")
_FAILED_CALL: Final = frozenset({"api_error", "failed"})


def concluded(family: Family) -> Iterator[Conclusion]:
    """The last earlier delegation with the task that is delegated again."""
    judged = set[str]()
    words = {span.span_id: words_of(span.task or "") for span in family.delegations}
    for place, again in enumerate(family.delegations):
        for first in reversed(family.delegations[max(0, place - LOOKED_BACK) : place]):
            if first.span_id in judged or not _may_be_repeated(first, again):
                continue
            alike = _similarity(words[first.span_id], words[again.span_id])
            if alike > SAME_TASK and _is_same(first, again, words[first.span_id]):
                judged.add(first.span_id)
                yield Conclusion(
                    span_id=first.span_id,
                    value=0.0,
                    source=RewardSource.BEHAVIOUR,
                    rule=rules.DELEGATED_AGAIN,
                    because=f"the same was asked of {again.agent_type} afterwards (similarity {alike:.2f})",
                    event_id=again.span_id,
                    at=again.started_at,
                )
                break


def _may_be_repeated(first: Span, again: Span) -> bool:
    if first.ended_at is None or not can_be_judged(first) or first.parent_span_id != again.parent_span_id:
        return False
    if first.status is Status.ERROR and (first.error or "").partition(":")[0] in _FAILED_CALL:
        return False  # it is asked again because it never came to an answer
    return timedelta(0) <= again.started_at - first.ended_at <= WITHIN


def _similarity(first: Words, again: Words) -> float:
    if len(first.counts.keys() & again.counts.keys()) <= _LEAST_OVERLAP * len(first.counts):
        return 0.0  # it cannot come to be the same task
    frequencies = {word: (word in first.counts) + (word in again.counts) for word in (*first.counts, *again.counts)}
    return similarity(first, again, Holding(_TEXTS, (first.length + again.length) / 2, frequencies))


def _is_same(first: Span, again: Span, words: Words) -> bool:
    """Whether tasks that are alike are one: a few words are alike soon."""
    one, other = first.task or "", again.task or ""
    return one.split() == other.split() or (len(words.counts) >= _LEAST_WORDS and not _only_another_object(one, other))


def _only_another_object(first: str, again: str) -> bool:
    """Whether the words are the same up to names, or up to much: the same kind of task for something else."""
    one, other = first.split(), again.split()
    if len(one) != len(other):
        return False
    replaced = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    words = [word.strip(".,;:!?()\"'`") for pair in replaced for word in pair]
    # What stands in double brackets is a mark for a program, and no object of the task.
    names = any(_NAME.search(word) for word in words if not word.startswith("[["))
    return bool(replaced) and (names or len(replaced) > _TEMPLATE_SHARE * len(one))
