"""What became of a delegation's work: committed, taken back, rewritten, asked for again, used; or cut off."""

import json

import pytest

from storage.vocabulary import RewardSource, Status
from tests.analysis.course import MAIN, Course

COMMITTED = {("one", 1.0, "committed")}
REVERTED = {("one", 0.0, "reverted")}
LONG = "Find every place where the access token is refreshed, and list file, line and caller"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["git add -A && git commit -m x"], COMMITTED),
        (["git add src/app.py", "git commit -m x"], COMMITTED),
        (["git add src", "git -C . commit -m x"], COMMITTED),
        (["git commit -am x"], COMMITTED),
        (["git add docs/other.md && git commit -m x"], set()),
        (["git commit -am x", "git revert --no-edit HEAD"], REVERTED),
        (["git commit -am x", "git reset --hard HEAD~1"], REVERTED),
        (["git commit -am x", "git commit -am y", "git revert --no-edit HEAD~1"], REVERTED),
        (["git commit -am x", "git commit -am y", "git revert --no-edit HEAD"], COMMITTED),
        (["git checkout -- src/app.py"], REVERTED),
        (["git restore ."], REVERTED),
        (["git restore docs"], set()),
        (["git commit -am x", "git checkout -- ."], COMMITTED),
        (["git stash"], set()),
        (["git status"], set()),
    ],
)
def test_what_git_says(commands: list[str], expected: set[tuple[str, float, str]]) -> None:
    course = Course().edited_by("one")
    for command in commands:
        course.shell(MAIN, command)
    assert course.concluded() == expected


def test_a_commit_is_found_by_its_revision() -> None:
    course = Course().edited_by("one").shell(MAIN, "git commit -am x", output="[main 7be97ca] x\n 1 file changed")
    assert course.shell(MAIN, "git revert --no-edit 7be97ca").concluded() == REVERTED


def test_a_commit_by_the_agent_itself_is_no_sign_that_anybody_wanted_it() -> None:
    course = Course().begin("one").edit("one").shell("one", "git commit -am x").end("one")
    assert course.concluded() == set()
    assert course.shell(MAIN, "git revert --no-edit HEAD").concluded() == REVERTED


def test_a_commit_that_failed_is_none() -> None:
    assert Course().edited_by("one").shell(MAIN, "git commit -am x", 1).concluded() == set()


def test_what_the_next_delegation_replaces_was_not_good() -> None:
    course = Course().begin("one").edit("one", new="first line\nsecond line").end("one").begin("two")
    course.edit("two", old="first line\nsecond line", new="another line").end("two")
    assert course.concluded() == {("one", 0.0, "rewritten")}


def test_what_the_next_delegation_adds_to_stays() -> None:
    course = Course().begin("one").edit("one", new="first line\nsecond line").end("one").begin("two")
    course.edit("two", old="second line", new="second line\nthird line").end("two")
    assert course.concluded() == set()


def test_the_parent_that_puts_the_old_lines_back_reverts() -> None:
    course = Course().begin("one").edit("one", old="was here", new="is here").end("one")
    assert course.edit(MAIN, old="is here", new="was here").concluded() == REVERTED


@pytest.mark.parametrize(
    ("first", "again", "is_same"),
    [
        (LONG, LONG, True),
        (LONG, f"{LONG}, and this time look into tests as well", True),
        ("Go on.", "Go on.", True),
        ("Fix it.", "Fix that.", False),
        (LONG, "Write the release notes for the next version of the program, in three paragraphs", False),
        (f"{LONG} in src/one.py", f"{LONG} in src/two.py", False),
        ("Add tests for the parser now", "Add tests for the lexer now", False),
    ],
)
def test_the_same_task_delegated_again(first: str, again: str, is_same: bool) -> None:  # noqa: FBT001
    course = Course().begin("one", first).end("one").begin("two", again).end("two")
    assert course.concluded() == ({("one", 0.0, "delegated_again")} if is_same else set())


def test_the_same_task_at_the_same_time_is_a_choice() -> None:
    assert Course().begin("one", LONG).begin("two", LONG).end("one").end("two").concluded() == set()


@pytest.mark.parametrize(
    ("status", "error"), [(Status.CANCELLED, "interrupted_by_user"), (Status.ERROR, "api_error: overloaded")]
)
def test_what_never_came_to_an_answer_is_asked_again_without_blame(status: Status, error: str) -> None:
    course = Course().begin("one", LONG).end("one", None, status, error=error).begin("two", LONG).end("two")
    assert course.concluded() == set()


