"""Where the client keeps its transcripts, in every layout it has had."""

import errno
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest.claude_code.content import mapping, number, string
from mcp_server.ingest.lines import read_chunk

PROJECTS: Final = "projects"
_SUBAGENTS: Final = "subagents"
_WORKFLOWS: Final = "workflows"
_AGENT_FILE: Final = re.compile(r"^agent-([A-Za-z0-9_-]{1,100})\.jsonl$")
_AGENT_PREFIX: Final = "agent-"
_SESSION_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANY_ID: Final = re.compile(r"\w[\w.-]{0,99}")  # what may become part of a path
_NO_TRANSCRIPT: Final = frozenset({"journal.jsonl", "history.jsonl"})
_JSON_LIMIT_BYTES: Final = 4 * 1024 * 1024
_HEAD_BYTES: Final = 64 * 1024
_DEPTH_LIMIT: Final = 12

Complain = list[tuple[Path, str]]


@dataclass(slots=True)
class AgentFile:
    """One agent's transcript."""

    path: Path
    run_id: str | None = None
    """Of the workflow in whose folder it lies."""
    continued: list[Path] = field(default_factory=list)
    """Where it goes on: the client writes an agent that outlives its session into the folder of the next one."""

    @property
    def agent_id(self) -> str:
        """The id in its name."""
        return self.path.name.removeprefix(_AGENT_PREFIX).removesuffix(".jsonl")

    @property
    def parts(self) -> list[Path]:
        """All files of the transcript, in order."""
        return [self.path, *self.continued]

    @property
    def meta(self) -> Path:
        """Where newer clients describe it."""
        return self.path.with_suffix(".meta.json")


@dataclass(slots=True)
class SessionFiles:
    """The transcripts of one session."""

    session_id: str
    home: Path
    """The project's folder among the transcripts."""
    main: Path | None = None
    agents: list[AgentFile] = field(default_factory=list)

    @property
    def anchor(self) -> Path:
        """A name for the whole: where the main transcript is, or was, or would be."""
        return self.main or self.home / f"{self.session_id}.jsonl"

    @property
    def folder(self) -> Path:
        """Where newer clients keep what belongs to the session."""
        return self.home / self.session_id


