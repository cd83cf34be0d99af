"""Scenarios that hold evidence of how well delegations did; what it says is in `judged/NAME/rewards.json`."""

from typing import Any, Final

from tests.claude_code.live.script import Launch, Scenario, Step, Use, bash, delegate, working

RECORD_REWARD: Final = "mcp__plugin_delegation-telemetry_delegation__record_reward"
_GIT: Final = "git -c user.name=t -c user.email=t@example.com"
_CHECK: Final = "python3 -m unittest discover -s tests"
_APP: Final = "src/app.py"
_TEST: Final = """\
import sys
import unittest

sys.path.insert(0, "src")
sys.dont_write_bytecode = True

from app import add


class Adding(unittest.TestCase):
    def test_two_numbers(self):
        self.assertEqual(add(1, 2), 3)


if __name__ == "__main__":
    unittest.main()
"""
_FILES: Final = {"tests/test_app.py": _TEST, "src/extra.py": "LIMIT = 10\n"}
_SUM: Final = "    return a + b"


def _judge(script: str, task: str, **more: Any) -> Use:
    """A delegation with a task of its own words."""
    return delegate(script, prompt=f"{task} [[script:{script}]]", **more)


def _edit(path: str, old: str, new: str) -> Use:
    return Use("Edit", {"file_path": f"{{project}}/{path}", "old_string": old, "new_string": new})


def _editing(report: str, path: str, old: str, new: str, *further: Step) -> tuple[Step, ...]:
    """An agent that reads a file, changes it, and reports."""
    read = Use("Read", {"file_path": f"{{project}}/{path}"})
    return Step(uses=(read,)), Step(uses=(_edit(path, old, new),)), *further, Step(report)


def _turns(*uses: Use) -> tuple[Step, ...]:
    """A main thread that does one thing after the other."""
    return *(Step(uses=(use,)) for use in uses), Step("That was all."), Step("So it is.")


def _loading(tool: str) -> Use:
    return Use("ToolSearch", {"query": f"select:{tool}", "max_results": 5})


def _judged(name: str, scripts: dict[str, tuple[Step, ...]], **more: Any) -> Scenario:
    return Scenario(name=name, scripts=scripts, delegations=(), **({"files": _FILES} | more))


_BETTER: Final = _editing("Documented it.", _APP, _SUM, '    """The sum."""\n    return a + b')
_WORSE: Final = _editing("Simplified it.", _APP, _SUM, "    return a - b")
_MENDED: Final = _editing("Mended the sum.", _APP, "    return a - b", _SUM)
_RAISED: Final = _editing("Raised the limit.", "src/extra.py", "LIMIT = 10", "LIMIT = 20")

