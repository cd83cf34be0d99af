"""What the end of a run says by itself: little, and only where the agent is to blame for it. And its words: nothing."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from mcp_server.analysis.evidence import rules
from mcp_server.analysis.evidence.family import Family, can_be_judged
from mcp_server.analysis.evidence.rules import Conclusion
from storage.records import Span
from storage.vocabulary import RewardSource, Status

_NOT_THE_AGENTS: Final = frozenset({"api_error", "failed"})  # the model did not answer; the call never started
_TURN_LIMIT: Final = "max_turns"
_TIMEOUTS: Final = frozenset({"timeout", "timed_out", "timed out"})
_HEAD_CHARS: Final = 200
_ERROR_WORDS: Final = re.compile(r"error|failed|exception|timeout|could not|unable to", re.IGNORECASE)
_FATAL_WORDS: Final = re.compile(r"fatal|crash|aborted|panic|no results", re.IGNORECASE)
_BY_WORKFLOW: Final = "Workflow"


def concluded(family: Family, delivered: AbstractSet[str]) -> Iterator[Conclusion]:
    """What the ends of delegations say.

    Args:
        family: the runs, with their texts.
        delivered: runs of which some text was seen before they ended.
    """
    for span in family.delegations:
        if can_be_judged(span):
            found = _rule(span, span.span_id in delivered)
            if found is not None:
                yield _conclusion(span, 0.0, RewardSource.STRUCTURE, *found)
            yield from _hint(span)


def _rule(span: Span, has_delivered: bool) -> tuple[str, str] | None:  # noqa: FBT001 - private
    if span.status is Status.OK:
        # Without a task no texts are kept at all. An agent of a workflow may answer in another form.
        told = span.task is not None and span.attributes.get("launched_by") != _BY_WORKFLOW
        is_empty = told and not (span.output or "").strip()
        return (rules.EMPTY, "it ended without a word") if is_empty and not has_delivered else None
    kind = (span.error or "").partition(":")[0].strip().lower()
    if kind in _NOT_THE_AGENTS:
        return None
    if kind == _TURN_LIMIT:
        # With something delivered it is half of a success, which the reader of the transcript tells.
        return None if has_delivered else (rules.TURN_LIMIT, "it used up its turns and delivered nothing")
    if kind in _TIMEOUTS:
        return rules.TIMEOUT, "it ran out of time"
    return rules.FAILED, f"it ended with an error ({kind or 'unknown'})"


def _hint(span: Span) -> Iterator[Conclusion]:
    """Error words at the head of the output: shown, and never counted, for they tell no more than a coin."""
    head = (span.output or "")[:_HEAD_CHARS]
    word = _ERROR_WORDS.search(head)
    if word is not None:
        value = 0.0 if _FATAL_WORDS.search(head) else 0.5
        yield _conclusion(span, value, RewardSource.KEYWORD, rules.WORDS, f"its output says {word[0].lower()!r}")


def _conclusion(span: Span, value: float, source: RewardSource, rule: str, because: str) -> Conclusion:
    return Conclusion(
        span_id=span.span_id,
        value=value,
        source=source,
        rule=rule,
        because=because,
        event_id=span.span_id,
        at=span.ended_at or span.started_at,
    )
