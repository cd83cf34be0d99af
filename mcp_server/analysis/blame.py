"""Which delegation broke it: a posterior over the root cause of a failure, from a few signals with names.

A conditional logit: player i has the probability exp(s_i) / sum_j exp(s_j), s_i being the weighted sum of its signals.
The weights were fitted on 148 failed sessions of agent teams in which people marked the decisive mistake (Zhang et al.,
"Which agent causes task failures and when?", 2025). They are constants: fitted to one framework they fail on another.
"""

import math
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

from mcp_server.analysis.players import Trajectory
from mcp_server.analysis.words import content, likeness, words
from storage.vocabulary import Status

RETRY_LIKENESS: Final = 0.35
"""From which likeness of their words on two tasks count as the same one."""
REMEMBERED_TASKS: Final = 50
"""So many earlier tasks are compared with a new one: it bounds the work."""
_MANY: Final = 20  # workers from which on the first one is likely at fault
_FEW: Final = 3  # workers up to which the last one is fully suspect
_CHARS_LIMIT: Final = 4_000_000  # of all outputs, and of all observations, that patterns are searched in
_FEWEST_CHARS: Final = 2000


class Signal(StrEnum):
    """What speaks for or against a player being the root cause."""

    WORKER = "worker"
    FIRST_WORKER = "first_worker"
    FIRST_OF_MANY = "first_of_many"
    LAST_OF_FEW = "last_of_few"
    FIRST_OF_RETRY_RUN = "first_of_retry_run"
    FIRST_HARD_ERROR = "first_hard_error"
    HARD_ERROR = "hard_error"
    FIRST_HEDGE = "first_hedge"
    INTRODUCED_FINAL_CONTENT = "introduced_final_content"
    CODE = "code"
    ZERO_REWARD = "zero_reward"


WEIGHTS: Final[Mapping[Signal, float]] = {
    Signal.WORKER: 1.63,
    Signal.FIRST_WORKER: -0.71,
    Signal.FIRST_OF_MANY: 1.87,
    Signal.LAST_OF_FEW: 0.36,
    Signal.FIRST_OF_RETRY_RUN: 0.63,
    Signal.FIRST_HARD_ERROR: 1.59,
    Signal.HARD_ERROR: -0.62,
    Signal.FIRST_HEDGE: 0.48,
    Signal.INTRODUCED_FINAL_CONTENT: 0.90,
    Signal.CODE: 0.3,  # fitted 1.03: a habit of the framework that the sessions came from
    Signal.ZERO_REWARD: 1.5,  # a prior, not fitted
}

# Searched in lower-case text: that takes half the time of ignoring case.
_HARD_ERROR: Final = re.compile(
    r"exitcode: [1-9]|exit(ed)?( with)?( code| status)?[: ]+[1-9]|<returncode>[1-9]"
    r"|traceback|exception|error:|execution failed|fatal:|panic:"
)
_HEDGE: Final = re.compile(
    r"\b(assum\w+|likely|probably|typically|hypothetical|example|simulat\w+|placeholder|approximate\w*"
    r"|estimate\w*|general knowledge|should be|appears to be|suppose|mock|sample|manual(ly)?)\b"
)
_CODE: Final = "```"


def posterior(present: Sequence[Mapping[Signal, float]], weights: Mapping[Signal, float] = WEIGHTS) -> list[float]:
    """How likely each player is the root cause of a failure: n values > 0 that sum to 1, or an empty list.

    Args:
        present: per player, the signals that are present with their strength, from `signals`.
        weights: how much each signal counts.
    """
    if not present:
        return []
    scores = [sum(weights[name] * strength for name, strength in found.items()) for found in present]
    top = max(scores)
    odds = [math.exp(score - top) for score in scores]
    total = sum(odds)
    return [value / total for value in odds]


def signals(session: Trajectory) -> list[dict[Signal, float]]:
    """Per player, the signals that are present, each with a strength above 0."""
    players = session.players
    if not players:
        return []
    workers = [place for place, player in enumerate(players) if player.is_worker] or list(range(len(players)))
    limit = max(_FEWEST_CHARS, _CHARS_LIMIT // len(players))
    failed = [
        player.status is Status.ERROR or bool(_HARD_ERROR.search(_ends(player.observation, limit)))
        for player in players
    ]
    singled_out = {
        Signal.FIRST_OF_RETRY_RUN: _first_of_retry_run(session, workers),
        Signal.FIRST_HARD_ERROR: next((place for place in workers if failed[place]), None),
        Signal.FIRST_HEDGE: next((p for p in workers if _HEDGE.search(_ends(players[p].output, limit))), None),
    }
    found: list[dict[Signal, float]] = [
        {
            name: 1.0
            for name, is_present in (
                (Signal.HARD_ERROR, failed[place]),
                (Signal.CODE, _CODE in player.output),
                (Signal.ZERO_REWARD, player.reward == 0),
            )
            if is_present
        }
        for place, player in enumerate(players)
    ]
    for place in workers:
        found[place][Signal.WORKER] = 1.0
    for name, singled in singled_out.items():
        if singled is not None:
            found[singled][name] = 1.0
    for place in _introducers(session):
        found[place][Signal.INTRODUCED_FINAL_CONTENT] = 1.0
    found[workers[0]][Signal.FIRST_WORKER] = 1.0
    found[workers[0]][Signal.FIRST_OF_MANY] = min(1.0, len(workers) / _MANY)
    found[workers[-1]][Signal.LAST_OF_FEW] = _FEW / len(workers)
    return found


def _ends(text: str, limit: int) -> str:
    return (text if len(text) <= limit else f"{text[: limit // 2]}\n{text[-(limit // 2) :]}").lower()


def _first_of_retry_run(session: Trajectory, workers: Sequence[int]) -> int | None:
    """The earliest worker whose task the same agent was given again."""
    asked: dict[str, list[tuple[int, frozenset[str]]]] = {}
    for place in workers:
        task = content(session.task_words[place])
        earlier = asked.setdefault(session.players[place].agent_type, [])
        for before, other in earlier[-REMEMBERED_TASKS:]:
            if likeness(task, other) >= RETRY_LIKENESS:
                return before
        if session.players[place].task:
            earlier.append((place, task))
    return None


def _introducers(session: Trajectory) -> set[int]:
    """Players that first said a word with a digit that is in the final output and not in the request."""
    asked = set(words(session.root_task))
    facts = {word for word in words(session.final_output) if word not in asked and any(c.isdigit() for c in word)}
    found: set[int] = set()
    for place, output in enumerate(session.output_words):
        if not facts:
            break
        said = facts.intersection(output)
        if said:
            found.add(place)
            facts -= said
    return found
