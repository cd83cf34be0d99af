"""What hypothesis draws for credit: sessions of a few delegations that say few words, so that they often agree."""

from typing import Any, Final

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


# Made once: hypothesis looks through every new strategy before it draws from it.
_OF_ITSELF: Final = st.fixed_dictionaries(
    {
        "agent_type": st.sampled_from(["writer", "checker"]),
        "task": sayings,
        "output": sayings,
        "observation": sayings,
        "status": st.sampled_from(Status),
        "reward": st.none() | st.sampled_from([0.0, 0.5, 1.0]),
        "is_worker": st.booleans(),
        "cost_usd": st.none() | st.sampled_from([0.0, 0.5, 2.0]),
        "tokens": st.none() | st.integers(0, 9),
        "tool_call_count": st.integers(0, 6),
    }
)


@st.composite
def sessions(draw: st.DrawFn, max_players: int = 7) -> Trajectory:
    n = draw(st.integers(0, max_players))
    players = [
        a_player(
            f"p{place}",
            depends_on=tuple(sorted(draw(st.sets(st.integers(0, place - 1), max_size=2)))) if place else (),
            commissioner=draw(st.integers(place + 1, n - 1)) if place + 1 < n and draw(st.booleans()) else None,
            **draw(_OF_ITSELF),
        )
        for place in range(n)
    ]
    return Trajectory(players=players, root_task=draw(sayings), final_output=draw(sayings))
