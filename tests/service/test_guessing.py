"""The type of a task of which nobody states one: the user's rules first, in bounded time, then words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.ingest.texts import Guess, TextKeeper
from mcp_server.service.guessing import TypeGuesser
from mcp_server.settings import BadSetting
from storage.fields import TASK_TYPE_LIMIT, plain_type

HANGS = "^(a|aa)+$"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["Look", "Bump the VERSION"], Guess("release", "user_rule"), id="a rule of the user, in any case"),
        pytest.param(["Review the release"], Guess("release", "user_rule"), id="before what words say"),
        pytest.param(["Bake for the release"], Guess("release", "user_rule"), id="rules in their order"),
        pytest.param(["Bake", "version"], Guess("bakery", "user_rule"), id="the most telling text first"),
        pytest.param(["[review] release"], Guess("review", "opening/1"), id="an opening beats them"),
        pytest.param(["[bakery] it"], Guess("bakery", "opening/1"), id="their types may open a description"),
        pytest.param(["Find the parser"], Guess("search", "words/1"), id="words, where no rule fits"),
        pytest.param(["lunch?"], None, id="nothing"),
        pytest.param(["x" * 2_000 + " version"], None, id="far into the text"),
    ],
)
def test_the_first_that_says_anything_holds(texts: list[str], expected: Guess | None) -> None:
    assert TypeGuesser({"release": ["release", "version"], "bakery": ["bread|bake"]})(texts) == expected


def test_a_rule_that_would_hang_is_asked_once() -> None:
    guess = TypeGuesser({"slow": [HANGS], "bakery": ["bread"]})
    trap = "a" * 40 + "! bread"
    assert guess([trap]) == Guess("bakery", "user_rule")
    assert [guess([trap]) for _ in range(500)] == [Guess("bakery", "user_rule")] * 500
    assert guess(["aaa"]) is None  # it is not asked again, not even where it could answer


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        pytest.param("(", "no regular expression", id="unbalanced"),
        pytest.param("x" * 201, "at most 200", id="too long"),
        pytest.param("((a{1000}){1000}){1000}", "repeats too often", id="would fill memory"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(pattern: str, reason: str) -> None:
    with pytest.raises(BadSetting, match=reason) as caught:
        TypeGuesser({"bakery": [pattern]})
    assert "task_types.bakery" in str(caught.value)


@given(st.lists(st.text(max_size=300), max_size=3))
def test_a_guess_is_the_same_with_and_without_content_and_can_be_stored(texts: list[str]) -> None:
    with_content, without = (TextKeeper(str, content=content, guess=TypeGuesser()) for content in (True, False))
    found = with_content.guess(*texts)
    assert found == without.guess(*texts)
    if found is not None:
        assert plain_type(found.guessed_type) == found.guessed_type
        assert len(found.guessed_type) <= TASK_TYPE_LIMIT
