"""Recurring ways of working."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.patterns import loops, patterns, repeated_failures
from storage.records import Span
from storage.vocabulary import SpanKind, Status
from tests.analysis.judged import a_delegation

TOOLS = ("Read", "Grep", "Glob", "Bash", "Edit", "Write")


def test_tools_that_follow_each_other_more_than_by_chance_are_a_pattern() -> None:
    chance = random.Random(1)
    spans = []
    for _ in range(40):
        tools = chance.choices(TOOLS, k=8)
        tools[2:5] = ["WebSearch", "WebFetch", "Write"]
        spans.append(a_delegation(tool_sequence=tuple(tools)))
    found = patterns(spans)
    assert found[0].tools == ("WebSearch", "WebFetch", "Write")
    assert len(found[0].spans) == 40
    assert found[0].lift > 20
    assert ("WebSearch", "WebFetch") not in [pattern.tools for pattern in found]


def test_random_sequences_hold_no_pairs_worth_telling() -> None:
    chance = random.Random(2)
    spans = [a_delegation(tool_sequence=tuple(chance.choices(TOOLS, k=12))) for _ in range(300)]
    assert [pattern for pattern in patterns(spans) if len(pattern.tools) == 2] == []


def test_a_pattern_tells_how_delegations_with_it_succeed() -> None:
    bad = [a_delegation(0.0, tool_sequence=("Bash", "WebFetch", "Bash")) for _ in range(10)]
    good = [a_delegation(1.0, tool_sequence=("Read", "Edit", "Glob", "Grep")) for _ in range(30)]
    worst = next(pattern for pattern in patterns([*bad, *good]) if "WebFetch" in pattern.tools)
    assert worst.success is not None
    assert worst.success.high < -0.5


def test_four_delegations_are_no_pattern() -> None:
    assert patterns([a_delegation(tool_sequence=("A", "B")) for _ in range(4)]) == []


@given(st.lists(st.lists(st.sampled_from("ab"), max_size=12), max_size=12))
def test_whatever_was_used_every_pattern_keeps_its_word(sequences: list[list[str]]) -> None:
    for pattern in patterns([a_delegation(tool_sequence=tuple(sequence)) for sequence in sequences]):
        assert pattern.lift >= 2
        assert pattern.times >= len(pattern.spans) >= 5


@pytest.mark.parametrize(
    ("sequence", "tools", "times"),
    [
        pytest.param(["Edit", "Bash"] * 5, ("Edit", "Bash"), 5, id="two in turn"),
        pytest.param(["Read", *["Bash"] * 12], ("Bash",), 12, id="one tool alone"),
        pytest.param(["a", "b", "c"] * 3, ("a", "b", "c"), 3, id="three in turn"),
        pytest.param(["x", *["a", "b", "c", "d"] * 3, "x"], ("a", "b", "c", "d"), 3, id="four in turn"),
    ],
)
def test_going_round_in_circles_is_a_loop(sequence: list[str], tools: tuple[str, ...], times: int) -> None:
    (loop,) = loops([a_delegation(tool_sequence=tuple(sequence))])
    assert (sorted(loop.tools), loop.times) == (sorted(tools), times)


@pytest.mark.parametrize(
    "sequence",
    [[], ["Read"], ["Read"] * 9, ["Edit", "Bash"] * 3, ["a", "b", "c", "a", "b", "d", "a", "b", "c"]],
    ids=["nothing", "one call", "reading nine files", "three rounds of two", "no two rounds alike"],
)
def test_ordinary_work_is_no_loop(sequence: list[str]) -> None:
    assert loops([a_delegation(tool_sequence=tuple(sequence))]) == []


def a_call(status: Status, task: str = "{}", parent: str = "p") -> Span:
    return a_delegation(kind=SpanKind.TOOL_CALL, name="Bash", task=task, status=status, parent_span_id=parent)


def test_a_call_that_fails_again_and_again_is_found() -> None:
    failed = [a_call(Status.ERROR) for _ in range(4)]
    others = [a_call(Status.ERROR, task="other"), a_call(Status.ERROR, parent="q"), a_call(Status.OK, task="other")]
    (found,) = repeated_failures([*others, *failed])
    assert (found.tool, found.calls) == ("Bash", failed)


def test_a_success_in_between_ends_the_row() -> None:
    calls = [a_call(status) for status in (Status.ERROR, Status.ERROR, Status.OK, Status.ERROR, Status.ERROR)]
    assert repeated_failures(calls) == []


def test_tools_that_follow_each_other_by_chance_are_no_pattern() -> None:
    for seed in range(5):
        chance = random.Random(seed)
        spans = [a_delegation(tool_sequence=tuple(chance.choices("abcdefgh", k=12))) for _ in range(600)]
        assert patterns(spans) == []