GREEN_AFTER_EDIT: Final = _judged(
    "green_after_edit",
    {"main": _turns(_judge("document", "Document the function that adds."), bash(_CHECK)), "document": _BETTER},
)
RED_AFTER_EDIT: Final = _judged(
    "red_after_edit",
    {"main": _turns(_judge("simplify", "Simplify the function that adds."), bash(_CHECK)), "simplify": _WORSE},
)
TWO_BEFORE_RED: Final = _judged(
    "two_before_red",
    {
        "main": _turns(
            _judge("simplify", "Simplify the function that adds."),
            _judge("raise", "Raise the limit of open files in the settings module."),
            bash(_CHECK),
        ),
        "simplify": _WORSE,
        "raise": _RAISED,
    },
)
MENDED_BY_ANOTHER: Final = _judged(
    "mended_by_another",
    {
        "main": _turns(
            _judge("simplify", "Simplify the function that adds."),
            bash(_CHECK),
            _judge("mend", "The unit tests fail since the last change: find out why, and mend it."),
            bash(_CHECK),
        ),
        "simplify": _WORSE,
        "mend": _MENDED,
    },
)
SAME_TASK_AGAIN: Final = _judged(
    "same_task_again",
    {
        "main": _turns(
            _judge("find", "Find every place where the access token is refreshed, and list file, line and caller."),
            _judge("again", "Find every place where the access token is refreshed, and list file, line and caller."),
        ),
        "find": working("There is a place."),
        "again": working("In src/app.py, line 1, called by nobody.", bash("grep -rn token src")),
    },
)
ANOTHER_TASK_IN_LIKE_WORDS: Final = _judged(
    "another_task_in_like_words",
    {
        "main": _turns(
            _judge("first", "Review src/app.py for mistakes and list them."),
            _judge("second", "Review src/extra.py for mistakes and list them."),
        ),
        "first": working("It is fine.", bash("cat src/app.py")),
        "second": working("It is fine as well.", bash("cat src/extra.py")),
    },
)
COMMITTED: Final = _judged(
    "committed",
    {
        "main": _turns(
            _judge("raise", "Raise the limit of open files."), bash(f"git add -A && {_GIT} commit -q -m 'Raise it'")
        ),
        "raise": _RAISED,
    },
)
COMMITTED_AND_REVERTED: Final = _judged(
    "committed_and_reverted",
    {
        "main": _turns(
            _judge("raise", "Raise the limit of open files."),
            bash(f"git add -A && {_GIT} commit -m 'Raise it'"),
            bash(f"{_GIT} revert --no-edit HEAD"),
        ),
        "raise": _RAISED,
    },
)
VERDICT_OF_PARENT: Final = _judged(
    "verdict_of_parent",
    {
        "main": _turns(
            _judge("count", "Count the functions."),
            bash("grep -c def src/app.py"),
            _loading(RECORD_REWARD),
            Use(
                RECORD_REWARD,
                {"target_id": "{agent}", "value": 1, "source": "verifier", "reason": "counted them myself"},
            ),
        ),
        "count": working("One function.", bash("grep -c def src/app.py")),
    },
)
VERDICT_OF_USER: Final = _judged(
    "verdict_of_user",
    {
        "main": _turns(_judge("list", "List the modules.")),
        "list": working("There are three modules."),
        "verdict": (
            Step(uses=(_loading(RECORD_REWARD),)),
            Step(
                uses=(
                    Use(
                        RECORD_REWARD,
                        {"target_id": "{agent}", "value": 0, "source": "human", "reason": "there are two"},
                    ),
                )
            ),
            Step("Recorded."),
        ),
    },
    launches=(
        Launch(),
        Launch(
            prompt="/delegation-telemetry:delegation-verdict 0 there are two [[script:verdict]]",
            resumes=True,
        ),
    ),
)
UNANSWERED_QUESTION: Final = _judged(
    "unanswered_question",
    {
        "main": _turns(_judge("choose", "Choose where the settings are kept.")),
        "choose": working("Should they be kept in a file or in the environment?"),
    },
)
REFUSED: Final = _judged(
    "refused",
    {
        "main": _turns(_judge("delete", "Delete the history of the repository.")),
        "delete": (Step("I will not do that: it cannot be undone."),),
    },
)
TESTED_BY_ITSELF: Final = _judged(
    "tested_by_itself",
    {
        "main": _turns(_judge("document", "Document the function that adds, and test it.")),
        "document": _editing(
            "Documented and tested.",
            _APP,
            _SUM,
            '    """The sum."""\n    return a + b',
            Step(uses=(bash(f"cd {{project}} && {_CHECK}"),)),
        ),
    },
)
CHECKED_AFTER_OWN_EDIT: Final = _judged(
    "checked_after_own_edit",
    {
        "main": _turns(
            _judge("raise", "Raise the limit of open files."),
            Use("Read", {"file_path": "{project}/src/app.py"}),
            _edit(_APP, _SUM, "    return a - b"),
            bash(_CHECK),
        ),
        "raise": _RAISED,
    },
)
STATUS_LOST_IN_A_PIPE: Final = _judged(
    "status_lost_in_a_pipe",
    {
        "main": _turns(_judge("simplify", "Simplify the function that adds."), bash(f"{_CHECK} 2>&1 | tail -n 3")),
        "simplify": _WORSE,
    },
)
SAID_TO_HAVE_FAILED: Final = _judged(
    "said_to_have_failed",
    {
        "main": _turns(_judge("fix", "Fix the sum.")),
        "fix": working("FAILED: fatal error, I could not fix it."),
    },
)
OUT_OF_TURNS: Final = _judged(
    "out_of_turns",
    {"main": _turns(_judge("loop", "Look around.", agent_type="short")), "loop": (Step(uses=(bash(),), repeats=True),)},
    files=_FILES
    | {
        ".claude/agents/short.md": "---\nname: short\ndescription: Looks.\ntools: Bash\nmodel: haiku\nmaxTurns: 2\n"
        "---\nLook, and report.\n"
    },
)

JUDGEMENTS: Final = (
    GREEN_AFTER_EDIT, RED_AFTER_EDIT, TWO_BEFORE_RED, MENDED_BY_ANOTHER, SAME_TASK_AGAIN, ANOTHER_TASK_IN_LIKE_WORDS,
    COMMITTED, COMMITTED_AND_REVERTED, VERDICT_OF_PARENT, VERDICT_OF_USER, UNANSWERED_QUESTION, REFUSED,
    TESTED_BY_ITSELF, CHECKED_AFTER_OWN_EDIT, STATUS_LOST_IN_A_PIPE, SAID_TO_HAVE_FAILED, OUT_OF_TURNS,
)  # fmt: skip
