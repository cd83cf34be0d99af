"""What happens to a store in some days or weeks: a few delegations told in many ways, judged late, and pruned."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from storage.records import Reward, Span
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status
from tests.factories import a_reward
from tests.strategies import guesses, maybe

FIRST = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOURS = st.integers(0, 96) | st.integers(0, 24 * 40)
"""After the first; some days, or some weeks."""


_TOLD = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([SpanKind.DELEGATION] * 6 + [SpanKind.SESSION]),
        "agent_type": st.sampled_from(["Explore", "Plan"]),
        "model": maybe(st.sampled_from(["small", "large"])),
        "task_type": maybe(st.sampled_from(["search", "docs"])),
        "project": maybe(st.sampled_from(["/a", "/b"])),
        "complexity": maybe(st.sampled_from(Level)),
        "agent_version": maybe(st.sampled_from(["v1", "v2"])),
        "status": st.sampled_from(Status),
        "tool_call_count": maybe(st.integers(0, 50)),
        "tool_error_count": maybe(st.integers(0, 5)),
        "input_tokens": maybe(st.integers(0, 10**9)),
        "cache_write_1h_tokens": maybe(st.integers(0, 10**6)),
        "cost_usd": maybe(st.integers(0, 10**9).map(lambda nano: nano / 10**9)),
    }
)
_SECONDS, _MINUTES = maybe(st.integers(0, 10_000)), maybe(st.integers(0, 500))


@st.composite
def sightings(draw: st.DrawFn) -> Span:
    """One of a few spans, told in one of many ways: later ones correct, complete or contradict earlier ones."""
    number = draw(st.integers(0, 5))
    captured = draw(st.booleans())
    started_at = FIRST + timedelta(hours=draw(HOURS))
    seconds, minutes = draw(_SECONDS), draw(_MINUTES)
    return Span(
        span_id=f"{'captured' if captured else 'stated'}-{number}",
        session_id=f"session-{draw(st.integers(0, 2))}",
        tool_use_id=f"use-{number}" if draw(st.booleans()) else None,
        started_at=started_at,
        ended_at=None if seconds is None else started_at + timedelta(seconds=seconds),
        source=Source.CAPTURED if captured else Source.STATED,
        observed_at=None if minutes is None else started_at + timedelta(minutes=minutes),
        **draw(_TOLD),
        **draw(guesses()),
    )


judgements = st.builds(
    a_reward,
    span_id=st.integers(0, 5).map(lambda number: f"captured-{number}") | st.integers(0, 5).map(lambda n: f"stated-{n}"),
    value=st.integers(0, 100).map(lambda value: value / 100),
    source=st.sampled_from(RewardSource),
    given_at=HOURS.map(lambda hours: FIRST + timedelta(hours=hours)),
)
histories = st.lists(
    st.lists(sightings(), max_size=5) | st.lists(judgements, max_size=3) | HOURS, min_size=1, max_size=10
)
History = Sequence[list[Span] | list[Reward] | int]
"""Batches of spans and of rewards, and prunings of what was over so many hours after the first."""
