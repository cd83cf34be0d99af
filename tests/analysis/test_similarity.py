"""How alike two task texts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.similarity import Holding, TextIndex, most_similar, rarest, similarity, words_of
from storage.words import task_words

TEXTS = (
    "find the parser of the configuration file",
    "write unit tests for the billing module and run them",
    "why does the login page time out after an hour",
    "find the parser of the configuration file and explain it",
    "list every place where retries are configured",
    "summarize the release notes of the last three versions",
)


@pytest.fixture
def index() -> TextIndex:
    found = TextIndex()
    for text in TEXTS:
        found.add(text)
    return found


def test_an_identical_text_has_similarity_one_and_comes_first(index: TextIndex) -> None:
    found = index.similar(TEXTS[0])
    assert [one.key for one in found] == [0, 3]
    assert found[0].similarity == pytest.approx(1)
    # As the reference implementation has it.
    assert found[1].similarity == pytest.approx(0.868185539, abs=1e-9)


def test_texts_below_the_gate_are_no_neighbours(index: TextIndex) -> None:
    assert index.similar("count the elephants of the river valley") == []
    assert index.similar("") == []
    assert TextIndex().similar("anything") == []


def test_candidates_are_looked_for_by_the_rarest_words_until_enough_texts_are_touched() -> None:
    frequencies = {"the": 900, "parser": 3, "login": 600, "billing": 1_500}
    assert rarest(["the", "parser", "login", "unheard"], frequencies) == ["parser", "login", "the"]
    assert rarest(["billing", "parser", "the"], frequencies) == ["parser", "the"]
    assert rarest(["billing"], {"billing": 50_000}) == ["billing"]
    assert (
        rarest([f"w{i}" for i in range(30)], {f"w{i}": 1 for i in range(30)}) == sorted(f"w{i}" for i in range(30))[:12]
    )


def test_only_the_first_eighty_words_of_a_question_decide() -> None:
    asked = words_of(" ".join(f"word{i}" for i in range(80)) + " tail")
    held = words_of(" ".join(f"word{i}" for i in range(80)) + " other")
    among = Holding(1_000, 81.0, dict.fromkeys(held.counts, 1))
    assert similarity(asked, held, among) == pytest.approx(1)


def test_candidates_of_a_store_are_scored_with_its_frequencies() -> None:
    among = Holding(20_000, 8.0, {"find": 9_000, "parser": 3})
    candidates = {7: words_of("find cookies"), 9: words_of("mend the parser"), 3: words_of("parser, find")}
    found = most_similar(words_of("find parser"), candidates, among)
    assert [one.key for one in found] == [3, 9]


def test_words_of_any_script_count() -> None:
    assert words_of("Найди парсер 42 x foo_bar").counts.keys() == {"найди", "парсер", "42", "foo_bar"}


@given(st.text(alphabet=st.characters(max_codepoint=127)), st.sampled_from(["é", "я", "İ"]))
def test_words_do_not_depend_on_the_script_of_others(text: str, other: str) -> None:
    assert task_words(f"{text} {other}{other}")[:-1] == task_words(text)


@given(st.lists(st.text(alphabet="abc de", max_size=30), max_size=8), st.text(alphabet="abc de", max_size=30))
def test_similarity_lies_above_the_gate_and_is_at_most_one(texts: list[str], asked: str) -> None:
    index = TextIndex()
    for text in texts:
        index.add(text)
    found = index.similar(asked)
    assert all(0.3 < one.similarity <= 1 for one in found)
    if asked in texts and words_of(asked).counts:
        assert found[0].similarity == pytest.approx(1)
