"""What a scenario is made of: the model's turns, the client's starts, and the delegations that must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import Signals
from typing import Any, Final

from storage.vocabulary import Status

TOOL_RUNS: Final = "a tool runs"
"""Happens when the command `ENDLESS` has begun."""
ENDLESS: Final = "echo up > {stage}/started; cat {stage}/never"
"""A command that runs until it is stopped."""
AGENT: Final = "$AGENT"
"""The tool that delegates, by whatever name the client offers it."""


def answered(script: str, step: int) -> str:
    """Happens when the model has given this answer."""
    return f"{script}:{step} answered"


@dataclass(frozen=True, slots=True)
class Use:
    """A use of a tool. In texts `{project}` and `{stage}` stand for folders, `{agent}` for the first agent's id."""

    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer with an HTTP error."""

    status: int
    kind: str
    times: int | None = None
    """How often, before the answer comes after all; for ever where None."""


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of the model."""

    text: str | None = None
    uses: tuple[Use, ...] = ()
    fault: Fault | None = None
    after: str | None = None
    """What must have happened before the answer is given."""
    repeats: bool = False
    """Whether every later answer is the same."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is typed at a terminal, once something has happened or stands on the screen."""

    send: str
    after: str | None = None
    shown: str | None = None
    """A regular expression over the screen without its colours and spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One start of the client."""

    prompt: str = "Do it. [[script:main]]"
    arguments: tuple[str, ...] = ()
    resumes: bool = False
    """Whether it goes on with the session of the start before."""
    signal: Signals | None = None
    """Sent to the client as soon as `TOOL_RUNS`."""
    keys: tuple[Key, ...] | None = None
    """Makes it an interactive session on a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A delegation as it must be recorded. Model and tokens are compared with what the model's endpoint says."""

    script: str
    """The script that its prompt names."""
    continued_by: tuple[str, ...] = ()
    """The scripts that later prompts to the same agent name."""
    parent: str | None = None
    """The script of the agent that launched it; None for the main thread."""
    agent_type: str = "general-purpose"
    model: str = ""
    """A part of the model's id that must be there."""
    status: Status = Status.OK
    error: str | None = None
    """The kind of error."""
    or_else: tuple[Status, str] | None = None
    """Another status and kind of error, where it is a matter of luck what the client still writes down."""
    report: str | None = None
    tools: tuple[str, ...] = ("Bash",)
    tool_errors: int | None = 0
    """None where it is a matter of luck whether the client has still written down that it stopped a tool."""
    background: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A play: who says what, and what must come of it."""

    name: str
    scripts: Mapping[str, tuple[Step, ...]]
    """A conversation follows the script that the last `[[script:NAME]]` in its user's words names."""
    delegations: tuple[Expected, ...]
    launches: tuple[Launch, ...] = (Launch(),)
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files of the project, by their path in it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    phrases: tuple[str, ...] = ()
    """What is looked for in every request."""
    elsewhere: Mapping[str, tuple[Expected, ...] | None] = field(default_factory=dict)
    """What older versions make of it; None for a version that cannot play it."""

    def expected(self, version: str) -> tuple[Expected, ...] | None:
        """The delegations that a version of the client makes of it; None where it cannot play it."""
        return self.elsewhere.get(version, self.delegations)


def bash(command: str = "ls src") -> Use:
    """A use of the shell."""
    return Use("Bash", {"command": command, "description": "Run a command"})


def delegate(script: str, agent_type: str = "general-purpose", *, background: bool | None = False, **more: Any) -> Use:
    """A delegation to an agent that follows a script. Without `background` the client decides."""
    told = {"description": f"Job {script}", "prompt": f"Do the job. [[script:{script}]]", "subagent_type": agent_type}
    return Use(AGENT, told | ({} if background is None else {"run_in_background": background}) | more)


def delegating(*uses: Use) -> tuple[Step, ...]:
    """A main thread that delegates at once, and says so when it is told of the end."""
    return Step(uses=uses), Step("Delegated."), Step("All is done."), Step("So it is.")


def working(report: str, *uses: Use, after: str | None = None) -> tuple[Step, ...]:
    """An agent that uses tools, all at once, and reports."""
    return Step(uses=uses or (bash(),)), Step(report, after=after)


def loading(tool: str) -> Use:
    """Newer clients offer some tools only after they have been looked up."""
    return Use("ToolSearch", {"query": f"select:{tool}", "max_results": 5})


def an_agent(name: str, *, limit: str) -> dict[str, str]:
    """The file of an agent of the project's own, that runs on the cheapest model."""
    told = f"name: {name}\ndescription: Checks things.\ntools: Bash, Read\nmodel: haiku\n{limit}"
    return {f".claude/agents/{name}.md": f"---\n{told}---\nCheck, and report.\n"}
