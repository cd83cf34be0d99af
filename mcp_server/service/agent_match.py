"""Which agents a pattern means, in bounded time whatever the pattern."""

import math
import re
import time
import warnings
from collections.abc import Iterable
from typing import Final, Literal

from mcp_server.service.errors import BadArgument

_COUNT: Final = re.compile(r"\{(\d{0,99})(?:,(\d{0,99}))?\}")
_REPETITION_LIMIT: Final = 10_000  # counted repetition is unrolled when a pattern is compiled: nested, it fills memory

AgentMode = Literal["nearest", "ancestor"]
"""The words of `agent_runs.MatchMode`."""
PATTERN_LIMIT: Final = 200
TIME_LIMIT_S: Final = 0.1
"""For all agent types together: a pattern that needs longer would hang the server sooner or later."""


class BadPattern(ValueError):
    """A pattern that cannot be used; the text says why."""


def agents_meant(pattern: str, agent_types: Iterable[str], *, name: str = "agent_match") -> frozenset[str]:
    """Those agent types in which a pattern of the caller is found.

    Args:
        pattern: as given.
        agent_types: those that there are.
        name: of the argument that it was given in.

    Raises:
        BadArgument: it cannot be used.
    """
    try:
        return matching(pattern, agent_types)
    except BadPattern as error:
        raise BadArgument(name, pattern, str(error)) from error


def matching(pattern: str, agent_types: Iterable[str]) -> frozenset[str]:
    """Those agent types in which a Python regular expression is found by search.

    Raises:
        BadPattern: it is too long, is no regular expression, or takes too long to match.
    """
    import regex  # noqa: PLC0415 - only where a pattern is given

    if len(pattern) > PATTERN_LIMIT:
        raise BadPattern(f"it has {len(pattern)} characters; at most {PATTERN_LIMIT} are allowed")
    counts = (max(int(count) for count in pair if count) for pair in _COUNT.findall(pattern) if any(pair))
    if math.prod(max(1, count) for count in counts) > _REPETITION_LIMIT:
        raise BadPattern("it repeats too often; agent types are at most a few words long")
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)  # what Python does not know is refused, although the other matcher may know it
            compiled = regex.compile(pattern)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"it is no regular expression ({error}); a plain name such as Explore is one") from error
    deadline = time.monotonic() + TIME_LIMIT_S
    try:
        return frozenset(
            agent_type
            for agent_type in agent_types
            if compiled.search(agent_type, timeout=max(0.001, deadline - time.monotonic())) is not None
        )
    except TimeoutError:
        raise BadPattern("it takes too long to match; avoid nested repetition such as (a+)+") from None
