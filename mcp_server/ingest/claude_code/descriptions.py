"""What newer clients tell of an agent in the `meta.json` beside its transcript."""

from dataclasses import dataclass
from typing import Any, Final

from mcp_server.ingest.claude_code.content import number, string
from mcp_server.ingest.texts import PATH_LIMIT, TextKeeper

_BACKGROUND: Final = "background"


@dataclass(frozen=True, slots=True)
class Description:
    """One agent, as the client describes it."""

    agent_type: str | None
    name: str | None
    tool_use_id: str | None
    """The call that launched it first."""
    parent_agent_id: str | None
    model: str | None
    """A full id, or an alias where the call or the definition used one."""
    spawn_depth: int | None
    is_background: bool
    worktree: str | None
    branch: str | None
    """Of the worktree."""


def described(raw: dict[str, Any], keep: TextKeeper) -> Description | None:
    """What is kept of a `meta.json`; None where there was none."""
    if not raw:
        return None
    return Description(
        agent_type=keep.name(string(raw.get("agentType"))),
        name=keep.line(string(raw.get("description"))),
        tool_use_id=keep.identifier(string(raw.get("toolUseId"))),
        parent_agent_id=keep.identifier(string(raw.get("parentAgentId"))),
        model=keep.name(string(raw.get("model"))),
        spawn_depth=number(raw.get("spawnDepth")) or None,
        is_background=raw.get("requestShape") == _BACKGROUND,
        worktree=keep.name(string(raw.get("worktreePath")), PATH_LIMIT),
        branch=keep.name(string(raw.get("worktreeBranch"))),
    )
