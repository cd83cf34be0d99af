"""Recurring ways of working: tool sequences more frequent than chance, loops, and calls that fail again and again."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.delegations import in_order, is_verified, succeeded
from mcp_server.analysis.intervals import Difference, difference
from storage.records import Span
from storage.vocabulary import SpanKind, Status

LENGTHS: Final = (2, 3, 4)
LEAST_SPANS: Final = 5
LEAST_LIFT: Final = 2.0
CHANCE: Final = 0.05
"""That any sequence at all of those looked at occurs so often by chance."""
LEAST_FAILURES: Final = 3

# How often a sequence must come in a row to be called a loop: reading eight files is a loop of one only in name.
_LOOP_TIMES: Final = {1: 10, 2: 4, 3: 3, 4: 3}

Tools = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Tools that follow each other more often than their frequencies let expect."""

    tools: Tools
    times: int
    """Occurrences, overlapping ones included."""
    lift: float
    """Occurrences over those expected if tools followed each other at random; at least 2."""
    success: Difference | None
    """Success of verified delegations with the pattern less that of those without; None with too few of either."""
    spans: Sequence[Span]
    """Delegations in which it occurs, by start."""


@dataclass(frozen=True, slots=True)
class Loop:
    """Tools that one delegation used again and again in a row."""

    span: Span
    tools: Tools
    times: int


@dataclass(frozen=True, slots=True)
class RepeatedFailure:
    """One call, the same tool with the same input, that failed again and again."""

    tool: str
    calls: Sequence[Span]
    """At least 3 failed tool calls of one parent, without a success between them."""


def patterns(spans: Iterable[Span]) -> list[Pattern]:
    """Sequences of 2 to 4 tools in at least 5 delegations with a lift of at least 2, most frequent first.

    A sequence inside a longer one that occurs in as many delegations is left out, and so is one that chance may well
    have made frequent: of thousands of possible sequences some always are. With k occurrences where e were expected the
    chance is at most exp(k - e - k ln(k / e)), Chernoff's bound for Poisson counts; it is divided among all sequences.

    Args:
        spans: delegations with their tool sequences.
    """
    worked = [span for span in in_order(spans) if span.tool_sequence]
    verified = [succeeded(span) for span in worked if is_verified(span)]
    tools = Counter(tool for span in worked for tool in span.tool_sequence)
    whole = tools.total()
    times: Counter[Tools] = Counter()
    places: Counter[int] = Counter()
    holders: dict[Tools, dict[str, Span]] = defaultdict(dict)
    for span in worked:
        for length in LENGTHS:
            places[length] += max(0, len(span.tool_sequence) - length + 1)
            for gram in _grams(span.tool_sequence, length):
                times[gram] += 1
                holders[gram][span.span_id] = span
    possible = sum(len(tools) ** length for length in LENGTHS)
    found: list[Pattern] = []
    for gram, holding in holders.items():
        if len(holding) < LEAST_SPANS:
            continue
        expected = places[len(gram)] * math.prod(tools[tool] / whole for tool in gram)
        lift = times[gram] / expected
        if lift >= LEAST_LIFT and _chance(times[gram], expected) * possible <= CHANCE:
            found.append(Pattern(gram, times[gram], lift, _success(verified, holding), list(holding.values())))
    closed = [pattern for pattern in found if not any(_covers(other, pattern) for other in found)]
    return sorted(closed, key=lambda pattern: (-pattern.times * len(pattern.tools), pattern.tools))


def loops(spans: Iterable[Span]) -> list[Loop]:
    """The longest loop of each delegation that has one, longest first."""
    found = [loop for span in in_order(spans) if (loop := _loop(span)) is not None]
    return sorted(found, key=lambda loop: -loop.times * len(loop.tools))


def repeated_failures(calls: Iterable[Span]) -> list[RepeatedFailure]:
    """Calls that failed at least 3 times with the same input, most failures first.

    Args:
        calls: spans of which tool calls are looked at; `task` is their input.
    """
    failing: dict[tuple[str, str | None, str, str | None], list[Span]] = defaultdict(list)
    found: list[RepeatedFailure] = []
    for call in in_order(calls):
        if call.kind is not SpanKind.TOOL_CALL or call.name is None or call.status is Status.RUNNING:
            continue
        run = failing[call.session_id, call.parent_span_id, call.name, call.task]
        if call.status is Status.ERROR:
            run.append(call)
        else:
            found += _as_failure(run)
            run.clear()
    for run in failing.values():
        found += _as_failure(run)
    return sorted(found, key=lambda failure: (-len(failure.calls), failure.calls[0].started_at))


def _chance(times: int, expected: float) -> float:
    """An upper bound for that of so many occurrences or more, with fewer expected."""
    return math.exp(times - expected - times * math.log(times / expected))


def _grams(sequence: Tools, length: int) -> Iterable[Tools]:
    return (sequence[start : start + length] for start in range(len(sequence) - length + 1))


def _success(verified: Sequence[bool], holding: dict[str, Span]) -> Difference | None:
    with_it = [succeeded(span) for span in holding.values() if is_verified(span)]
    successes, n = sum(with_it), len(with_it)
    return difference(successes, n, sum(verified) - successes, len(verified) - n)


def _covers(longer: Pattern, shorter: Pattern) -> bool:
    return (
        len(longer.tools) > len(shorter.tools)
        and len(longer.spans) == len(shorter.spans)
        and shorter.tools in _grams(longer.tools, len(shorter.tools))
    )


def _loop(span: Span) -> Loop | None:
    sequence = span.tool_sequence
    longest: Loop | None = None
    for length, least in _LOOP_TIMES.items():
        same = 0  # tools in a row that equal the one a period before
        for place in range(length, len(sequence)):
            same = same + 1 if sequence[place] == sequence[place - length] else 0
            times = same // length + 1
            unit = sequence[place - length + 1 : place + 1]
            if times >= least and len(set(unit)) > (length > 1) and _is_longer(longest, times * length):
                longest = Loop(span, unit, times)
    return longest


def _is_longer(longest: Loop | None, size: int) -> bool:
    return longest is None or size > longest.times * len(longest.tools)


def _as_failure(run: Sequence[Span]) -> list[RepeatedFailure]:
    return [RepeatedFailure(run[0].name or "", list(run))] if len(run) >= LEAST_FAILURES else []
