"""Made-up sessions: agents below one orchestrator that run after, across or beside one another, and any forest."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from storage.records import Span
from storage.vocabulary import SpanKind, Status
from tests.factories import NOON, a_span, at

AGENTS = ("planner", "searcher", "writer", "checker")


@dataclass(frozen=True)
class Given:
    """A reward as it lies in a trace: below its own agent, after that agent's last call."""

    reward_id: str
    value: float
    parent_span_id: str
    after_s: float


@dataclass(frozen=True)
class Team:
    """Four agents, their calls and one reward each; the agent that a reward is meant for has its id."""

    spans: list[Span]
    rewards: list[Given]
    callers: dict[str, str]
    """The agent run that really made each call."""


def a_team(seed: int, *, overlap: float, floated: bool = False) -> Team:
    """Four agents with two to four calls a second apart; each begins when `1 - overlap` of the one before is over.

    Args:
        seed: decides numbers and lengths of calls.
        overlap: 0 for one after the other, 1 for all at once.
        floated: whether all calls hang on the orchestrator.
    """
    rng = Random(seed)
    spans = [a_span(span_id="root", kind=SpanKind.SESSION, agent_type="orchestrator", ended_at=at(100))]
    rewards: list[Given] = []
    callers: dict[str, str] = {}
    begin = 1.0
    for name in AGENTS:
        calls = rng.randint(2, 4)
        length = calls + 1.0
        spans.append(
            a_span(
                span_id=name, parent_span_id="root", agent_type=name, started_at=at(begin), ended_at=at(begin + length)
            )
        )
        for number in range(calls):
            start, span_id = begin + 0.1 + number, f"{name}-{number}"
            spans.append(
                a_span(
                    span_id=span_id,
                    parent_span_id="root" if floated else name,
                    kind=SpanKind.LLM_CALL,
                    agent_type=name,
                    started_at=at(start),
                    ended_at=at(start + rng.uniform(0.3, 0.8)),
                )
            )
            callers[span_id] = name
        rewards.append(Given(f"reward-of-{name}", rng.random(), name, begin + calls + 0.5))
        begin += length * (1 - overlap)
    return Team(sorted(spans, key=lambda span: span.started_at), rewards, callers)


# Made once: hypothesis looks through every new strategy before it draws from it.
_SECONDS: Final = st.integers(0, 6)
_OF_ITSELF: Final = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([SpanKind.DELEGATION, *SpanKind]),
        "agent_type": st.sampled_from(["main", "writer", "checker", "unknown"]),
        "agent_id": st.sampled_from([None, None, "a1", "a2"]),
        "tool_use_id": st.sampled_from([None, None, None, "t1"]),
    }
)


@st.composite
def forests(draw: st.DrawFn, /, **fixed: Any) -> list[Span]:
    """A few spans with few ids, names and times, so that parents are absent, doubled, cyclic and at the wrong place."""
    ids = [f"s{number}" for number in range(draw(st.integers(1, 10)))]
    parents = st.sampled_from([None, "absent", *ids, *ids[:2], *ids[:2]])
    spans: list[Span] = []
    for span_id in ids + draw(st.lists(st.sampled_from(ids), max_size=2)):
        start, length = draw(_SECONDS), draw(_SECONDS)
        given: dict[str, Any] = {
            "span_id": span_id,
            "parent_span_id": draw(parents),
            "started_at": at(start),
            "ended_at": at(start + length),
        } | draw(_OF_ITSELF)
        if draw(st.integers(0, 5)) == 0:
            given |= {"status": Status.RUNNING, "ended_at": None}
        spans.append(a_span(**(given | fixed)))
    return spans


def a_chain(length: int, **changes: Any) -> list[Span]:
    """Delegations, each below the one before; the last first."""
    step = timedelta(milliseconds=1)
    return [
        a_span(
            span_id=f"s{number}",
            parent_span_id=f"s{number - 1}" if number else None,
            started_at=NOON + number * step,
            ended_at=NOON + 2 * length * step,
            **changes,
        )
        for number in reversed(range(length))
    ]
