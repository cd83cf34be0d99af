"""What a check's exit status says, of whom, and where it says nothing."""

import pytest

from mcp_server.analysis.evidence.rules import beginning
from storage.vocabulary import RewardSource, Status
from tests.analysis.course import MAIN, SESSION, Course
from tests.factories import at

GREEN = {("one", 1.0, "checked_after"), (MAIN, 1.0, "checked")}
RED = {("one", 0.0, "checked_after"), (MAIN, 0.0, "checked")}
SESSION_ONLY = {(MAIN, 0.0, "checked")}


@pytest.mark.parametrize("command", ["pytest -q", "cd app && npm test", "uv run mypy .", "make", "bash .ci/run"])
@pytest.mark.parametrize(("status", "expected"), [(0, GREEN), (1, RED)])
def test_a_check_of_the_parent_judges_the_one_delegation_that_edited(
    command: str, status: int, expected: set[tuple[str, float, str]]
) -> None:
    assert Course().edited_by("one").shell(MAIN, command, status).concluded() == expected


@pytest.mark.parametrize(
    ("command", "status"),
    [
        pytest.param("pytest | tail -3", 0, id="the status is that of tail"),
        pytest.param("pytest || true", 0, id="the status is hidden"),
        pytest.param("pytest; echo done", 0, id="the status is that of echo"),
        pytest.param("npm install && npm test", 1, id="it may have been the installation"),
        pytest.param("pytest", 127, id="there was no such program"),
        pytest.param("pytest", 137, id="it was killed"),
        pytest.param("pytest", 5, id="nothing was tested"),
        pytest.param("pytest --collect-only", 0, id="nothing was run"),
        pytest.param("pytest 'tests", 1, id="it is not understood"),
        pytest.param("ls", 1, id="it checks nothing"),
    ],
)
def test_a_status_that_is_not_the_checks_own_says_nothing(command: str, status: int) -> None:
    assert Course().edited_by("one").shell(MAIN, command, status).concluded() == set()


def test_where_several_may_have_broken_it_only_the_session_is_judged() -> None:
    course = Course().edited_by("one").edited_by("two", "src/other.py").shell(MAIN, "pytest", 1)
    assert course.concluded() == SESSION_ONLY


def test_what_passed_between_them_tells_which_one_broke_it() -> None:
    course = Course().edited_by("one").shell(MAIN, "pytest").edited_by("two", "src/other.py").shell(MAIN, "pytest", 1)
    assert course.concluded() == {*GREEN, ("two", 0.0, "checked_after"), *SESSION_ONLY}


@pytest.mark.parametrize("earlier", ["ruff check", "pytest tests/some"])
def test_what_looked_at_less_clears_nobody(earlier: str) -> None:
    course = Course().edited_by("one").shell(MAIN, earlier).edited_by("two", "src/other.py").shell(MAIN, "pytest", 1)
    assert "two" not in {target for target, _, _ in course.concluded()}


def test_after_an_edit_by_anybody_else_a_check_says_nothing_of_a_delegation() -> None:
    assert Course().edited_by("one").edit(MAIN).shell(MAIN, "pytest").concluded() == {(MAIN, 1.0, "checked")}


def test_an_edit_of_the_parent_before_may_be_what_broke_it() -> None:
    assert Course().edit(MAIN).edited_by("one").shell(MAIN, "pytest", 1).concluded() == SESSION_ONLY


def test_who_edited_nothing_is_not_judged() -> None:
    course = Course().begin("one").shell("one", "grep -r x src").end("one").edit(MAIN).shell(MAIN, "pytest")
    assert course.concluded() == {(MAIN, 1.0, "checked")}


def test_an_edit_by_a_shell_is_an_edit() -> None:
    course = Course().begin("one").shell("one", "sed -i s/a/b/ src/app.py").end("one").shell(MAIN, "pytest", 1)
    assert course.concluded() == RED


def test_who_still_runs_may_have_broken_it() -> None:
    course = Course().begin("two").edited_by("one").edit("two", "src/other.py").shell(MAIN, "pytest", 1)
    assert course.concluded() == SESSION_ONLY


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.LOST])
def test_of_a_run_that_was_cut_off_nothing_is_said(status: Status) -> None:
    course = Course().begin("one").edit("one").end("one", None, status).shell(MAIN, "pytest")
    assert course.concluded() == {(MAIN, 1.0, "checked")}


def test_work_in_a_copy_of_its_own_is_not_what_is_checked() -> None:
    course = Course().begin("one", attributes={"worktree": "/home/user/w"}).edit("one").end("one")
    assert course.shell(MAIN, "pytest", 1).concluded() == set()


def test_a_linter_that_passes_does_not_make_up_for_tests_that_fail() -> None:
    course = Course().edited_by("one").shell(MAIN, "pytest", 1).shell(MAIN, "ruff check")
    assert course.concluded() == RED


def test_the_same_check_that_passes_later_does() -> None:
    course = Course().edited_by("one").shell(MAIN, "pytest", 1).shell(MAIN, "pytest")
    assert course.concluded() == RED | GREEN


def test_checks_of_an_agents_own_count_where_it_edited_before_and_not_after() -> None:
    tested = Course().begin("one").edit("one").shell("one", "pytest", 1).edit("one").shell("one", "pytest").end("one")
    assert tested.concluded() == {("one", 1.0, "checked_itself")}
    untested = Course().begin("one").edit("one").shell("one", "pytest").edit("one").end("one")
    assert untested.concluded() == set()
    asked_to_test = Course().begin("one").shell("one", "pytest", 1).end("one")
    assert asked_to_test.concluded() == set()


def test_a_failure_within_an_agent_that_another_may_have_caused_is_the_sessions() -> None:
    course = Course().edited_by("one").begin("two").edit("two", "src/b.py").shell("two", "pytest", 1).end("two")
    assert course.concluded() == SESSION_ONLY


def test_a_check_by_the_parent_judges_what_the_parents_own_delegations_did() -> None:
    course = Course().begin("outer").begin("inner", parent="outer").edit("inner").end("inner")
    course.shell("outer", "pytest", 1).end("outer")
    assert course.concluded() == {("inner", 0.0, "checked_after"), ("outer", 0.0, "checked_itself")}


def test_a_reward_tells_its_evidence_and_its_time_and_has_a_stable_id() -> None:
    course = Course().edited_by("one").shell(MAIN, "pytest -q", 1)
    (reward,) = [one for one in course.rewards() if one.span_id == "one"]
    assert (reward.source, reward.reason) == (RewardSource.TEST, "checked_after: tests failed: pytest -q")
    assert reward.given_at == at(course.now + 0.5)
    assert reward.reward_id.startswith(beginning(SESSION))
    assert course.shell(MAIN, "ls").rewards() == Course().edited_by("one").shell(MAIN, "pytest -q", 1).rewards()
