"""What holds for credit and blame of every session."""

import math
from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.blame import posterior, signals
from mcp_server.analysis.components import components
from mcp_server.analysis.credit import UNKNOWN, ProvenanceGame, Scheme, Shape, Verdict, assess
from mcp_server.analysis.players import Trajectory, trajectory
from mcp_server.analysis.provenance import Provenance, members, shapley, stood_on, trace
from storage.records import Span
from storage.vocabulary import SpanKind
from tests.analysis.sessions import a_player, outcomes, sessions
from tests.analysis.trajectories import forests

CLOSE = 1e-9


def close(one: float, other: float) -> bool:
    return math.isclose(one, other, abs_tol=CLOSE)


class EqualShares:
    """The same for all: what passing the outcome on to everybody amounts to. A yardstick."""

    name = "equal"

    def shape(self, session: Trajectory, found: Provenance) -> Shape:
        """Share out a full success and a full failure."""
        n = len(session.players)
        return Shape([1 / n] * n if n else [], [1 / n] * n if n else [], [()] * n, [()] * n)


def by_definition(found: Provenance) -> list[float]:
    """The Shapley value by enumeration of all coalitions."""
    n = len(found.chains)

    def worth(coalition: int) -> float:
        return sum(
            unit for owner, unit in found.units.items() if found.chains[owner] & coalition == found.chains[owner]
        )

    values = []
    for place in range(n):
        others = [other for other in range(n) if other != place]
        value = 0.0
        for size in range(n):
            part = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for coalition in combinations(others, size):
                mask = sum(1 << other for other in coalition)
                value += part * (worth(mask | 1 << place) - worth(mask))
        values.append(value)
    return values


@pytest.mark.parametrize("scheme", [ProvenanceGame(), EqualShares()], ids=lambda scheme: str(scheme.name))
@given(session=sessions(), outcome=outcomes)
def test_the_shares_sum_to_what_was_to_be_shared(scheme: Scheme, session: Trajectory, outcome: float) -> None:
    shares = assess(session, Verdict(outcome), scheme).shares
    if not session.players:
        assert shares == []
        return
    sums = {name: math.fsum(getattr(share, name) for share in shares) for name in ("credit", "blame", "net")}
    assert close(sums["credit"], outcome)
    assert close(sums["blame"], 1 - outcome)
    assert close(sums["net"], 2 * outcome - 1)
    for share in shares:
        assert share.credit is not None
        assert share.blame is not None
        assert share.net is not None
        assert min(share.credit, share.blame) >= 0
        assert -1 - CLOSE <= share.net <= 1 + CLOSE


@given(sessions())
def test_credit_is_the_shapley_value_of_the_provenance_game(session: Trajectory) -> None:
    found = trace(session)
    assert all(close(one, other) for one, other in zip(shapley(found), by_definition(found), strict=True))


@given(sessions())
def test_a_player_that_nothing_depends_on_gets_nothing(session: Trajectory) -> None:
    found = trace(session)
    needed = set(members(stood_on(found)))
    for place, share in enumerate(shapley(found)):
        assert (share > 0) == (place in needed)


@given(sessions(), st.integers(0, 7))
def test_a_silent_player_changes_nobody_elses_credit(session: Trajectory, at: int) -> None:
    found = trace(session)
    at = min(at, len(session.players))
    if not found.is_traced:
        return
    shifted = [
        replace(player, depends_on=tuple(place + (place >= at) for place in player.depends_on), commissioner=None)
        for player in session.players
    ]
    longer = replace(session, players=[*shifted[:at], a_player("silent"), *shifted[at:]])
    shares = shapley(trace(longer))
    assert shares.pop(at) == 0
    assert all(close(one, other) for one, other in zip(shares, shapley(found), strict=True))


@given(sessions())
def test_players_of_exactly_the_same_chains_get_the_same(session: Trajectory) -> None:
    found = trace(session)
    shares = shapley(found)
    roles = [
        frozenset(owner for owner in found.units if found.chains[owner] >> place & 1) for place in range(len(shares))
    ]
    for one, other in combinations(range(len(shares)), 2):
        if roles[one] == roles[other]:
            assert close(shares[one], shares[other])


@given(sessions())
def test_names_and_ids_do_not_matter_for_credit(session: Trajectory) -> None:
    renamed = replace(
        session,
        players=[
            replace(player, span_id=f"x{place}", agent_type=f"y{place}") for place, player in enumerate(session.players)
        ],
    )
    assert shapley(trace(renamed)) == shapley(trace(session))


@given(sessions(), st.data())
def test_credit_for_two_sets_of_units_adds_up(session: Trajectory, data: st.DataObject) -> None:
    found = trace(session)
    if found.equal:
        return
    part = {owner: unit for owner, unit in found.units.items() if data.draw(st.booleans())}
    rest = {owner: unit for owner, unit in found.units.items() if owner not in part}
    sums = [
        a + b for a, b in zip(shapley(replace(found, units=part)), shapley(replace(found, units=rest)), strict=True)
    ]
    assert all(close(one, other) for one, other in zip(sums, shapley(found), strict=True))


@given(sessions(), outcomes)
def test_credit_and_blame_are_linear_in_the_outcome(session: Trajectory, outcome: float) -> None:
    shares, unknown = assess(session, Verdict(outcome)).shares, assess(session, UNKNOWN).shares
    for share, shape in zip(shares, unknown, strict=True):
        assert share.credit is not None
        assert share.blame is not None
        assert close(share.credit, outcome * shape.success_share)
        assert close(share.blame, (1 - outcome) * shape.failure_share)
        assert (shape.credit, shape.blame, shape.net, shape.subtree_net) == (None, None, None, None)


@given(sessions(), outcomes)
def test_a_subtree_has_its_own_share_and_those_below(session: Trajectory, outcome: float) -> None:
    shares = assess(session, Verdict(outcome)).shares

    def summed(name: str, place: int) -> float:
        below = [at for at, player in enumerate(session.players) if player.commissioner == place]
        return float(getattr(shares[place], name)) + sum(summed(name, at) for at in below)

    for place, share in enumerate(shares):
        assert share.subtree_blame is not None
        assert share.subtree_net is not None
        assert close(share.subtree_blame, summed("blame", place))
        assert close(share.subtree_net, summed("net", place))


@given(sessions(), st.none() | outcomes)
def test_components_are_bounded_and_need_a_reason(session: Trajectory, outcome: float | None) -> None:
    found = trace(session)
    for present in components(session, found, shapley(found), outcome):
        assert all(0 < value <= 1 for value in present.values())


@given(sessions())
def test_every_player_may_be_to_blame(session: Trajectory) -> None:
    present = signals(session)
    assert all(share > 0 for share in posterior(present))
    assert all(strength > 0 for found in present for strength in found.values())


@given(forests(kind=SpanKind.DELEGATION, task="find alpha beta gamma", output="alpha beta gamma delta"), st.randoms())
def test_the_order_in_which_spans_are_given_does_not_matter(spans: list[Span], rng: Random) -> None:
    outcome = Verdict(0.5)
    shuffled = list(spans)
    rng.shuffle(shuffled)
    assert assess(trajectory(shuffled), outcome) == assess(trajectory(spans), outcome)
