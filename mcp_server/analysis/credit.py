"""Which delegation mattered, and which one broke it: shares of credit and blame for one session, with their reasons.

With R the outcome in [0, 1], credit sums to R, blame to 1 - R, and net credit, which is their difference, to 2R - 1.
The shapes of both do not need R: they are shares of a full success and of a full failure, and are scaled when R is
known.
Credit explains a session. It sees whose words are in the result, not what they were worth, and is no reward.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mcp_server.analysis.blame import Signal, posterior, signals
from mcp_server.analysis.components import Component, bottleneck, components
from mcp_server.analysis.players import Player, Trajectory
from mcp_server.analysis.provenance import Provenance, members, shapley, trace
from storage.outcomes import OVERALL, holding
from storage.records import Reward
from storage.vocabulary import RewardSource

TOP: Final = 3
"""So many candidates for the blame are named: never one culprit alone."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a session turned out."""

    value: float | None = None
    """R in [0, 1]; None while nobody judged it."""
    source: RewardSource | None = None
    confidence: float = 0.0
    """The weight of the judgement in [0, 1]."""


UNKNOWN: Final = Verdict()


def verdict(rewards: Iterable[Reward], weight: Callable[[RewardSource], float]) -> Verdict:
    """How a session turned out, by the judgement of the whole that holds.

    Args:
        rewards: all that judge the session.
        weight: how much each source counts, in [0, 1]. What counts nothing says nothing.
    """
    counting = [reward for reward in rewards if reward.name == OVERALL and weight(reward.source) > 0]
    held = holding(counting)
    return UNKNOWN if held is None else Verdict(held.value, held.source, weight(held.source))


@dataclass(frozen=True, slots=True)
class Shape:
    """Per player, in the order of the trajectory: shares of a full success, and of a full failure."""

    credit: Sequence[float]
    """Each >= 0; they sum to 1 (to 0 without players)."""
    blame: Sequence[float]
    """Each >= 0; they sum to 1 (to 0 without players). To be read as probabilities of being the root cause."""
    credit_reasons: Sequence[Sequence[str]]
    blame_reasons: Sequence[Sequence[str]]


class Scheme(Protocol):
    """A way to share out success and failure."""

    @property
    def name(self) -> str:
        """What answers call it."""
        ...

    def shape(self, session: Trajectory, found: Provenance) -> Shape:
        """Share out a full success and a full failure.

        Args:
            session: what happened.
            found: who built on whom in it.
        """
        ...


