"""How two who name the types of tasks agree on the same history."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.task_agreement import Agreement, agreement
from mcp_server.analysis.tasks import Classifier, Rule, WordClassifier, guessed

ONE = (WordClassifier([Rule("search", ("find",), ()), Rule("debug", ("fix",), ())]),)
OTHER = (WordClassifier([Rule("search", ("find", "fix"), ())]),)


def compared(tasks: Sequence[Sequence[str]], one: Sequence[Classifier], other: Sequence[Classifier]) -> Agreement:
    said = [[found and found[0] for found in (guessed(texts, one), guessed(texts, other))] for texts in tasks]
    return agreement((first, second) for first, second in said)


def test_what_both_say_is_counted_in_pairs() -> None:
    tasks = [["find it"], ["find that"], ["fix it"], ["lunch?", "find food"], ["lunch?"]]
    found = compared(tasks, ONE, OTHER)
    assert found.counts == {("search", "search"): 3, (None, None): 1, ("debug", "search"): 1}
    assert list(found.counts) == [("search", "search"), (None, None), ("debug", "search")]
    assert (found.n, found.agreed, found.share, found.silent()) == (5, 3, 0.75, (1, 1))


@pytest.mark.parametrize(
    ("counts", "share", "kappa"),
    [
        pytest.param({}, None, None, id="no tasks"),
        pytest.param({("a", None): 3, (None, "a"): 2}, None, None, id="never both at once"),
        pytest.param({("a", "a"): 3}, 1.0, None, id="one type leaves nothing to agree on"),
        pytest.param({("a", "a"): 3, ("b", "b"): 1}, 1.0, 1.0, id="the same throughout"),
        pytest.param({("a", "b"): 2, ("b", "a"): 2}, 0.0, -1.0, id="the opposite"),
        # Cohen 1960's form: 20 + 15 of 50 alike, chance .5 * .6 + .5 * .4 = .5
        pytest.param({("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15}, 0.7, 0.4, id="in part"),
    ],
)
def test_agreement_is_what_is_beyond_chance(
    counts: dict[tuple[str | None, str | None], int], share: float | None, kappa: float | None
) -> None:
    found = Agreement(counts)
    assert found.share == share
    assert found.kappa == (None if kappa is None else pytest.approx(kappa))


@given(st.lists(st.lists(st.sampled_from(["find it", "fix it", "lunch?", "fix, find"]), max_size=2)))
def test_it_is_the_same_seen_from_the_other_side(tasks: list[list[str]]) -> None:
    there, back = compared(tasks, ONE, OTHER), compared(tasks, OTHER, ONE)
    assert there.counts == {(one, other): n for (other, one), n in back.counts.items()}
    assert (there.n, there.share) == (len(tasks), back.share)
    assert there.silent() == back.silent()[::-1]
    assert there.kappa == pytest.approx(back.kappa)
    itself = compared(tasks, ONE, ONE)
    assert itself.share in (1.0, None)
