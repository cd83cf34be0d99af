"""Reading one session's transcripts from where the last reading stopped."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from mcp_server.ingest.claude_code import layout
from mcp_server.ingest.claude_code.agent_calls import FORK
from mcp_server.ingest.claude_code.assembly import MAIN, LifeAt, VersionOf, assemble
from mcp_server.ingest.claude_code.call_spans import Owner
from mcp_server.ingest.claude_code.descriptions import Description, described
from mcp_server.ingest.claude_code.endings import Life
from mcp_server.ingest.claude_code.identity import delegation_span_id, session_span_id
from mcp_server.ingest.claude_code.joining import Agent, SessionView
from mcp_server.ingest.claude_code.layout import AgentFile, SessionFiles
from mcp_server.ingest.claude_code.memory import Memory
from mcp_server.ingest.claude_code.session_state import Look, SessionState, Told, session_source, state_in
from mcp_server.ingest.claude_code.transcript_file import Positions, Progress, TranscriptFile
from mcp_server.ingest.claude_code.versions import marks_its_end
from mcp_server.ingest.pricing import Price
from mcp_server.ingest.texts import TextKeeper
from mcp_server.ingest.times import time_of
from storage.queries import Batch
from storage.records import ReadPosition, Span
from storage.vocabulary import Status

_HELD_BYTES: Final = 16 * 1024 * 1024

MayGoOn = Callable[[str, str | None, datetime], bool | None]
"""(session id, client version, last activity) -> whether the session goes on; None where only its silence could tell
and it has not been silent for long."""
Emit = Callable[[Batch], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What reading needs from outside."""

    keep: TextKeeper
    price: Price
    version_of: VersionOf
    may_go_on: MayGoOn
    settled_before: float
    """Seconds since 1970: a file that changed later may still get lines, even when its client is gone."""
    emit: Emit
    """Called with what is to be stored together, in order."""


@dataclass(slots=True)
class _Reading:
    """One agent's transcript while it is read."""

    file: AgentFile
    transcript: TranscriptFile
    agent: Agent
    told: Told | None
    """With what those calls were told that are in the store."""


@dataclass(slots=True)
class _Waiting:
    """What was read and not yet emitted."""

    spans: list[Span] = field(default_factory=list)
    positions: dict[str, ReadPosition] = field(default_factory=dict)
    size: int = 0


