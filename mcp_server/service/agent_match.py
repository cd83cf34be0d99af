"""Which agents a pattern means, in bounded time whatever the pattern."""

import time
from collections.abc import Iterable
from typing import Final, Literal

from mcp_server.service.errors import BadArgument
from mcp_server.service.patterns import BadPattern, compiled

AgentMode = Literal["nearest", "ancestor"]
"""The words of `agent_runs.MatchMode`."""
TIME_LIMIT_S: Final = 0.1
"""For all agent types together: a pattern that needs longer would hang the server sooner or later."""


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
    found = compiled(pattern)
    deadline = time.monotonic() + TIME_LIMIT_S
    try:
        return frozenset(
            agent_type
            for agent_type in agent_types
            if found.search(agent_type, timeout=max(0.001, deadline - time.monotonic())) is not None
        )
    except TimeoutError:
        raise BadPattern("it takes too long to match; avoid nested repetition such as (a+)+") from None
