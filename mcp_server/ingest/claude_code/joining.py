"""The memories of one session's transcripts, joined by ids: which call launched which agent. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mcp_server.ingest.claude_code import agent_calls, versions
from mcp_server.ingest.claude_code.descriptions import Description
from mcp_server.ingest.claude_code.endings import KILL_NOTICE, STOP_NOTICE, Life, Surroundings
from mcp_server.ingest.claude_code.identity import hashed
from mcp_server.ingest.claude_code.memory import Call, Memory
from mcp_server.ingest.claude_code.notifications import Notification

_WARM_UP: Final = hashed("Warmup")


@dataclass(slots=True)
class Agent:
    """One agent's transcript with what lies beside it."""

    memory: Memory
    description: Description | None = None
    run_id: str | None = None
    """Of the workflow it ran in."""
    run_duration_ms: int | None = None
    """As the workflow's own record tells."""


@dataclass(slots=True)
class Launch:
    """A call that started an agent, and whose call it was."""

    tool_use_id: str
    call: Call
    parent: str | None
    """Agent id; None for the main thread."""


@dataclass(frozen=True, slots=True)
class AgentType:
    """What type of agent ran."""

    name: str
    certain: bool
    """Whether it was told by what ran, and not only asked for or supposed."""


@dataclass(frozen=True, slots=True)
class Project:
    """Where a session worked."""

    name: str | None
    certain: bool
    """Whether the main thread tells: agents may work elsewhere."""


@dataclass(slots=True)
class _Above:
    """What tells how the agents above an agent ended."""

    calls: list[Call] = field(default_factory=list)
    notices: list[Notification] = field(default_factory=list)