class SessionReader:
    """Reads what is new in one session and emits it as batches. The last batch leaves everything true."""

    def __init__(self, files: SessionFiles, positions: Positions, tools: Tools) -> None:
        self._files = files
        self._positions = positions
        self._tools = tools
        self._state = state_in(positions.get(session_source(files)))
        self._main: TranscriptFile | None = None
        self._agents: dict[str, _Reading] = {}
        self._waiting = _Waiting()
        self.progress = Progress()

    def read(self) -> Progress:
        """Read to the end of all files.

        A file that cannot be read is named in the answer; the others are read.
        """
        # Before reading: what is appended meanwhile makes the signature differ at the next time.
        look = Look(self._files)
        self._read_main()
        durations = layout.run_durations(self._files)
        for file in self._files.agents:
            self._read_agent(file, durations.get(file.agent_id))
        for agent_id, source in self._state.agents.items():
            if agent_id not in self._agents and not os.path.lexists(source):  # else it continues another's by now
                self._recall_agent(layout.agent_file(Path(source)))
        self._tell()
        self._finish(look)
        return self.progress

    def _read_main(self) -> None:
        tools = self._tools
        main = TranscriptFile([self._files.anchor], self._files.session_id, tools.keep, tools.price, is_agent=False)
        if self._files.main is None:
            self._main = main if main.recall(self._positions.get(main.source)) else None
            return
        self._main = main
        for size in main.read(self._positions, self.progress):
            self._hold(size)

    def _read_agent(self, file: AgentFile, run_duration_ms: int | None) -> None:
        description = described(layout.load_json(file.meta), self._tools.keep)
        transcript = self._transcript(file, description)
        agent = Agent(transcript.memory, description, file.run_id, run_duration_ms)
        told = self._state.told.get(file.agent_id)
        self._agents[file.agent_id] = _Reading(file, transcript, agent, told)
        # Positions of which nobody knows what was told with them are worth nothing.
        for size in transcript.read(self._positions if told is not None else {}, self.progress):
            agent.memory = transcript.memory
            self._hold(size)
        agent.memory = transcript.memory

    def _recall_agent(self, file: AgentFile) -> None:
        """What is remembered of a transcript that is gone by now."""
        description = described(layout.load_json(file.meta), self._tools.keep)
        transcript = self._transcript(file, description)
        if transcript.recall(self._positions.get(transcript.source)):
            agent = Agent(transcript.memory, description, file.run_id)
            self._agents[file.agent_id] = _Reading(file, transcript, agent, self._state.told.get(file.agent_id))

    def _transcript(self, file: AgentFile, description: Description | None) -> TranscriptFile:
        tools, is_fork = self._tools, None if description is None else description.agent_type == FORK
        session_id = self._files.session_id
        return TranscriptFile(file.parts, session_id, tools.keep, tools.price, is_agent=True, is_fork=is_fork)

    def _view(self) -> SessionView:
        main = self._main.memory if self._main is not None else None
        # A transcript without a line tells nothing, not even that no tokens were spent.
        agents = {agent_id: reading.agent for agent_id, reading in self._agents.items() if reading.agent.memory.lines}
        return SessionView(self._files.session_id, main, agents)

    def _hold(self, size: int) -> None:
        """Keep back what was read until all is known that tells whose it is; but not without bound."""
        self._waiting.size += size
        if self._waiting.size > _HELD_BYTES:
            self._take(self._view())
            self._flush()

    def _take(self, view: SessionView) -> None:
        """Tell what is kept back, with what is known now."""
        session_id = self._files.session_id
        if self._main is not None:
            project = self._main.memory.project
            owner = Owner(session_id, session_span_id(session_id), MAIN, None, project)
            self._add(*self._main.take(owner))
        for agent_id, reading in self._agents.items():
            told = reading.told if reading.told is not None else _told(view, agent_id)
            spans, positions = reading.transcript.take(self._owner(agent_id, told))
            self._add(spans if told.counts else [], positions)
            reading.told = told

    def _tell(self) -> None:
        """Tell what is kept back; and tell again what was told with less knowledge than there is now."""
        view = self._view()
        for agent_id, reading in self._agents.items():
            before, reading.told = reading.told, _told(view, agent_id)
            if before not in (None, reading.told) and not self._read_again(reading):
                reading.told = before
        self._take(view)

    def _read_again(self, reading: _Reading) -> bool:
        """Read a transcript from its start. Whether that was possible."""
        before = reading.transcript
        reading.transcript, again = self._transcript(reading.file, reading.agent.description), Progress()
        for size in reading.transcript.read({}, again):
            self._hold(size)
        if again.problems:
            reading.transcript = before
        reading.agent.memory = reading.transcript.memory
        self.progress.bytes_read += again.bytes_read
        return not again.problems

    def _owner(self, agent_id: str, told: Told) -> Owner:
        span_id = delegation_span_id(self._files.session_id, agent_id)
        return Owner(self._files.session_id, span_id, told.agent_type, agent_id, told.project, told.certain)

    def _add(self, spans: list[Span], positions: list[ReadPosition]) -> None:
        self._waiting.spans += spans
        self._waiting.positions |= {position.source: position for position in positions}

    def _flush(self) -> None:
        self._tools.emit(Batch(spans=self._waiting.spans, positions=list(self._waiting.positions.values())))
        self._waiting = _Waiting()

    def _life(self, view: SessionView) -> LifeAt:
        may_go_on = self._tools.may_go_on(self._files.session_id, view.client_version, time_of(view.last_us))
        main = view.main
        is_closed = main is not None and main.closed
        if may_go_on is None:  # nobody knows but the transcript itself
            may_go_on = not is_closed

        def life(run: Memory | None) -> Life:
            if may_go_on:
                return Life.GOES_ON
            if is_closed or (main is not None and run is not None and main.has_ended_since(run.last_us or 0)):
                return Life.CLOSED
            version = run.client_version if run is not None else view.client_version
            return Life.KILLED if marks_its_end(version) else Life.OVER

        return life

    def _finish(self, look: Look) -> None:
        view = self._view()
        life = self._life(view)
        assembled = assemble(view, life, self._tools.version_of)
        is_open = any(span.status is Status.RUNNING for span in assembled.spans)
        state = SessionState(
            signature="" if self.progress.problems else look.signature,
            is_open=is_open,
            agents={agent_id: self._agents[agent_id].transcript.source for agent_id in view.agents},
            told={agent_id: reading.told for agent_id, reading in self._agents.items() if reading.told is not None},
        )
        self.progress.delegations = sum(span.kind == "delegation" for span in assembled.spans)
        position = ReadPosition(
            source=session_source(self._files),
            identity="",
            offset=0,
            state=state.model_dump_json().encode(),
            is_open=is_open or look.newest > self._tools.settled_before or life(view.main) is Life.GOES_ON,
        )
        self._tools.emit(
            Batch(
                spans=[*self._waiting.spans, *assembled.spans],
                rewards=assembled.rewards,
                positions=[*self._waiting.positions.values(), position],
            )
        )
        self._waiting = _Waiting()


def _told(view: SessionView, agent_id: str) -> Told:
    agent_type, project = view.agent_type(agent_id), view.project
    # What it took over from another agent is known only from its description.
    certain = agent_type.certain and project.certain and view.is_described(agent_id)
    return Told(agent_type.name, certain, project.name, not view.is_warm_up(agent_id))
