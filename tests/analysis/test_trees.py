"""From spans to a tree."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.agent_runs import MatchMode, selected
from mcp_server.analysis.trees import Fault, Tree, grow
from storage.records import Span
from storage.vocabulary import SpanKind, Status
from tests.analysis.trajectories import a_chain, forests
from tests.factories import a_span, at


def shape(tree: Tree) -> list[tuple[str, int]]:
    return [(node.span.span_id, node.depth) for node in tree.nodes]


def test_an_orphan_hangs_below_a_synthetic_parent_that_is_marked() -> None:
    spans = [
        a_span(span_id="late", parent_span_id="absent", started_at=at(5), ended_at=at(9)),
        a_span(span_id="early", parent_span_id="absent", started_at=at(2), ended_at=at(3)),
        a_span(span_id="top", started_at=at(1)),
    ]
    tree = grow(spans, stand_ins=True)
    assert shape(tree) == [("top", 0), ("absent", 0), ("early", 1), ("late", 1)]
    assert [node.span.span_id for node in tree.nodes if node.synthetic] == ["absent"]
    stand_in = tree.nodes[1].span
    assert (stand_in.started_at, stand_in.ended_at, stand_in.status) == (at(2), at(9), Status.LOST)
    assert stand_in.attributes == {"synthetic": True}
    assert [repair.fault for repair in tree.repairs] == [Fault.ORPHAN] * 2


def test_without_stand_ins_an_orphan_stands_at_the_top() -> None:
    tree = grow([a_span(span_id="child", parent_span_id="absent")])
    assert shape(tree) == [("child", 0)]
    assert "absent" in tree.repairs[0].reason


def test_of_two_spans_with_one_id_the_one_seen_last_is_shown_and_the_other_reported() -> None:
    old = a_span(span_id="twice", ended_at=at(1), task="old")
    new = a_span(span_id="twice", ended_at=at(2), task="new")
    for spans in ([old, new], [new, old]):
        tree = grow([*spans, a_span(span_id="child", parent_span_id="twice")])
        assert shape(tree) == [("twice", 0), ("child", 1)]
        assert tree.nodes[0].span.task == "new"
        assert [(repair.span_id, repair.fault) for repair in tree.repairs] == [("twice", Fault.DUPLICATE)]


def test_a_cycle_beside_a_root_does_not_take_what_is_below_it_along() -> None:
    spans = [
        a_span(span_id="root"),
        a_span(span_id="a", parent_span_id="b", started_at=at(1)),
        a_span(span_id="b", parent_span_id="a", started_at=at(1)),
        a_span(span_id="below", parent_span_id="b", started_at=at(1)),
    ]
    tree = grow(spans)
    assert shape(tree) == [("root", 0), ("a", 0), ("b", 1), ("below", 2)]
    assert [(repair.span_id, repair.fault) for repair in tree.repairs] == [("a", Fault.CYCLE)]


@pytest.mark.parametrize("stand_ins", [True, False])
def test_a_chain_of_any_depth_is_a_tree(stand_ins: bool) -> None:  # noqa: FBT001
    tree = grow(a_chain(5_000), stand_ins=stand_ins)
    assert shape(tree) == [(f"s{number}", number) for number in range(5_000)]


@given(forests(), st.randoms(), st.booleans())
def test_no_span_is_lost_and_the_order_does_not_matter(spans: list[Span], rng: Random, stand_ins: bool) -> None:  # noqa: FBT001
    tree = grow(spans, stand_ins=stand_ins)
    shown = [node.span.span_id for node in tree.nodes if not node.synthetic]
    assert sorted(shown) == sorted({span.span_id for span in spans})
    shuffled = list(spans)
    rng.shuffle(shuffled)
    assert grow(shuffled, stand_ins=stand_ins) == tree


@given(forests())
def test_parents_come_before_children_and_siblings_by_start(spans: list[Span]) -> None:
    path: list[Span] = []
    siblings: dict[tuple[str, ...], Span] = {}
    for node in grow(spans, stand_ins=True).nodes:
        del path[node.depth :]
        above = tuple(span.span_id for span in path)
        if above in siblings:
            before = siblings[above]
            assert (before.started_at, before.span_id) < (node.span.started_at, node.span.span_id)
        siblings[above] = node.span
        path.append(node.span)


def a_nested_team() -> list[Span]:
    """writer > (checker > call, call); a call that names no agent is of the agent above it."""
    return [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main"),
        a_span(span_id="writer", parent_span_id="main", agent_type="writer"),
        a_span(span_id="checker", parent_span_id="writer", agent_type="checker"),
        a_span(span_id="of-checker", parent_span_id="checker", agent_type="unknown", kind=SpanKind.LLM_CALL),
        a_span(span_id="of-writer", parent_span_id="writer", agent_type="unknown", kind=SpanKind.LLM_CALL),
        a_span(span_id="below-call", parent_span_id="of-writer", agent_type="unknown", kind=SpanKind.TOOL_CALL),
        a_span(span_id="named", parent_span_id="main", agent_type="writer", kind=SpanKind.LLM_CALL),
    ]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        pytest.param(
            MatchMode.NEAREST, {"writer", "of-writer", "below-call", "named"}, id="an agent inside is left out"
        ),
        pytest.param(
            MatchMode.ANCESTOR,
            {"writer", "of-writer", "below-call", "named", "checker", "of-checker"},
            id="everything below",
        ),
    ],
)
def test_a_pattern_selects_by_the_nearest_agent_or_by_any_above(mode: MatchMode, expected: set[str]) -> None:
    assert selected(a_nested_team(), frozenset({"writer"}), mode) == expected
    assert selected(a_nested_team()[::-1], frozenset({"writer"}), mode) == expected


@given(forests())
def test_whatever_the_nearest_agent_selects_any_ancestor_selects_too(spans: list[Span]) -> None:
    nearest = selected(spans, frozenset({"writer"}), MatchMode.NEAREST)
    assert nearest <= selected(spans, frozenset({"writer"}), MatchMode.ANCESTOR)
    assert selected(spans, frozenset({"nobody"})) == frozenset()
