"""Scenarios for every way in which a delegation can end."""

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
    an_agent,
    answered,
    bash,
    delegate,
    delegating,
    loading,
    working,
)

_ENTER: Final = "\r"
_ESCAPE: Final = "\x1b"
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
    files=an_agent("short", limit="maxTurns: 2\n"),
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
            Step(uses=(loading("TaskStop"),)),
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
    delegations=(
        # On a busy machine the client may end before it has written down that it was interrupted.
        Expected(
            script="slow",
            status=Status.CANCELLED,
            error="interrupted_by_user",
            or_else=(Status.LOST, "client_killed"),
        ),
    ),
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
INTERACTIVE: Final = Scenario(
    name="interactive",
    launches=(Launch(keys=(Key("/exit", after=answered("main", 2)), Key(_ENTER, shown="/exit"))),),
    # Without a word about it the client of a terminal decides as it does in the background.
    scripts={
        "main": delegating(delegate("job", background=None)),
        "job": working("Job done.", after=answered("main", 1)),
    },
    delegations=(Expected(script="job", report="Job done.", background=True),),
    elsewhere={"2.1.100": None},  # the foreground is its default
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
KILLED_IN_THE_BACKGROUND: Final = Scenario(
    name="killed_in_the_background",
    launches=(Launch(signal=SIGKILL), Launch(prompt="What happened? [[script:after]]", resumes=True)),
    scripts={
        "main": delegating(delegate("slow", background=True)),
        "slow": _NEVER_DONE,
        "after": (Step("Resumed."), Step("All is done."), Step("So it is.")),
    },
    delegations=(
        Expected(script="slow", status=Status.LOST, error="client_killed", tool_errors=None, background=True),
    ),
    # 2.1.100 leaves no trace of the kill when it resumes.
    elsewhere={"2.1.100": (_CUT_OFF,)},
)