class SessionView:
    """All that is known of one session at some moment."""

    def __init__(self, session_id: str, main: Memory | None, agents: Mapping[str, Agent]) -> None:
        self.session_id = session_id
        self.main = main
        self.agents = agents
        owners: list[tuple[str | None, Memory]] = [(None, main)] if main is not None else []
        owners += [(agent_id, agent.memory) for agent_id, agent in agents.items()]
        self._calls = {
            tool_use_id: Launch(tool_use_id, call, owner)
            for owner, memory in owners
            for tool_use_id, call in memory.calls.items()
        }
        self._notices: dict[str, Notification] = {}
        for _, memory in owners:
            for task_id, notice in memory.notifications.items():
                if task_id not in self._notices or self._notices[task_id].at_us <= notice.at_us:
                    self._notices[task_id] = notice
        self._resumptions = Counter(
            launch.call.agent_id for launch in self._calls.values() if launch.call.tool == agent_calls.SEND_MESSAGE
        )
        self._launches = self._joined()

    @property
    def last_us(self) -> int:
        """Time of the newest line of the whole session; 0 where there is none."""
        memories = [agent.memory for agent in self.agents.values()]
        return max((memory.last_us or 0 for memory in (self.main, *memories) if memory is not None), default=0)

    @property
    def client_version(self) -> str | None:
        """The newest version of the client that wrote the main transcript, else any."""
        memories = (self.main, *(agent.memory for agent in self.agents.values()))
        return next((memory.client_version for memory in memories if memory and memory.client_version), None)

    @property
    def project(self) -> Project:
        """Where the session worked."""
        if self.main is not None and self.main.project is not None:
            return Project(self.main.project, certain=True)
        told = (agent.memory.project for agent in self.agents.values() if agent.memory.project)
        return Project(next(told, None), certain=False)

    def launch(self, agent_id: str) -> Launch | None:
        """The call that started an agent, if it is known."""
        return self._launches.get(agent_id)

    def notice(self, agent_id: str) -> Notification | None:
        """The latest notice about an agent."""
        return self._notices.get(agent_id)

    def parent(self, agent_id: str) -> str | None:
        """The agent that launched an agent; None for the main thread."""
        agent = self.agents.get(agent_id)
        if agent is not None:
            if agent.description is not None and agent.description.parent_agent_id is not None:
                return agent.description.parent_agent_id
            if agent.run_id is not None:
                workflow = self._workflow(agent_id)
                return workflow.parent if workflow is not None else None
        launch = self.launch(agent_id)
        return launch.parent if launch is not None else None

    def agent_type(self, agent_id: str) -> AgentType:
        """The type that really ran, as far as anything tells it, and not only what was asked for."""
        agent, launch = self.agents.get(agent_id), self.launch(agent_id)
        ran = (
            agent.description.agent_type if agent and agent.description else None,
            launch.call.ran_type if launch else None,
            agent.memory.agent_type if agent else None,
        )
        for name in ran:
            if name is not None:
                return AgentType(name, certain=True)
        asked_for = launch.call.agent_type if launch else None
        # An old client never tells more than what was asked for.
        certain = agent is not None and not versions.describes_agents(agent.memory.client_version)
        return AgentType(asked_for or agent_calls.DEFAULT_TYPE, certain=asked_for is not None and certain)

    def is_described(self, agent_id: str) -> bool:
        """Whether all is known that the client tells of an agent beside its transcript; old ones tell nothing."""
        agent = self.agents.get(agent_id)
        return agent is not None and (
            agent.description is not None or not versions.describes_agents(agent.memory.client_version)
        )

    def around(self, agent_id: str, session: Life) -> Surroundings:
        """What others tell about an agent's run."""
        agent, launch, above = self.agents.get(agent_id), self.launch(agent_id), self._above(agent_id)
        last_us = (agent.memory.last_us if agent else None) or 0
        cut_off = [call for call in above.calls if call.denial == agent_calls.INTERRUPTED]
        killed = [notice for notice in above.notices if notice.status == KILL_NOTICE]
        times = [*(call.answered_us or 0 for call in cut_off), *(notice.at_us for notice in killed)]
        return Surroundings(
            call=launch.call if launch else None,
            notice=self.notice(agent_id),
            stopped_above=any(notice.status == STOP_NOTICE for notice in above.notices),
            killed_above=any(us >= last_us for us in times),
            session=session,
        )

    def _above(self, agent_id: str) -> _Above:
        """What is known of the agents above an agent, and of the workflow it ran in."""
        above = _Above()
        seen: set[str] = set()  # descriptions may name each other as parents
        below: str | None = agent_id
        while below is not None and below not in seen:
            seen.add(below)
            workflow = self._workflow(below)
            if workflow is not None:
                told = (notice for notice in self._notices.values() if notice.tool_use_id == workflow.tool_use_id)
                above.notices += told
            below = self.parent(below)
            if below is not None:
                launch, notice = self.launch(below), self.notice(below)
                above.calls += [launch.call] if launch is not None else []
                above.notices += [notice] if notice is not None else []
        return above

    def _workflow(self, agent_id: str) -> Launch | None:
        """The call that started the workflow an agent ran in."""
        agent = self.agents.get(agent_id)
        if agent is None or agent.run_id is None:
            return None
        return next((launch for launch in self._calls.values() if launch.call.run_id == agent.run_id), None)

    def is_warm_up(self, agent_id: str) -> bool:
        """Whether an old client started this agent by itself, to warm its cache."""
        agent = self.agents.get(agent_id)
        return (
            agent is not None
            and agent.memory.prompt_hash == _WARM_UP
            and agent.description is None
            and self.launch(agent_id) is None
        )

    def resumptions(self, agent_id: str) -> int:
        """How often an agent was continued after it had ended."""
        return self._resumptions[agent_id]

    def without_transcript(self) -> list[str]:
        """Agents that certainly ran, but whose own transcript is not there."""
        return [agent_id for agent_id in self._launches if agent_id not in self.agents]

    def evidence(self, agent_id: str) -> tuple[int, int]:
        """Time of the newest thing that tells of an agent's run, and how many things do.

        Whatever is learnt later raises one of the two, so that what was said with less never holds against it.
        """
        agent, launch, notice = self.agents.get(agent_id), self.launch(agent_id), self.notice(agent_id)
        above = self._above(agent_id)
        times = [
            agent.memory.last_us if agent else None,
            launch.call.at_us if launch else None,
            launch.call.answered_us if launch else None,
            notice.at_us if notice else None,
        ]
        count = self.resumptions(agent_id) + self.project.certain
        count += (agent.memory.lines + (agent.description is not None) + bool(agent.run_duration_ms)) if agent else 0
        count += (1 + (launch.call.answered_us is not None)) if launch else 0
        count += (notice.sightings if notice else 0) + sum(notice.sightings for notice in above.notices)
        count += sum(call.answered_us is not None for call in above.calls)
        return max(us or 0 for us in times), count

    def _joined(self) -> dict[str, Launch]:
        """Agent id -> launch, by ids first; by the exact prompt only where that leaves no choice. Never by order."""
        launches: dict[str, Launch] = {}
        for launch in self._calls.values():
            if launch.call.agent_id is not None and _launches(launch.call):
                launches.setdefault(launch.call.agent_id, launch)
        for agent_id, agent in self.agents.items():
            named = self._calls.get((agent.description.tool_use_id if agent.description else None) or "")
            if named is not None:
                launches[agent_id] = named
        for agent_id, notice in self._notices.items():
            told = self._calls.get(notice.tool_use_id or "")
            if agent_id in self.agents and told is not None and _launches(told.call):
                launches.setdefault(agent_id, told)
        self._join_by_prompt(launches)
        return launches

    def _join_by_prompt(self, launches: dict[str, Launch]) -> None:
        joined = {launch.tool_use_id for launch in launches.values()}
        for agent_id, agent in self.agents.items():
            prompt_hash = agent.memory.prompt_hash
            if agent_id in launches or prompt_hash is None:
                continue
            alike = [
                launch
                for launch in self._calls.values()
                if launch.call.prompt_hash == prompt_hash and launch.tool_use_id not in joined
            ]
            rivals = [other for other in self.agents.values() if other.memory.prompt_hash == prompt_hash]
            if len(alike) == 1 and len(rivals) == 1:
                launches[agent_id] = alike[0]


def _launches(call: Call) -> bool:
    if call.tool == agent_calls.SKILL:
        return call.status == agent_calls.FORKED
    return call.tool in agent_calls.DELEGATING or call.tool == agent_calls.COMMAND
