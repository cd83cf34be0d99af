"""Scenarios for every way in which a delegation can begin, and go on."""

from typing import Final

from tests.claude_code.live.script import (
    Expected,
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
    files=an_agent("checker", limit=""),
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
            Step(uses=(loading("SendMessage"),)),
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
