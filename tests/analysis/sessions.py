"""What hypothesis draws for credit: sessions of a few delegations that say few words, so that they often agree."""

from typing import Any

from hypothesis import strategies as st

from mcp_server.analysis.players import Player, Trajectory
from storage.vocabulary import Status

_SAYINGS = (
    "alpha beta gamma delta", "beta gamma delta epsilon", "port 8080 is open", "assume port 8080 is open",
    "exit code 1 in build", "see ```code``` here", "one", "the the the", "",
)  # fmt: skip
sayings = st.lists(st.sampled_from(_SAYINGS), max_size=3).map(" ".join)
outcomes = st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1)


def a_player(span_id: str = "p", **changes: Any) -> Player:
    return Player(**({"span_id": span_id, "agent_type": "Explore"} | changes))


@st.composite
def sessions(draw: st.DrawFn, max_players: int = 7) -> Trajectory:
    n = draw(st.integers(0, max_players))
    players = [
        a_player(
            f"p{place}",
            agent_type=draw(st.sampled_from(["writer", "checker"])),
            task=draw(sayings),
            output=draw(sayings),
            observation=draw(sayings),
            status=draw(st.sampled_from(Status)),
            reward=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
            depends_on=tuple(sorted(draw(st.sets(st.integers(0, place - 1), max_size=2)))) if place else (),
            commissioner=draw(st.none() | st.integers(place + 1, n - 1)) if place + 1 < n else None,
            is_worker=draw(st.booleans()),
            cost_usd=draw(st.none() | st.sampled_from([0.0, 0.5, 2.0])),
            tokens=draw(st.none() | st.integers(0, 9)),
            tool_call_count=draw(st.integers(0, 6)),
        )
        for place in range(n)
    ]
    return Trajectory(players=players, root_task=draw(sayings), final_output=draw(sayings))
