"""Similar tasks in SQLite: what is remembered of common words, and how little is read of the rest."""

import math
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage.lessons import TaskHead
from storage.queries import Batch, SpanFilter
from storage.sqlite import common_words, rows, search, similar, upkeep, writing
from storage.sqlite.common_words import CommonWords
from storage.vocabulary import SpanKind
from storage.words import HEAD
from tests.factories import a_span, at
from tests.storage.test_rollups import a_database


def test_frequencies_of_common_words_are_counted_again_when_one_delegation_in_fifty_is_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(common_words, "_FEW", 50)
    with a_database() as connection:
        common = CommonWords("delegation")

        def frequencies() -> dict[str, int]:
            return dict(similar.vocabulary(connection, ["all", "rare"], common).frequencies)

        def more(count: int, task: str) -> None:
            spans = [
                # Most numbers are those of calls, which have no words.
                a_span(task=task, session_id=task) if place == 0 else a_span(kind=SpanKind.TOOL_CALL)
                for _ in range(count)
                for place in range(10)
            ]
            writing.add(connection, Batch(spans=spans))

        more(100, "all")
        assert frequencies() == {"all": 100}
        more(2, "all rare")
        assert frequencies() == {"all": 100, "rare": 2}  # of what is rare nothing is remembered
        more(1, "all")
        assert frequencies() == {"all": 103, "rare": 2}


def test_delegations_that_were_pruned_are_counted_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_words, "_FEW", 1)
    with a_database() as connection:
        common = CommonWords("delegation")
        old = [a_span(task="all", session_id="old", started_at=at(-9), ended_at=at(-8)) for _ in range(9)]
        writing.add(connection, Batch(spans=[*old, *(a_span(task="all") for _ in range(9))]))
        assert similar.vocabulary(connection, ["all"], common).frequencies == {"all": 18}
        upkeep.remove_some(connection, at(-5), math.inf)
        assert similar.vocabulary(connection, ["all"], common).frequencies == {"all": 9}


def test_as_many_new_delegations_as_were_pruned_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_words, "_FEW", 1)
    with a_database() as connection:
        common = CommonWords("delegation")
        old = [a_span(task="old all", session_id="old", started_at=at(-9), ended_at=at(-8)) for _ in range(9)]
        writing.add(connection, Batch(spans=old))
        assert similar.vocabulary(connection, ["all", "old"], common).frequencies == {"all": 9, "old": 9}
        writing.add(connection, Batch(spans=[a_span(task="all") for _ in range(9)]))
        upkeep.remove_some(connection, at(-5), math.inf)
        assert similar.vocabulary(connection, ["all", "old"], common).frequencies == {"all": 9}


def test_a_word_is_remembered_only_where_one_text_in_fifty_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_words, "_FEW", 1)
    with a_database() as connection:
        common = CommonWords("delegation")
        tasks = ["all often" if number < 3 else "all seldom" if number == 3 else "all" for number in range(149)]
        writing.add(connection, Batch(spans=[a_span(task=task) for task in tasks]))
        words = ["all", "often", "seldom"]
        assert similar.vocabulary(connection, words, common).frequencies == {"all": 149, "often": 3, "seldom": 1}
        writing.add(connection, Batch(spans=[a_span(task="all often seldom")]))
        assert similar.vocabulary(connection, words, common).frequencies == {"all": 149, "often": 3, "seldom": 2}


def test_worse_matches_are_found_where_the_better_ones_do_not_meet_the_conditions() -> None:
    with a_database() as connection:
        better = [a_span(span_id=f"better {n}", task="find the parser", agent_type="Plan") for n in range(5)]
        worse = [a_span(span_id=f"worse {n}", task="find the roof", agent_type="Explore") for n in range(3)]
        writing.add(connection, Batch(spans=[worse[0], *better, *worse[1:]]))
        asked = (connection, ["find", "parser"], SpanFilter(agent_types=frozenset({"Explore"})))
        assert [one.span_id for one in similar.holding(*asked, 2)] == ["worse 2", "worse 1"]
        assert [one.span_id for one in similar.holding(*asked, 9)] == ["worse 2", "worse 1", "worse 0"]


def test_of_a_long_task_only_its_head_is_read() -> None:
    with a_database() as connection:
        writing.add(connection, Batch(spans=[a_span(span_id="long", task="word " + "ä" * 9_000)]))
        assert similar.holding(connection, ["word"], SpanFilter(), 9) == [TaskHead("long", "word " + "ä" * (HEAD - 5))]


@settings(max_examples=60)
@given(st.text(max_size=40), st.integers(min_value=0, max_value=50))
@example("\U0001f600" * 20, 10)
@example("a\U0001f600" * 20, 11)
def test_a_head_is_the_start_of_what_was_packed(text: str, chars: int) -> None:
    assert rows.unpack_head(rows.pack(text), chars) == text[:chars]


def test_the_head_of_nothing_is_nothing_and_that_of_a_damaged_text_an_error() -> None:
    assert rows.unpack_head(None, 9) is None
    with pytest.raises(zlib.error):
        rows.unpack_head(b"no text", 9)


@settings(max_examples=60)
@given(st.text(alphabet="abzAZ019", min_size=1, max_size=12))
def test_the_index_splits_no_word_of_latin_letters_and_digits(word: str) -> None:
    assert search.parts_of([word])[word] == search.parts_of([f"{word}."])[f"{word}."]
