"""Which lines of a transcript another transcript held first: they belong there, and count nowhere else. Pure.

A forked session begins with its origin's lines, under its own session id. Which signs such a line bears depends on
the client's version and on the way it was forked:

- `forkedFrom`, after `/branch`;
- `requestSessionId` of another session, on answers of the newest clients;
- a time before the first that the client wrote of its own accord, on all others.

A forked agent begins with its parent's call, or with all of its parent's lines where that is an agent; then it is told
that it is a fork.
"""

from typing import Any, Final

from mcp_server.ingest.claude_code import versions
from mcp_server.ingest.claude_code.content import mapping, string, text_of
from mcp_server.ingest.claude_code.memory import Memory
from mcp_server.ingest.times import microseconds

FORK_FRAME: Final = "</fork-boilerplate>\n\nYour directive: "
"""What stands before a forked agent's task."""
WORKFLOW_FRAME: Final = "The computed task text follows:"
"""What stands before the task of an agent of a workflow."""


def in_main(memory: Memory, session_id: str, line: dict[str, Any], at_us: int | None) -> bool:
    """Whether a line of a main thread is a copy. Remembers on the way when the session began."""
    if memory.fresh_us is None:
        memory.fresh_us = _fresh(line, at_us)
    origin = string(line.get("requestSessionId"))
    return (
        "forkedFrom" in line
        or (origin is not None and origin != session_id)
        or (memory.fresh_us is not None and at_us is not None and at_us < memory.fresh_us)
    )


def in_agent(memory: Memory, line: dict[str, Any], *, is_fork: bool | None) -> bool:
    """Whether a line of an agent's transcript is a copy: what a fork holds before its task.

    Of others an answer may stand before its question as well: the client writes lines when it comes to it. As long as
    nobody knows whether it is a fork, such an answer waits: with the description everything is read again.
    """
    if memory.has_user_line or is_fork is False:
        return False
    if is_fork:
        return FORK_FRAME not in text_of(mapping(line.get("message")).get("content"))
    return line.get("type") == "assistant" and versions.describes_agents(string(line.get("version")))


def _fresh(line: dict[str, Any], at_us: int | None) -> int | None:
    if line.get("type") == "queue-operation":
        return at_us
    if line.get("type") == "file-history-snapshot":
        return microseconds(mapping(line.get("snapshot")).get("timestamp"))
    return None
