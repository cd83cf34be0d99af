"""About which delegations a verdict is asked for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.verdicts import FIRST, ONE_IN, SHOWN, is_chosen, to_ask, verdicts_wanted
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind, Status
from tests.analysis.judged import a_delegation
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


@given(st.lists(st.sampled_from(Status), max_size=12), st.sampled_from([0, FIRST]), st.randoms(use_true_random=False))
def test_a_review_of_all_asks_what_a_search_of_the_newest_asks(
    statuses: list[Status], verified_n: int, chance: random.Random
) -> None:
    oldest = [a_delegation(status=status, ended_at=None) for status in statuses]
    shuffled = chance.sample(oldest, k=len(oldest))
    wanted = verdicts_wanted(shuffled, verified_n)
    assert ([] if wanted is None else list(wanted.spans)) == to_ask(oldest[::-1], verified_n)


def test_a_review_says_how_much_was_judged() -> None:
    judged, silent = [a_delegation(1.0) for _ in range(10)], [a_delegation() for _ in range(2)]
    running = a_delegation(status=Status.RUNNING, ended_at=None)
    wanted = verdicts_wanted([*judged, *silent, running], verified_n=10)
    assert wanted is not None
    assert (wanted.n, wanted.verified_n, list(wanted.spans)) == (12, 10, silent[::-1])
    assert verdicts_wanted(judged, 10) is None
    assert verdicts_wanted([], 0) is None
