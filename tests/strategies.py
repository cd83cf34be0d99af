"""What hypothesis draws: records of every kind, and histories of one span.

What is drawn often is made once: hypothesis looks through every new strategy before it draws from it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from storage.records import Reward, Span
from storage.vocabulary import Level, RewardSource, Source, SpanKind, Status

texts = st.text(max_size=60)
names = st.text(min_size=1, max_size=20).filter(lambda name: name.strip())
counts = st.integers(0, 2**53 - 1)
money = st.floats(0, 1e6, allow_nan=False, allow_infinity=False)
zones = st.sampled_from(
    [
        UTC,
        *map(
            ZoneInfo,
            # Odd minutes, odd seconds until 1972, winter time that is put back, half an hour put forward, a day left
            # out, farthest east.
            [
                "America/New_York", "Asia/Kathmandu", "Africa/Monrovia", "Europe/Dublin", "Australia/Lord_Howe",
                "Pacific/Apia", "Pacific/Kiritimati",
            ],
        ),
    ]
)  # fmt: skip
times = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Something, or nothing known."""
    return st.none() | strategy


_GUESSES: Final[st.SearchStrategy[dict[str, Any]]] = st.just({}) | st.fixed_dictionaries(
    {
        "guessed_type": st.sampled_from(["search", "docs"]),
        "guessed_by": st.sampled_from(["words/1", "words/2", "user_rule"]),
    }
)


def guesses() -> st.SearchStrategy[dict[str, Any]]:
    """What rules may have made of a task, and who they are."""
    return _GUESSES


_NAME, _TEXT, _COUNT = maybe(names), maybe(texts), maybe(counts)
_ANY_SPAN: Final = st.fixed_dictionaries(
    {
        "span_id": names,
        "session_id": names,
        "parent_span_id": _NAME,
        "kind": st.sampled_from(SpanKind),
        "name": _NAME,
        "agent_type": names,
        "agent_id": _NAME,
        "tool_use_id": _NAME,
        "model": _NAME,
        "project": _NAME,
        "task": _TEXT,
        "task_type": _NAME,
        "complexity": maybe(st.sampled_from(Level)),
        "output": _TEXT,
        "status": st.sampled_from(Status),
        "tool_sequence": st.lists(names, max_size=4).map(tuple),
        "tool_call_count": _COUNT,
        "input_tokens": _COUNT,
        "output_tokens": _COUNT,
        "cost_usd": maybe(money),
        "error": _TEXT,
        "attributes": st.dictionaries(names, json_values, max_size=3),
        "source": st.sampled_from(Source),
        "observed_at": maybe(times),
    }
)


@st.composite  # type: ignore[arg-type] # typeshed knows no keyword arguments here
def spans(draw: st.DrawFn, **fixed: Any) -> Span:
    """Any span."""
    started_at, other = sorted((draw(times), draw(times)))
    ended_at = other if draw(st.booleans()) else None
    drawn = draw(_ANY_SPAN) | draw(_GUESSES)
    return Span(**(drawn | {"started_at": started_at, "ended_at": ended_at} | fixed))


_FEW_TIMES: Final = st.sampled_from([datetime(2026, 11, 20, 12, second, tzinfo=UTC) for second in range(5)])
_A_SIGHTING: Final = st.fixed_dictionaries(
    {
        "agent_type": st.sampled_from(["Explore", "Plan"]),
        "model": maybe(st.sampled_from(["small", "large"])),
        "task": maybe(st.sampled_from(["find it", "mend it"])),
        "output": maybe(st.sampled_from(["found", "mended"])),
        "complexity": maybe(st.sampled_from(Level)),
        "status": st.sampled_from(Status),
        "input_tokens": maybe(st.integers(0, 2)),
        "attributes": st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2),
        "source": st.sampled_from(Source),
        "observed_at": maybe(_FEW_TIMES),
    }
)


@st.composite
def versions_of_one_span(draw: st.DrawFn) -> list[Span]:
    """Several sightings of one span, as different observers may tell them."""
    sightings: list[Span] = []
    for _ in range(draw(st.integers(1, 5))):
        started_at, ended_at = sorted((draw(_FEW_TIMES), draw(_FEW_TIMES)))
        sightings.append(
            Span(
                span_id="one",
                session_id="session-1",
                started_at=started_at,
                ended_at=ended_at if draw(st.booleans()) else None,
                **draw(_A_SIGHTING),
                **draw(_GUESSES),
            )
        )
    return sightings


_A_REWARD: Final = st.fixed_dictionaries(
    {
        "reward_id": names,
        "name": st.sampled_from(["overall", "speed"]),
        "value": st.floats(0, 1),
        "source": st.sampled_from(RewardSource),
        "reason": _TEXT,
        "given_at": times,
    }
)


@st.composite
def rewards_of(draw: st.DrawFn, span_ids: list[str], session_ids: list[str]) -> Reward:
    """A judgement of one of some spans or sessions."""
    on_span = draw(st.booleans())
    return Reward(
        span_id=draw(st.sampled_from(span_ids)) if on_span else None,
        session_id=None if on_span else draw(st.sampled_from(session_ids)),
        **draw(_A_REWARD),
    )


_KINDS: Final = {
    "main": SpanKind.SESSION, "call": SpanKind.TOOL_CALL, "captured": SpanKind.DELEGATION,
    "stated": SpanKind.DELEGATION, "other": SpanKind.DELEGATION,
}  # fmt: skip
_EVERY_ID: Final = sorted(_KINDS)
_OF_EVERY: Final = st.lists(rewards_of(_EVERY_ID, ["session-1"]), max_size=4)
_TOLD: Final = st.fixed_dictionaries(
    {
        "parent_span_id": maybe(st.sampled_from(_EVERY_ID)),
        "agent_type": st.sampled_from(["Explore", "Plan"]),
        "status": st.sampled_from(Status),
        "task": maybe(st.sampled_from(["find the door", "mend the roof"])),
        "cost_usd": maybe(money),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[Span | Reward]:
    """What several observers tell of the few spans of one session, some twice, some as twins; and judgements."""
    told: list[Span | Reward] = []
    for span_id in draw(st.lists(st.sampled_from(_EVERY_ID), max_size=8)):
        started_at = datetime(2026, 11, 20, 12, draw(st.integers(0, 4)), tzinfo=UTC)
        # Twins: which of two stated ones goes with a captured one is told in any order, sometimes late.
        may_be_twin = span_id in {"captured", "stated"}
        told.append(
            Span(
                span_id=span_id,
                session_id="session-1",
                kind=_KINDS[span_id],
                tool_use_id="toolu_1" if may_be_twin and draw(st.booleans()) else None,
                started_at=started_at,
                source=Source.STATED if span_id in {"stated", "other"} else Source.CAPTURED,
                observed_at=started_at + timedelta(minutes=5) if draw(st.booleans()) else None,
                **draw(_TOLD),
                **draw(_GUESSES),
            )
        )
    told += draw(_OF_EVERY)
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
