"""What hypothesis draws: records of every kind, and histories of one span."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from storage.records import Reward, Span
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status

texts = st.text(max_size=60)
names = st.text(min_size=1, max_size=20).filter(lambda name: name.strip())
counts = st.integers(0, 2**53 - 1)
money = st.floats(0, 1e6, allow_nan=False, allow_infinity=False)
times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.timezones() | st.just(UTC))  # noqa: DTZ001
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Something, or nothing known."""
    return st.none() | strategy


def guesses() -> st.SearchStrategy[dict[str, Any]]:
    """What rules may have made of a task, and who they are."""
    both = st.fixed_dictionaries(
        {
            "guessed_type": st.sampled_from(["search", "docs"]),
            "guessed_by": st.sampled_from(["words/1", "words/2", "user_rule"]),
        }
    )
    return st.just({}) | both


@st.composite  # type: ignore[arg-type] # typeshed knows no keyword arguments here
def spans(draw: st.DrawFn, **fixed: Any) -> Span:
    """Any span."""
    started_at, other = sorted((draw(times), draw(times)))
    drawn: dict[str, Any] = {
        "span_id": draw(names),
        "session_id": draw(names),
        "parent_span_id": draw(maybe(names)),
        "kind": draw(st.sampled_from(SpanKind)),
        "name": draw(maybe(names)),
        "agent_type": draw(names),
        "agent_id": draw(maybe(names)),
        "tool_use_id": draw(maybe(names)),
        "model": draw(maybe(names)),
        "project": draw(maybe(names)),
        "task": draw(maybe(texts)),
        "task_type": draw(maybe(names)),
        "complexity": draw(maybe(st.sampled_from(Level))),
        "output": draw(maybe(texts)),
        "status": draw(st.sampled_from(Status)),
        "started_at": started_at,
        "ended_at": draw(maybe(st.just(other))),
        "tool_sequence": tuple(draw(st.lists(names, max_size=4))),
        "tool_call_count": draw(maybe(counts)),
        "input_tokens": draw(maybe(counts)),
        "output_tokens": draw(maybe(counts)),
        "cost_usd": draw(maybe(money)),
        "error": draw(maybe(texts)),
        "attributes": draw(st.dictionaries(names, json_values, max_size=3)),
        "source": draw(st.sampled_from(Source)),
        "observed_at": draw(maybe(times)),
        **draw(guesses()),
    }
    return Span(**(drawn | fixed))


@st.composite
def versions_of_one_span(draw: st.DrawFn) -> list[Span]:
    """Several sightings of one span, as different observers may tell them."""
    few_times = [datetime(2026, 11, 20, 12, second, tzinfo=UTC) for second in range(5)]
    sightings: list[Span] = []
    for _ in range(draw(st.integers(1, 5))):
        started_at, ended_at = sorted((draw(st.sampled_from(few_times)), draw(st.sampled_from(few_times))))
        sightings.append(
            Span(
                span_id="one",
                session_id="session-1",
                agent_type=draw(st.sampled_from(["Explore", "Plan"])),
                model=draw(maybe(st.sampled_from(["small", "large"]))),
                task=draw(maybe(st.sampled_from(["find it", "mend it"]))),
                output=draw(maybe(st.sampled_from(["found", "mended"]))),
                complexity=draw(maybe(st.sampled_from(Level))),
                status=draw(st.sampled_from(Status)),
                started_at=started_at,
                ended_at=draw(maybe(st.just(ended_at))),
                input_tokens=draw(maybe(st.integers(0, 2))),
                attributes=draw(st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2)),
                source=draw(st.sampled_from(Source)),
                observed_at=draw(maybe(st.sampled_from(few_times))),
                **draw(guesses()),
            )
        )
    return sightings


@st.composite
def histories(draw: st.DrawFn) -> list[Span | Reward]:
    """What several observers tell of the few spans of one session, some twice, some as twins; and judgements."""
    told: list[Span | Reward] = []
    ids = {"main": SpanKind.SESSION, "call": SpanKind.TOOL_CALL, "captured": SpanKind.DELEGATION}
    stated = {"stated": SpanKind.DELEGATION, "other": SpanKind.DELEGATION}
    every = sorted(ids | stated)
    for span_id in draw(st.lists(st.sampled_from(every), max_size=8)):
        second = draw(st.integers(0, 4))
        told.append(
            Span(
                span_id=span_id,
                session_id="session-1",
                parent_span_id=draw(maybe(st.sampled_from(every))),
                kind=(ids | stated)[span_id],
                agent_type=draw(st.sampled_from(["Explore", "Plan"])),
                # Twins: which of two stated ones goes with a captured one is told in any order, sometimes late.
                tool_use_id=draw(maybe(st.just("toolu_1"))) if span_id in {"captured", "stated"} else None,
                status=draw(st.sampled_from(Status)),
                started_at=datetime(2026, 11, 20, 12, second, tzinfo=UTC),
                task=draw(maybe(st.sampled_from(["find the door", "mend the roof"]))),
                cost_usd=draw(maybe(money)),
                source=Source.STATED if span_id in stated else Source.CAPTURED,
                observed_at=draw(maybe(st.just(datetime(2026, 11, 20, 12, 5 + second, tzinfo=UTC)))),
                **draw(guesses()),
            )
        )
    told += draw(st.lists(rewards_of(every, ["session-1"]), max_size=4))
    return draw(st.permutations(told))


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """Spans of two sessions with any parents at all: missing ones, their own, cycles, those of the other session."""
    ids = [f"span-{number}" for number in range(draw(st.integers(1, 8)))]
    return [
        Span(
            span_id=span_id,
            session_id=draw(st.sampled_from(["session-1", "session-1", "session-2"])),
            parent_span_id=draw(maybe(st.sampled_from([*ids, "missing"]))),
            kind=draw(st.sampled_from(SpanKind)),
            agent_type="Explore",
            status=Status.OK,
            started_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
            cost_usd=draw(maybe(money)),
        )
        for span_id in ids
    ]


@st.composite
def rewards_of(draw: st.DrawFn, span_ids: list[str], session_ids: list[str]) -> Reward:
    """A judgement of one of some spans or sessions."""
    on_span = draw(st.booleans())
    return Reward(
        reward_id=draw(names),
        span_id=draw(st.sampled_from(span_ids)) if on_span else None,
        session_id=None if on_span else draw(st.sampled_from(session_ids)),
        name=draw(st.sampled_from(["overall", "speed"])),
        value=draw(st.floats(0, 1)),
        source=draw(st.sampled_from(RewardSource)),
        reason=draw(maybe(texts)),
        given_at=draw(times),
    )
