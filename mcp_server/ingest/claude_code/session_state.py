"""What is remembered of a session as a whole between two readings, and whether there is anything new in it."""

import hashlib
import os
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ValidationError

from mcp_server.ingest.claude_code.layout import SessionFiles
from mcp_server.ingest.claude_code.memory import MEMORY_VERSION
from mcp_server.ingest.claude_code.transcript_file import source_of
from storage.records import ReadPosition

_OF_SESSION: Final = "#session"


class Told(NamedTuple):
    """What an agent's calls were told with. When that is known better, they are told again."""

    agent_type: str
    certain: bool
    project: str | None
    counts: bool
    """Whether they are told at all."""


class SessionState(BaseModel):
    """What is remembered of a session as a whole."""

    version: int = MEMORY_VERSION
    signature: str = ""
    is_open: bool = True
    agents: dict[str, str] = {}
    """Agent id -> source of its transcript, for every agent that was ever read."""
    told: dict[str, Told] = {}


def state_in(position: ReadPosition | None) -> SessionState:
    """The state that a position holds; that of a session which was never read, where it holds none of this version."""
    if position is None:
        return SessionState()
    try:
        state = SessionState.model_validate_json(position.state)
    except ValidationError:
        return SessionState()
    return state if state.version == MEMORY_VERSION else SessionState()


class Look:
    """How the files of a session lie there."""

    def __init__(self, files: SessionFiles) -> None:
        runs = os.walk(files.folder / "workflows")
        beside = [Path(folder, name) for folder, _, names in runs for name in sorted(names)]
        transcripts = [path for agent in files.agents for path in agent.parts]
        metas = [agent.meta for agent in files.agents]
        seen: list[str] = []
        self.newest: float = 0
        """When the last of them changed, in seconds since 1970."""
        for path in sorted((*([files.main] if files.main else []), *transcripts, *metas, *beside)):
            try:
                found = path.stat()
            except OSError:
                continue
            seen.append(f"{path.name}:{found.st_size}:{found.st_mtime_ns}")
            self.newest = max(self.newest, found.st_mtime)
        self.signature = hashlib.blake2b("\n".join(seen).encode(errors="replace"), digest_size=16).hexdigest()
        """Another one when any of them does."""


def session_source(files: SessionFiles) -> str:
    """The name under which the state of a session as a whole is kept."""
    return f"{source_of(files.anchor)}{_OF_SESSION}"


def sources(files: SessionFiles, session: ReadPosition | None) -> list[str]:
    """The names under which positions of a session are kept, of files that are gone by now as well."""
    there = [source_of(path) for agent in files.agents for path in agent.parts]
    known = state_in(session).agents.values()
    return list(dict.fromkeys([session_source(files), source_of(files.anchor), *there, *known]))


def anchor_of(source: str) -> Path | None:
    """The path from which the name of a session's state was made; None where it is the name of something else."""
    path, mark, _ = source.rpartition(_OF_SESSION)
    return Path(path) if mark else None


def is_unchanged(
    files: SessionFiles, session: ReadPosition | None, *, runs: bool = False, settled_before: float = 0
) -> bool:
    """Whether there is nothing new: no file has changed since, and what was still open then goes on.

    Args:
        files: of the session.
        session: what is remembered of the session as a whole.
        runs: whether its client is known to run.
        settled_before: as of `reading.Tools`; a session that was left open for its latest lines alone may be closed by
            now.
    """
    state, look = state_in(session), Look(files)
    if state.signature != look.signature:
        return False
    is_settling = session is not None and session.is_open and look.newest <= settled_before
    return runs or not (state.is_open or is_settling)