def test_the_same_task_much_later_is_another_occasion() -> None:
    course = Course().begin("one", LONG).end("one")
    course.now += 3601
    assert course.begin("two", LONG).end("two").concluded() == set()


@pytest.mark.parametrize(("state", "expected"), [("completed", {("one", 1.0, "used")}), ("in_progress", set())])
def test_output_that_the_answer_of_a_closed_session_reuses(state: str, expected: set[tuple[str, float, str]]) -> None:
    course = Course().begin("one").end("one", "The token is refreshed in session.py, line 40, by the login handler.")
    course.use(MAIN, "TodoWrite", todos=[{"content": "find it", "status": state}])
    course.end(MAIN, "It is refreshed in session.py, line 40, by the login handler.")
    assert course.concluded() == expected
    tasks = Course().begin("one").end("one", "The token is refreshed in session.py, line 40, by the login handler.")
    tasks.use(MAIN, "TaskCreate", subject="find it").use(MAIN, "TaskUpdate", taskId="1", status=state)
    assert tasks.end(MAIN, "Refreshed in session.py, line 40, by the login handler.").concluded() == expected


def test_output_that_nobody_reuses() -> None:
    course = Course().begin("one").end("one", "Nothing of it is ever said again by anybody at all.")
    course.use(MAIN, "TodoWrite", todos=[{"content": "x", "status": "completed"}])
    assert course.end(MAIN, "The answer is forty-two, as it has always been.").concluded() == set()


@pytest.mark.parametrize(
    ("status", "error", "output", "expected"),
    [
        (Status.ERROR, "max_turns", None, {("one", 0.0, "turn_limit")}),
        (Status.ERROR, "timeout: 600 s", None, {("one", 0.0, "timeout")}),
        (Status.ERROR, "crashed", None, {("one", 0.0, "error")}),
        (Status.OK, None, " ", {("one", 0.0, "empty_output")}),
        (Status.ERROR, "api_error: 529", None, set()),
        (Status.ERROR, "failed", None, set()),
        (Status.CANCELLED, "interrupted_by_user", None, set()),
        (Status.LOST, "client_killed", None, set()),
        (Status.OK, None, "I cannot do that.", set()),
        (Status.OK, None, "Which one?", set()),
    ],
)
def test_what_an_end_says(
    status: Status, error: str | None, output: str | None, expected: set[tuple[str, float, str]]
) -> None:
    assert Course().begin("one").end("one", output, status, error=error).concluded() == expected


def test_where_no_texts_are_kept_an_empty_output_says_nothing() -> None:
    assert Course().begin("one", task=None).end("one", None, task=None).concluded() == set()


@pytest.mark.parametrize(("output", "value"), [("It failed.", 0.5), ("fatal error", 0.0)])
def test_words_are_a_hint_and_nothing_more(output: str, value: float) -> None:
    (reward,) = Course().begin("one").end("one", output).rewards()
    assert (reward.value, reward.source) == (value, RewardSource.KEYWORD)


def test_a_verdict_given_in_the_session_is_learned_from_its_transcript() -> None:
    answer = json.dumps({"reward_id": "r-1", "span_id": "one", "session_id": "session-1"})
    asked = {"target_id": "a1", "value": 0.5, "source": "human", "reason": "half of it"}
    course = Course().begin("one").end("one").use(MAIN, "mcp__delegation__record_reward", answer, **asked)
    (reward,) = course.rewards()
    told = (reward.reward_id, reward.span_id, reward.value, reward.source, reward.reason)
    assert told == ("r-1", "one", 0.5, RewardSource.HUMAN, "half of it")


@pytest.mark.parametrize(
    ("tool", "told", "asked"),
    [
        ("mcp__other__record_reward", {"reward_id": "r", "span_id": "one"}, {"value": 1, "source": "human"}),
        ("mcp__delegation__record_reward", {"reward_id": "r", "span_id": "else"}, {"value": 1, "source": "human"}),
        ("mcp__delegation__record_reward", {"span_id": "one"}, {"value": 1, "source": "human"}),
        ("mcp__delegation__record_reward", {"reward_id": "r", "span_id": "one"}, {"value": 2, "source": "human"}),
        ("mcp__delegation__record_reward", {"reward_id": "r", "span_id": "one"}, {"value": 1, "source": "god"}),
        ("mcp__delegation__record_reward", ["r"], {"value": 1, "source": "human"}),
    ],
)
def test_what_is_no_verdict_of_this_session_is_left_alone(tool: str, told: object, asked: dict[str, object]) -> None:
    assert Course().begin("one").end("one").use(MAIN, tool, json.dumps(told), **asked).concluded() == set()
