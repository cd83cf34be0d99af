"""From the text of a task to its type and complexity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.tasks import (
    DEFAULT_CLASSIFIERS,
    Guess,
    OpeningClassifier,
    Origin,
    Rule,
    WordClassifier,
    classified,
)
from storage.fields import TASK_TYPE_LIMIT, plain_type
from storage.vocabulary import Level


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[search/low] where is the parser", Guess("search", Level.LOW), id="both"),
        pytest.param(
            "  [ Data Migration / HIGH ] move it", Guess("data migration", Level.HIGH), id="any type, any case"
        ),
        pytest.param("[review] the diff", Guess("review"), id="a known type alone"),
        pytest.param("[WIP] the diff", Guess(), id="any word in brackets"),
        pytest.param("[search/huge] it", Guess(), id="no level of ours"),
        pytest.param("look at [search/low]", Guess(), id="not at the beginning"),
        pytest.param(f"[{'x' * 60}/low] it", Guess(), id="too long for a type"),
    ],
)
def test_the_opening_of_a_description_says_type_and_complexity(text: str, expected: Guess) -> None:
    assert OpeningClassifier()(text) == expected


@pytest.mark.parametrize(
    ("text", "task_type"),
    [
        ("Search for usages of `open_store`", "search"),
        ("Find where the retries are configured", "search"),
        ("Write unit tests for the parser", "test"),
        ("Find the root cause of the flaky login", "debug"),
        ("Fix the typo", "debug"),
        ("Fix the failing unit tests", "debug"),
        ("The unit tests fail since the last change: find out why", "debug"),
        ("Add integration tests for the API", "test"),
        ("Survey the project", "search"),
        ("Extract what both readers share", "refactor"),
        ("Please review the changes on this branch", "review"),
        ("Rename `Foo` to `Bar` everywhere", "refactor"),
        ("Update the README", "docs"),
        ("Review the README", "review"),
        ("Compare three message queues", "research"),
        ("Plan the move to Postgres", "plan"),
        ("Deploy the service to staging", "ops"),
        ("Add a flag --json", "implement"),
        ("What about lunch?", None),
    ],
)
def test_words_tell_the_type_where_nobody_does(text: str, task_type: str | None) -> None:
    assert WordClassifier()(text).task_type == task_type


@pytest.mark.parametrize(
    "text", ["Find the parser", "Implement it from scratch", "Do this:\n1. a\n2. b\n3. c\n4. d\n5. e", "word " * 400]
)
def test_complexity_is_never_guessed_from_words(text: str) -> None:
    assert WordClassifier()(text).complexity is None


def test_the_caller_beats_the_opening_and_the_opening_beats_words() -> None:
    found = classified(["[review/high] it", "Find the parser"], task_type=" Audit ")
    assert (found.task_type, found.type_origin) == ("audit", Origin.CALLER)
    assert (found.complexity, found.complexity_origin) == (Level.HIGH, Origin.OPENING)
    found = classified(["Look into it", "Find the parser"])
    assert (found.task_type, found.type_origin, found.complexity) == ("search", Origin.WORDS, None)


def test_a_task_that_says_nothing_is_other_and_of_no_complexity() -> None:
    found = classified(["lunch?"])
    assert (found.task_type, found.complexity, found.complexity_origin) == ("other", None, None)


def test_types_and_classifiers_are_data() -> None:
    class Always:
        origin = Origin.USER_RULE
        name = "always"

        def __call__(self, text: str) -> Guess:
            return Guess("bakery") if "bread" in text else Guess()

    ours = WordClassifier([Rule("kitchen", ("cook",), ())])
    assert classified(["cook bread"], classifiers=[Always(), ours]).task_type == "bakery"
    assert classified(["cook rice"], classifiers=[Always(), ours]).task_type == "kitchen"


@given(st.text(max_size=4_000))
def test_any_text_has_a_type_that_can_be_stored(text: str) -> None:
    found = classified([text], classifiers=DEFAULT_CLASSIFIERS)
    assert 0 < len(found.task_type) <= TASK_TYPE_LIMIT
    assert plain_type(found.task_type) == found.task_type
