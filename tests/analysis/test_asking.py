"""About which delegations a verdict is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.asking import FIRST, ONE_IN, SHOWN, is_chosen, to_ask
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.factories import a_span
from tests.strategies import spans


def test_at_first_every_delegation_is_asked_about_a_few_at_a_time() -> None:
    ended = [a_span() for _ in range(9)]
    assert to_ask(ended, FIRST - 1) == ended[:SHOWN]


def test_later_a_tenth_is_and_always_the_same() -> None:
    chosen = [number for number in range(10_000) if is_chosen(f"span-{number}")]
    assert abs(len(chosen) / 10_000 - 1 / ONE_IN) < 0.01
    ended = [a_span(span_id=f"span-{number}") for number in range(200)]
    assert to_ask(ended, FIRST) == [span for span in ended if is_chosen(span.span_id)][:SHOWN]


@given(st.lists(spans(), max_size=6), st.integers(0, 60))
def test_nobody_is_asked_twice_or_about_what_has_no_end(drawn: list[Span], verified_n: int) -> None:
    for span in to_ask(drawn, verified_n):
        assert span.kind is SpanKind.DELEGATION
        assert span.status in {Status.OK, Status.ERROR}
        verified = {RewardSource.HUMAN, RewardSource.TEST, RewardSource.VERIFIER}
        assert span.reward is None or span.reward_source not in verified
