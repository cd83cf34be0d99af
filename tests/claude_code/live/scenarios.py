"""The scenarios: every way in which a delegation can begin and end."""

from signal import SIGINT, SIGKILL, SIGTERM
from typing import Final

from storage.vocabulary import Status
from tests.claude_code.live.script import (
    ENDLESS,
    TOOL_RUNS,
    Expected,
    Fault,
    Key,
    Launch,
    Scenario,
    Step,
    Use,
    answered,
    bash,
    delegate,
    delegating,
    working,
)

_ENTER: Final = "\r"
_ESCAPE: Final = "\x1b"


def _agent(name: str, *, limit: str) -> dict[str, str]:
    """The file of an agent of the project's own, that runs on the cheapest model."""
    told = f"name: {name}\ndescription: Checks things.\ntools: Bash, Read\nmodel: haiku\n{limit}"
    return {f".claude/agents/{name}.md": f"---\n{told}---\nCheck, and report.\n"}


def _loading(tool: str) -> Use:
    """Newer clients offer some tools only after they have been looked up."""
    return Use("ToolSearch", {"query": f"select:{tool}", "max_results": 5})


FOREGROUND: Final = Scenario(
    name="foreground",
    scripts={
        "main": delegating(delegate("survey")),
        "survey": (
            Step("Looking.", (bash(),)),
            Step(uses=(Use("Read", {"file_path": "{project}/src/app.py"}), bash("grep -rn TODO src"))),
            Step("One module, one thing to do."),
        ),
    },
    delegations=(Expected(script="survey", report="One module, one thing to do.", tools=("Bash", "Read", "Bash")),),
)
BACKGROUND: Final = Scenario(
    name="background",
    scripts={
        "main": delegating(delegate("long", background=True)),
        "long": working("Long job done.", after=answered("main", 1)),
    },
    delegations=(Expected(script="long", report="Long job done.", background=True),),
)
BACKGROUND_BY_DEFAULT: Final = Scenario(
    name="background_by_default",
    scripts={"main": delegating(delegate("job", background=None)), "job": working("Job done.")},
    delegations=(Expected(script="job", report="Job done.", background=True),),
    elsewhere={"2.1.100": (Expected(script="job", report="Job done."),)},
)
PARALLEL: Final = Scenario(
    name="parallel",
    scripts={
        "main": delegating(delegate("tree", "Explore"), delegate("count")),
        "tree": working("The tree.", after=answered("count", 0)),
        "count": working("The count.", after=answered("tree", 0)),
    },
    delegations=(
        Expected(script="tree", agent_type="Explore", report="The tree."),
        Expected(script="count", report="The count."),
    ),
)
TWINS: Final = Scenario(
    name="twins_in_the_background",
    scripts={
        "main": delegating(delegate("first", background=True), delegate("second", background=True)),
        "first": working("The first.", after=answered("second", 1)),
        "second": working("The second.", bash("grep -rc TODO src"), bash()),
    },
    delegations=(
        Expected(script="first", report="The first.", background=True),
        Expected(script="second", report="The second.", tools=("Bash", "Bash"), background=True),
    ),
)
NESTED: Final = Scenario(
    name="nested",
    scripts={
        "main": delegating(delegate("outer")),
        "outer": working("Outer report.", bash("pwd"), delegate("inner", "Explore")),
        "inner": working("Inner report."),
    },
    delegations=(
        Expected(script="outer", report="Outer report.", tools=("Bash", "Agent")),
        Expected(script="inner", agent_type="Explore", parent="outer", report="Inner report."),
    ),
    elsewhere={"2.1.100": None},  # agents have no tool to delegate with
)
CUSTOM_AGENT: Final = Scenario(
    name="custom_agent",
    files=_agent("checker", limit=""),
    scripts={
        "main": (
            Step(uses=(delegate("own", "checker"),)),
            Step(uses=(delegate("other", "checker", model="sonnet"),)),
            Step(uses=(delegate("general", model="haiku"),)),
            Step("Checked."),
        ),
        "own": working("Checked by its own model."),
        "other": working("Checked by another."),
        "general": working("Checked by the small one."),
    },
    delegations=(
        Expected(script="own", agent_type="checker", model="haiku", report="Checked by its own model."),
        Expected(script="other", agent_type="checker", model="sonnet", report="Checked by another."),
        Expected(script="general", model="haiku", report="Checked by the small one."),
    ),
)
TOOL_FAILURES: Final = Scenario(
    name="tool_failures",
    scripts={
        "main": delegating(delegate("fix")),
        "fix": (
            Step(uses=(bash("echo oops >&2; exit 3"),)),
            Step(uses=(Use("Read", {"file_path": "/nonexistent/file.txt"}),)),
            Step(uses=(Use("Edit", {"file_path": "{project}/src/app.py", "old_string": "none", "new_string": "x"}),)),
            Step("FAILED: I could not fix it."),
        ),
    },
    delegations=(
        Expected(script="fix", report="FAILED: I could not fix it.", tools=("Bash", "Read", "Edit"), tool_errors=3),
    ),
)
_DOOMED: Final = (Step(uses=(bash(),)), Step(fault=Fault(529, "overloaded_error")))
API_ERROR: Final = Scenario(
    name="api_error",
    environment={"CLAUDE_CODE_MAX_RETRIES": "1"},
    scripts={"main": delegating(delegate("doomed")), "doomed": _DOOMED},
    delegations=(Expected(script="doomed", status=Status.ERROR, error="api_error"),),
)
API_ERROR_IN_THE_BACKGROUND: Final = Scenario(
    name="api_error_in_the_background",
    environment={"CLAUDE_CODE_MAX_RETRIES": "1"},
    scripts={"main": delegating(delegate("doomed", background=True)), "doomed": _DOOMED},
    delegations=(Expected(script="doomed", status=Status.ERROR, error="api_error", background=True),),
)
API_ERROR_ONCE: Final = Scenario(
    name="api_error_once",
    scripts={
        "main": delegating(delegate("shaky")),
        "shaky": (Step(uses=(bash(),), fault=Fault(500, "api_error", times=1)), Step("Recovered.")),
    },
    delegations=(Expected(script="shaky", report="Recovered."),),
)
MAX_TURNS: Final = Scenario(
    name="max_turns",
    files=_agent("short", limit="maxTurns: 2\n"),
    scripts={"main": delegating(delegate("loop", "short")), "loop": (Step(uses=(bash(),), repeats=True),)},
    delegations=(
        Expected(
            script="loop",
            agent_type="short",
            model="haiku",
            status=Status.ERROR,
            error="max_turns",
            tools=("Bash", "Bash"),
        ),
    ),
)
_NEVER_DONE: Final = (Step(uses=(bash(ENDLESS),)), Step("Never said."))
TASK_STOP: Final = Scenario(
    name="task_stop",
    scripts={
        "main": (
            Step(uses=(delegate("endless", background=True),)),
            Step(uses=(_loading("TaskStop"),)),
            Step(uses=(Use("TaskStop", {"task_id": "{agent}"}),), after=TOOL_RUNS),
            Step("Stopped."),
            Step("So it is."),
        ),
        "endless": _NEVER_DONE,
    },
    delegations=(Expected(script="endless", status=Status.CANCELLED, error="stopped_by_parent", background=True),),
)
INTERRUPT: Final = Scenario(
    name="interrupt",
    launches=(Launch(signal=SIGINT),),
    scripts={"main": delegating(delegate("slow")), "slow": _NEVER_DONE},
    delegations=(Expected(script="slow", status=Status.CANCELLED, error="interrupted_by_user"),),
    # Up to 2.1.100 the client writes nothing at all when it gets SIGINT, as if killed.
    elsewhere={"2.1.100": (Expected(script="slow", status=Status.LOST, error="client_killed"),)},
)
ESCAPE: Final = Scenario(
    name="escape",
    environment={"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"},
    launches=(
        Launch(
            keys=(
                Key(_ESCAPE, after=TOOL_RUNS),
                Key("/exit", shown="Interrupted"),
                Key(_ENTER, shown="/exit"),
            )
        ),
    ),
    scripts={"main": delegating(delegate("slow", background=None)), "slow": _NEVER_DONE},
    delegations=(Expected(script="slow", status=Status.CANCELLED, error="interrupted_by_user"),),
)
_CUT_OFF: Final = Expected(script="slow", status=Status.LOST, error="session_ended", tool_errors=None, background=True)
EXIT_WHILE_RUNNING: Final = Scenario(
    name="exit_while_running",
    launches=(
        Launch(
            keys=(
                Key("/exit", after=TOOL_RUNS),
                Key(_ENTER, shown="/exit"),
                Key(_ENTER, shown="stop"),
            )
        ),
    ),
    scripts={"main": delegating(delegate("slow", background=True)), "slow": _NEVER_DONE},
    delegations=(_CUT_OFF,),
    # On /exit 2.1.100 stops the agent as if it was told to, and may leave without writing what the agent did.
    elsewhere={"2.1.100": None},
)
TERMINATED: Final = Scenario(
    name="terminated",
    launches=(Launch(signal=SIGTERM),),
    scripts={"main": delegating(delegate("slow", background=True)), "slow": _NEVER_DONE},
    delegations=(_CUT_OFF,),
)
KILLED_AND_RESUMED: Final = Scenario(
    name="killed_and_resumed",
    launches=(Launch(signal=SIGKILL), Launch(prompt="What happened? [[script:after]]", resumes=True)),
    scripts={"main": delegating(delegate("slow")), "slow": _NEVER_DONE, "after": (Step("Resumed."),)},
    delegations=(Expected(script="slow", status=Status.LOST, error="client_killed"),),
)
WORKTREE: Final = Scenario(
    name="worktree",
    scripts={
        "main": delegating(delegate("apart", isolation="worktree")),
        "apart": working("Changed it apart.", bash("pwd; echo change >> src/app.py; git status --short")),
    },
    delegations=(Expected(script="apart", report="Changed it apart."),),
)
FORK: Final = Scenario(
    name="fork",
    scripts={"main": delegating(delegate("twin", "fork")), "twin": working("Fork report.")},
    delegations=(Expected(script="twin", agent_type="fork", report="Fork report."),),
    elsewhere={"2.1.240": None, "2.1.100": None},  # offered only from later versions on
)
WORKFLOW: Final = Scenario(
    name="workflow",
    scripts={
        "main": (
            Step(
                uses=(
                    Use(
                        "Workflow",
                        {
                            "script": "export const meta = { name: 'demo', description: 'two agents', "
                            "phases: [{title:'P1'}] }\nphase('P1')\n"
                            "return await parallel([() => agent('First. [[script:one]]', {label:'one'}), "
                            "() => agent('Second. [[script:two]]', {label:'two', model:'haiku'})])"
                        },
                    ),
                )
            ),
            Step("Workflow started."),
            Step("Workflow done."),
        ),
        "one": working("First report."),
        "two": working("Second report."),
    },
    delegations=(
        Expected(script="one", agent_type="workflow-subagent", report="First report."),
        Expected(script="two", agent_type="workflow-subagent", model="haiku", report="Second report."),
    ),
    elsewhere={"2.1.100": None},  # has no workflows
)
FORKED_SKILL: Final = Scenario(
    name="forked_skill",
    files={
        ".claude/skills/survey/SKILL.md": "---\nname: survey\ndescription: Survey the project.\ncontext: fork\n"
        "agent: Explore\n---\nSurvey the project. [[script:survey]]\n"
    },
    scripts={"main": delegating(Use("Skill", {"skill": "survey"})), "survey": working("Surveyed.")},
    delegations=(Expected(script="survey", agent_type="Explore", report="Surveyed."),),
)
SEND_MESSAGE: Final = Scenario(
    name="send_message",
    scripts={
        "main": (
            Step(uses=(delegate("part"),)),
            Step(uses=(_loading("SendMessage"),)),
            Step(
                uses=(
                    Use("SendMessage", {"to": "{agent}", "summary": "go on", "message": "The rest. [[script:rest]]"}),
                )
            ),
            Step("Sent."),
            Step("Both parts are done."),
        ),
        "part": working("First part."),
        "rest": working("Second part.", bash("wc -l src/app.py")),
    },
    delegations=(Expected(script="part", continued_by=("rest",), report="Second part.", tools=("Bash", "Bash")),),
    elsewhere={"2.1.100": None},  # cannot go on with an agent
)

SCENARIOS: Final = (
    FOREGROUND, BACKGROUND, BACKGROUND_BY_DEFAULT, PARALLEL, TWINS, NESTED, CUSTOM_AGENT, TOOL_FAILURES, API_ERROR,
    API_ERROR_IN_THE_BACKGROUND, API_ERROR_ONCE, MAX_TURNS, TASK_STOP, INTERRUPT, ESCAPE, EXIT_WHILE_RUNNING,
    TERMINATED, KILLED_AND_RESUMED, WORKTREE, FORK, WORKFLOW, FORKED_SKILL, SEND_MESSAGE,
)  # fmt: skip
