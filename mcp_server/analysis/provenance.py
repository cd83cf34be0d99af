"""Whose words ended up in the result: who said each run of words first, who built on whom, and credit for it.

The provenance game: a unit is a run of three words of the final output that a player said first. It exists only where
that player and all whom it built on took part, so a coalition S is worth the share of units whose chain lies in S.
That is a sum of unanimity games, and its Shapley value has a closed form (Shapley, "A value for n-person games", 1953):
each member of the chain of a unit gets its weight divided by the length of the chain.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mcp_server.analysis.players import Player, Trajectory
from mcp_server.analysis.words import SHINGLE_WORDS, Shingle, ends, shingles, words

MIN_REUSE_SHARE: Final = 0.03
"""From which share of a player's runs of words on it is said to build on another."""
WORD_LIMIT: Final = 500_000
SHINGLE_LIMIT: Final = 200_000
_FEWEST_WORDS: Final = 60
_EQUAL_ABOVE: Final = 2000  # players: with nothing traced, chains of so many are not worth following


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who built on whom, and who introduced what of the final output. Players are told by their places."""

    sources: Sequence[Mapping[int, float]]
    """Per player, the earlier ones it drew on, with the share of its runs of words that they said first."""
    chains: Sequence[int]
    """Per player, the bit mask of itself and all it stands on."""
    units: Mapping[int, float]
    """What part of the traced final output each player introduced; sums to 1, empty only without players."""
    traced_share: float
    """Which part of the final output, the request's wording aside, somebody below the main agent said first."""
    approximate: bool
    """Whether texts were too long to be compared whole."""
    equal: bool
    """Whether nothing is traced among too many players: then all share equally, without chains."""

    @property
    def is_traced(self) -> bool:
        """Whether any of the final output was traced; otherwise the players share what nobody can be shown to own."""
        return self.traced_share > 0


def trace(session: Trajectory) -> Provenance:
    """Follow each run of words to whoever said it first; linear in words, up to a limit beyond which it samples."""
    players = session.players
    limit = max(_FEWEST_WORDS, WORD_LIMIT // max(1, 2 * len(players)))
    tasks, outputs = session.task_words, session.output_words
    final = words(session.final_output)
    request = words(session.root_task)
    count = sum(min(limit, len(output)) for output in outputs)
    keep_one_in = max(1, math.ceil(count / SHINGLE_LIMIT))
    approximate = keep_one_in > 1 or any(len(text) > limit for text in (*tasks, *outputs))
    known = set(shingles(request, keep_one_in))
    owner: dict[Shingle, int] = {}
    sources: list[dict[int, float]] = []
    for place, (task, output) in enumerate(zip(tasks, outputs, strict=True)):
        said, asked_and_said = _runs(ends(task, limit), ends(output, limit), keep_one_in)
        seen = [run for run in asked_and_said if run not in known]
        drawn = Counter(owner[run] for run in seen if run in owner)
        sources.append({i: n / len(seen) for i, n in sorted(drawn.items()) if n / len(seen) >= MIN_REUSE_SHARE})
        for run in said:
            if run not in known:
                owner.setdefault(run, place)
    asked = {run for run in shingles(final, keep_one_in) if run not in known}
    introduced = Counter(owner[run] for run in asked if run in owner)
    traced_share = sum(introduced.values()) / len(asked) if asked else 0.0
    units = _shares(introduced or Counter(_useful(players)))
    equal = not introduced and len(players) > _EQUAL_ABOVE
    return Provenance(sources, _chains(players, sources), units, traced_share, approximate, equal)


def shapley(found: Provenance) -> list[float]:
    """Credit of each player for a full success: n values >= 0 that sum to 1, or an empty list without players."""
    if found.equal:
        return [1 / len(found.chains)] * len(found.chains)
    shares = [0.0] * len(found.chains)
    for introducer in sorted(found.units):
        chain = list(members(found.chains[introducer]))
        for place in chain:
            shares[place] += found.units[introducer] / len(chain)
    return shares


def stood_on(found: Provenance) -> int:
    """The bit mask of all players in a chain of the final output."""
    mask = 0
    for introducer in found.units:
        mask |= found.chains[introducer]
    return mask


def members(mask: int) -> Iterator[int]:
    """Places of the bits that are set, ascending."""
    # Not mask & -mask: each step of that costs the length of the mask.
    digits = bin(mask)[:1:-1]
    place = digits.find("1")
    while place >= 0:
        yield place
        place = digits.find("1", place + 1)


def _runs(task: list[str], output: list[str], keep_one_in: int) -> tuple[list[Shingle], list[Shingle]]:
    """The runs of words of an output, and those of the task and the output as one text."""
    said = shingles(output, keep_one_in)
    if len(output) < SHINGLE_WORDS:
        return said, shingles(task + output, keep_one_in)
    # Each run is looked at once: the joined text has those of the output, and those that begin in the task.
    begun_in_task = shingles(task + output[: SHINGLE_WORDS - 1], keep_one_in) if task else []
    return said, begun_in_task + said


def _chains(players: Sequence[Player], sources: Sequence[Mapping[int, float]]) -> list[int]:
    chains: list[int] = []
    for place, drawn in enumerate(sources):
        mask = 1 << place
        for earlier in (*drawn, *players[place].depends_on):
            mask |= chains[earlier]
        chains.append(mask)
    return chains


def _useful(players: Sequence[Player]) -> list[int]:
    """With nothing traced, those who were not judged worthless share; all, where everybody was."""
    useful = [place for place, player in enumerate(players) if player.reward is None or player.reward > 0]
    return useful or list(range(len(players)))


def _shares(counts: Mapping[int, int]) -> dict[int, float]:
    total = sum(counts.values())
    return {place: n / total for place, n in counts.items()}