def jsonl_files(path: Path, complain: Complain) -> Iterator[Path]:
    """Every `.jsonl` file at or below a path that is no link, under its real name; loops of links end."""
    seen: set[tuple[int, int]] = set()
    waiting = [(path, 0)]
    while waiting:
        place, depth = waiting.pop()
        try:
            found = place.stat()
            if stat.S_ISREG(found.st_mode):
                yield place
                continue
            if (found.st_dev, found.st_ino) in seen or depth > _DEPTH_LIMIT:
                continue
            seen.add((found.st_dev, found.st_ino))
            with os.scandir(place) as listed:
                entries = sorted(listed, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            complain.append((place, error.strerror or str(error)))
            continue
        for entry in entries:
            try:
                real = Path(os.path.realpath(entry.path) if entry.is_symlink() else entry.path)
                if entry.is_dir():
                    waiting.append((real, depth + 1))
                elif entry.name.endswith(".jsonl") and entry.is_file():
                    yield real
            except OSError as error:
                if error.errno != errno.ELOOP:  # a link to itself leads nowhere, as a dangling one does
                    complain.append((Path(entry.path), error.strerror or str(error)))


def group(paths: Iterable[Path]) -> list[SessionFiles]:
    """Transcripts by session; files that are none are left out."""
    sessions: dict[tuple[Path, str], SessionFiles] = {}

    def session(home: Path, session_id: str) -> SessionFiles:
        return sessions.setdefault((home, session_id), SessionFiles(session_id, home))

    for path in sorted(paths):
        if path.name in _NO_TRANSCRIPT:
            continue
        if path.name.startswith(_AGENT_PREFIX):
            home, session_id, run_id = _home_of_agent(path)
            if session_id is not None and _ANY_ID.fullmatch(session_id) and _AGENT_FILE.match(path.name):
                session(home, session_id).agents.append(AgentFile(path, run_id))
        elif _SESSION_ID.fullmatch(path.stem):
            session(path.parent, path.stem).main = path
        elif _ANY_ID.fullmatch(session_id := _session_in_lines(path) or path.stem):
            # A copy under another name: the session is the one that its lines name.
            found = session(path.parent, session_id)
            found.main = found.main or path
    _join_parts(sessions)
    return [found for found in sessions.values() if found.main is not None or found.agents]


def sessions_at(anchor: Path) -> list[SessionFiles]:
    """The session whose main transcript is, or would be, at a path; and those that hold a part of its agents' work.

    Looks only into what belongs to them, however many sessions lie beside it. Empty where there is nothing.
    """
    home, session_id = anchor.parent, anchor.stem
    paths = {anchor} if _is_file(anchor) else set[Path]()
    own = list(jsonl_files(home / session_id / _SUBAGENTS, []))
    beside: list[str] = []
    with suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            if entry.name.startswith(_AGENT_PREFIX) and entry.name.endswith(".jsonl"):
                own.append(Path(entry.path))  # the oldest layout
            elif entry.name != session_id and _SESSION_ID.fullmatch(entry.name):
                beside.append(entry.name)
    names = {path.name for path in own if path.parent != home}
    for other in beside:
        shared = [path for name in names if _is_file(path := home / other / _SUBAGENTS / name)]
        if shared:
            paths |= {home / f"{other}.jsonl", *jsonl_files(home / other / _SUBAGENTS, [])}
    found = group(path for path in (*paths, *own) if _is_file(path))
    related = {session_id, *(other for other in beside if home / f"{other}.jsonl" in paths)}
    return [session for session in found if session.session_id in related and session.home == home]


def _is_file(path: Path) -> bool:
    """Whether a file is there; one that could not be looked at, or that nobody could make, is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def _join_parts(sessions: Mapping[tuple[Path, str], SessionFiles]) -> None:
    """Give transcripts that begin in the middle to the session in which their agent was launched."""
    places: dict[tuple[Path, str], list[tuple[SessionFiles, AgentFile]]] = {}
    for (home, _), session in sessions.items():
        for agent in session.agents:
            places.setdefault((home, agent.agent_id), []).append((session, agent))
    for parts in places.values():
        starts = [agent for _, agent in parts if not _begins_midway(agent.path)] if len(parts) > 1 else []
        if len(starts) != 1:
            continue
        rest = [(session, agent) for session, agent in parts if agent is not starts[0]]
        starts[0].continued = sorted((agent.path for _, agent in rest), key=_modified)
        for session, agent in rest:
            session.agents.remove(agent)


def _begins_midway(path: Path) -> bool:
    """Whether the first line of a transcript follows a line that stands elsewhere."""
    return next((line.get("parentUuid") is not None for line in _head(path) if "parentUuid" in line), False)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def agent_file(path: Path) -> AgentFile:
    """An agent's transcript by its path, whether it is there or not."""
    return AgentFile(path, _home_of_agent(path)[2])


def _home_of_agent(path: Path) -> tuple[Path, str | None, str | None]:
    """The project's folder, the session and the workflow run that an agent's transcript belongs to."""
    parts = path.parts
    if _SUBAGENTS in parts[:-1]:
        place = len(parts) - 2 - parts[:-1][::-1].index(_SUBAGENTS)
        between = parts[place + 1 : -1]
        run_id = between[1] if len(between) > 1 and between[0] == _WORKFLOWS else None
        return Path(*parts[: place - 1]), parts[place - 1], run_id
    return path.parent, _session_in_lines(path), None  # the oldest layout: beside the main transcript


def _session_in_lines(path: Path) -> str | None:
    """The session that the first lines of a transcript name.

    Where the oldest client resumes a session, its warm-up agents name two: one of them has nothing of its own.
    """
    named = dict.fromkeys(found for line in _head(path) if (found := string(line.get("sessionId"))) is not None)
    with_own = (session_id for session_id in named if len(named) > 1 and _has_main(path.parent, session_id))
    return next(with_own, next(iter(named), None))


def _has_main(home: Path, session_id: str) -> bool:
    try:
        return bool(_ANY_ID.fullmatch(session_id)) and (home / f"{session_id}.jsonl").stat().st_size > 0
    except OSError:
        return False


def _head(path: Path) -> list[dict[str, Any]]:
    try:
        return read_chunk(path, 0, _HEAD_BYTES).lines
    except OSError:
        return []  # reading it will fail as well, and be reported


def load_json(path: Path) -> dict[str, Any]:
    """A small JSON object beside a transcript; empty where there is none that can be read."""
    try:
        if path.stat().st_size > _JSON_LIMIT_BYTES:
            return {}
        return mapping(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return {}


def run_durations(files: SessionFiles) -> dict[str, int]:
    """Agent id -> milliseconds, from the records of workflow runs."""
    durations: dict[str, int] = {}
    for run_id in {agent.run_id for agent in files.agents if agent.run_id is not None}:
        record = load_json(files.folder / _WORKFLOWS / f"{run_id}.json")
        progress = record.get("workflowProgress")
        for step in progress if isinstance(progress, list) else ():
            agent_id, duration = string(mapping(step).get("agentId")), number(mapping(step).get("durationMs"))
            if agent_id is not None and duration:
                durations[agent_id] = duration
    return durations