class ProvenanceGame:
    """Shapley credit for words in the result, and a posterior over root causes for blame."""

    name = "provenance"

    def shape(self, session: Trajectory, found: Provenance) -> Shape:
        """Share out a full success and a full failure."""
        present = signals(session)
        return Shape(
            shapley(found), posterior(present), _credit_reasons(session, found), [_named(signs) for signs in present]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one delegation did for the outcome. What depends on the outcome is None while that is unknown."""

    player: Player
    success_share: float
    """Its share of a success, whatever the outcome was."""
    failure_share: float
    """Its share of a failure: how likely it is the root cause, should the session have failed."""
    credit: float | None
    blame: float | None
    net: float | None
    """Credit less blame, in [-1, 1]."""
    subtree_credit: float | None
    """Its own and that of all delegations below it."""
    subtree_blame: float | None
    """Likewise: whoever commissions work answers for it."""
    subtree_net: float | None
    reasons: Sequence[str]
    components: Mapping[Component, float]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A candidate for the root cause of a failure."""

    player: Player
    probability: float
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Credit and blame for one session."""

    scheme: str
    outcome: Verdict
    shares: Sequence[Share]
    """By place in the trajectory: in order of their ends."""
    top_blame: Sequence[Suspect]
    """The three likeliest, most likely first; empty where the session was a full success. While the outcome is unknown
    they say where a mistake would be looked for first."""
    blame_by_agent: Mapping[str, float]
    """Summed failure shares of each agent type, greatest first."""
    bottleneck: Player | None
    """The weakest delegation that the result stands on."""
    chain: Sequence[str]
    """Ids of the spans that the bottleneck itself stands on, and it."""
    traced_share: float
    """Which part of the final output some delegation said first. Where it is low the main agent wrote it itself."""
    approximate: bool
    """Whether texts were too long to be compared whole."""
    problems: Sequence[str]


PROVENANCE: Final = ProvenanceGame()


def assess(session: Trajectory, outcome: Verdict = UNKNOWN, scheme: Scheme = PROVENANCE) -> Assessment:
    """Share out the outcome of a session over its delegations.

    The same for every order of the spans that the trajectory was made from, and in every process. Linear in words, up
    to a limit beyond which it samples and says so.

    Args:
        session: from `players.trajectory`.
        outcome: how it turned out.
        scheme: how to share.
    """
    found = trace(session)
    shape = scheme.shape(session, found)
    parts = components(session, found, shape.credit, outcome.value)
    credit_below = _with_those_below(session.players, shape.credit)
    blame_below = _with_those_below(session.players, shape.blame)
    gain = outcome.value
    loss = None if gain is None else 1 - gain
    shares = [
        Share(
            player=player,
            success_share=shape.credit[place],
            failure_share=shape.blame[place],
            credit=_scaled(shape.credit[place], gain),
            blame=_scaled(shape.blame[place], loss),
            net=_net(shape.credit[place], shape.blame[place], gain),
            subtree_credit=_scaled(credit_below[place], gain),
            subtree_blame=_scaled(blame_below[place], loss),
            subtree_net=_net(credit_below[place], blame_below[place], gain),
            reasons=[*shape.credit_reasons[place], *shape.blame_reasons[place]],
            components=parts[place],
        )
        for place, player in enumerate(session.players)
    ]
    weakest = bottleneck(session, found, shape.blame)
    return Assessment(
        scheme=scheme.name,
        outcome=outcome,
        shares=shares,
        top_blame=[] if gain == 1 else _suspects(session.players, shape),
        blame_by_agent=_by_agent(session.players, shape.blame),
        bottleneck=None if weakest is None else session.players[weakest],
        chain=[] if weakest is None else [session.players[place].span_id for place in members(found.chains[weakest])],
        traced_share=found.traced_share,
        approximate=found.approximate,
        problems=session.problems,
    )


_WORDS: Final[Mapping[Signal, str]] = {
    Signal.FIRST_OF_MANY: "first of many workers",
    Signal.LAST_OF_FEW: "last before the end",
    Signal.FIRST_OF_RETRY_RUN: "its task was given again",
    Signal.FIRST_HARD_ERROR: "first to meet a hard error",
    Signal.HARD_ERROR: "met a hard error",
    Signal.FIRST_HEDGE: "first to assume or simulate instead of finding out",
    Signal.INTRODUCED_FINAL_CONTENT: "first to say a figure that is in the result",
    Signal.CODE: "wrote code",
    Signal.ZERO_REWARD: "was itself judged a failure",
}
"""What is worth saying of a signal; the others only tell where in the session it stood."""


def _named(present: Mapping[Signal, float]) -> list[str]:
    implied = {Signal.HARD_ERROR} if Signal.FIRST_HARD_ERROR in present else set()
    return [f"{name}: {_WORDS[name]}" for name in _WORDS if name in present and name not in implied]


def _credit_reasons(session: Trajectory, found: Provenance) -> list[list[str]]:
    reasons: list[list[str]] = [[] for _ in session.players]
    if not found.is_traced:
        for place in found.units:
            reasons[place].append("untraced: none of the result's words can be traced; it shares equally")
        return reasons
    for place, unit in found.units.items():
        reasons[place].append(f"in_result: {unit:.0%} of the traced result was said by it first")
    consumers: dict[int, list[tuple[float, int]]] = {}
    for place, sources in enumerate(found.sources):
        for earlier, share in sources.items():
            consumers.setdefault(earlier, []).append((-share, place))
    for earlier, drawn in consumers.items():
        reasons[earlier] += [
            f"reused: {-share:.0%} of {session.players[place].span_id} was taken from it"
            for share, place in sorted(drawn)[:TOP]
        ]
    return reasons


def _suspects(players: Sequence[Player], shape: Shape) -> list[Suspect]:
    order = sorted(range(len(players)), key=lambda place: (-shape.blame[place], place))
    return [Suspect(players[place], shape.blame[place], shape.blame_reasons[place]) for place in order[:TOP]]


def _by_agent(players: Sequence[Player], blame: Sequence[float]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for player, share in zip(players, blame, strict=True):
        sums[player.agent_type] = sums.get(player.agent_type, 0.0) + share
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def _with_those_below(players: Sequence[Player], shares: Sequence[float]) -> list[float]:
    """Each share with those of all that the player commissioned, directly or not."""
    sums = list(shares)
    waiting = [0] * len(players)
    for player in players:
        if player.commissioner is not None:
            waiting[player.commissioner] += 1
    # Not in order of end: one that was started in the background may outlive the one that started it.
    ready = [place for place, below in enumerate(waiting) if not below]
    while ready:
        place = ready.pop()
        above = players[place].commissioner
        if above is not None:
            sums[above] += sums[place]
            waiting[above] -= 1
            if not waiting[above]:
                ready.append(above)
    return sums


def _scaled(share: float, factor: float | None) -> float | None:
    return None if factor is None else share * factor


def _net(credit: float, blame: float, outcome: float | None) -> float | None:
    return None if outcome is None else credit * outcome - blame * (1 - outcome)
