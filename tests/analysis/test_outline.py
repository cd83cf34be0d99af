"""The part of a tree that is worth looking at."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.outline import outline
from mcp_server.analysis.trees import grow
from storage.records import Span
from storage.vocabulary import Outcome, SpanKind
from tests.factories import a_span, at
from tests.strategies import forests


@given(forests(), st.integers(1, 9))
def test_nothing_is_lost_and_nobody_stands_without_those_above(recorded: list[Span], limit: int) -> None:
    nodes = grow(recorded).nodes
    found = outline(nodes, {}, limit)
    shown = [node.span.span_id for node in found.nodes]
    assert len(shown) <= limit
    assert len(shown) + sum(part.n for part in found.left_out) == len(nodes)
    assert [node.span.span_id for node in nodes if node.span.span_id in shown] == shown
    assert {part.parent_span_id for part in found.left_out} <= {*shown, None}
    path: list[str] = []
    for node in nodes:
        del path[node.depth :]
        path.append(node.span.span_id)
        assert node.span.span_id not in shown or set(path) <= set(shown)


def test_failures_and_what_all_waited_for_come_before_what_was_dear() -> None:
    spans = [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main"),
        a_span(span_id="dear", parent_span_id="main", cost_usd=9.0, subtree_cost_usd=9.0),
        a_span(span_id="waited for", parent_span_id="main", cost_usd=0.25, subtree_cost_usd=0.25),
        a_span(span_id="failed", parent_span_id="main", outcome=Outcome.FAILURE, started_at=at(0)),
        a_span(span_id="cheap", parent_span_id="main", cost_usd=0.5, subtree_cost_usd=0.5),
    ]
    nodes = grow(spans).nodes
    order = [{node.span.span_id for node in outline(nodes, {"waited for": 9}, limit).nodes} for limit in range(1, 6)]
    assert [sorted(after - before) for before, after in zip([set[str](), *order], order, strict=False)] == [
        ["main"], ["failed"], ["waited for"], ["dear"], ["cheap"],
    ]  # fmt: skip


def test_what_is_left_out_is_summed_up_where_it_was() -> None:
    spans = [
        a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main"),
        a_span(span_id="known", parent_span_id="main", cost_usd=0.5),
        a_span(span_id="unpriced", parent_span_id="known"),
        a_span(span_id="failed", parent_span_id="known", outcome=Outcome.FAILURE, cost_usd=0.25),
    ]
    (part,) = outline(grow(spans).nodes, {}, 1).left_out
    assert (part.parent_span_id, part.n, part.failures, part.cost_usd) == ("main", 3, 1, 0.75)
