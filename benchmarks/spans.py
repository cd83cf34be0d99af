"""Deterministic spans of the size and shape that real delegations have.

A trajectory is a session of 20 spans: the main agent and 19 delegations, 13 of them its own and 6 one level deeper.
Each has a task of 2 KB and an output of 4 KB, which compress about as well as real text: 7 kB as JSON, 2.7 kB zlib.
Span k of trajectory i never changes, so results of different runs can be compared. Model and task type decide how
often a delegation fails, so statistics over the data mean something. Each task names a change of its own, which makes
one word in the whole store that leads to one span.

With fewer delegations in a trajectory the rest of its 20 spans are calls of models and tools, as captured sessions have
them: two delegations make 100,000 among a million spans.

    python benchmarks/spans.py 20        # JSON lines
"""

import argparse
import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from storage.records import Reward, Span
from storage.vocabulary import RewardSource

SPANS_PER_TRAJECTORY: Final = 20
TASK_BYTES: Final = 2048
OUTPUT_BYTES: Final = 4096

DELEGATIONS: Final = SPANS_PER_TRAJECTORY - 1
"""In a trajectory that has no calls."""

_OWN_DELEGATIONS: Final = 13
_INPUT_BYTES: Final = 160
_RESULT_BYTES: Final = 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_START_US: Final = 1_790_000_000_000_000  # September 2026
_BETWEEN_TRAJECTORIES_US: Final = 60_000_000
_BETWEEN_SPANS_US: Final = 2_000_000
_JUDGED: Final = 0.25  # share of delegations
_PROJECTS: Final = 12
_BRANCHES: Final = 40

AGENTS: Final = (
    "Explore", "Plan", "general-purpose", "code-reviewer", "test-runner", "Bash", "security-auditor", "doc-writer",
)  # fmt: skip
MODELS: Final = ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5")
TASK_TYPES: Final = ("search", "implement", "review", "test", "research", "refactor", "docs", "debug")
_HARD: Final = frozenset({"debug", "research", "refactor"})
_TOOLS: Final = ("Read", "Grep", "Glob", "Bash", "Edit", "Write", "WebFetch", "TodoWrite")
_LEVELS: Final = ("low", "medium", "high")
_USD_PER_MILLION: Final = {  # input, output, cache read, cache write 5 min
    "claude-opus-4-5": (5, 25, 0.5, 6.25),
    "claude-sonnet-4-5": (3, 15, 0.3, 3.75),
    "claude-haiku-4-5": (1, 5, 0.1, 1.25),
}
_PROSE: Final = """
    the file function returns error when session expires because handler does not check refresh path
    src/auth/session.py line 214 def validate(self, name: str) -> bool: raise ValueError test passed failed expected got
    assert response status code 200 database migration index query plan uses scan instead of lookup import module class
    method async await context manager retry backoff timeout config environment variable directory search found matches
    in grep pattern refactor extract helper duplicate logic please ensure coverage remains above review comment unclear
    naming consider splitting commit branch merge conflict resolved summary of changes next steps verify rollback deploy
    staging production latency p95 memory usage leak thread lock contention queue worker batch schema field nullable
    default value JSON parse {"ok": true} null undefined 0x7ffd npm pip install version pinned lockfile hash mismatch
    docs README section example snippet output truncated
"""
_WORDS: Final = _PROSE.split()


def _sentences() -> list[str]:
    chance = random.Random(7)
    return [" ".join(chance.choices(_WORDS, k=26)) + f" [{chance.getrandbits(40):010x}]\n" for _ in range(4096)]


_SENTENCES: Final = _sentences()  # about 170 bytes each; a text is a random run of them

Row = dict[str, Any]
"""A span as plain values, named and measured as the columns of the tables `span` and `span_text`: texts are strings."""


def session_id(number: int) -> str:
    """Of trajectory `number`."""
    digest = hashlib.md5(f"session {number}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"


def change(number: int, place: int) -> str:
    """The word that occurs in the task of this one span only."""
    return "chg" + _span_id(number, place)[:12]


def start_of(number: int) -> datetime:
    """When trajectory `number` begins."""
    return _EPOCH + timedelta(microseconds=_FIRST_START_US + number * _BETWEEN_TRAJECTORIES_US)


def trajectory(number: int, delegations: int = DELEGATIONS) -> list[Row]:
    """The rows of one trajectory, main agent first, in the order of their starts.

    Args:
        number: which one.
        delegations: from 1 to 19; the rest of the 20 are calls.
    """
    chance = random.Random(number)
    rows: list[Row] = []
    for place in range(1 + delegations):
        parent = None
        if place:
            parent = rows[0 if place <= _OWN_DELEGATIONS else chance.randint(1, _OWN_DELEGATIONS)]["span_id"]
        rows.append(_row(number, place, parent, chance))
    for place in range(1 + delegations, SPANS_PER_TRAJECTORY):
        rows.append(_call(number, place, rows[chance.randint(0, delegations)], chance))
    by_id = {row["span_id"]: row for row in rows}
    for row in reversed(rows):
        if row["parent_span_id"] and row["kind"] == "delegation":
            by_id[row["parent_span_id"]]["subtree_cost_usd"] += row["subtree_cost_usd"]
    return rows


def trajectories(count: int, delegations: int = DELEGATIONS) -> Iterator[list[Row]]:
    """So many trajectories."""
    for number in range(count):
        yield trajectory(number, delegations)


def span(row: Mapping[str, Any]) -> Span:
    """The record that is stored as this row."""
    given = {name: value for name, value in row.items() if not name.endswith("_us")}
    return Span(
        **given,
        started_at=_time(row["started_us"]),
        ended_at=_time(row["ended_us"]),
        observed_at=_time(row["observed_us"]),
    )


def rewards(rows: list[Row]) -> list[Reward]:
    """What was judged of a trajectory: about a quarter of its delegations, by tests and verifiers."""
    chance = random.Random(rows[0]["span_id"])
    return [_reward(row, chance) for row in rows[1:] if row["kind"] == "delegation" and chance.random() < _JUDGED]


def _row(number: int, place: int, parent: str | None, chance: random.Random) -> Row:
    span_id = _span_id(number, place)
    model = chance.choice(MODELS) if place else MODELS[0]
    task_type = chance.choice(TASK_TYPES)
    failed = chance.random() < 0.05 + 0.06 * MODELS.index(model) * (1.7 if task_type in _HARD else 0.4)
    duration_ms = int(chance.lognormvariate(9.4, 0.8))
    tokens = [int(chance.lognormvariate(mean, spread)) for mean, spread in ((6.5, 1), (7, 0.7), (11, 0.8), (9, 0.6))]
    cost_usd = sum(count * usd for count, usd in zip(tokens, _USD_PER_MILLION[model], strict=True)) / 1e6
    tools = tuple(chance.choices(_TOOLS, k=chance.randint(1, 15)))
    started_us = _FIRST_START_US + number * _BETWEEN_TRAJECTORIES_US + place * _BETWEEN_SPANS_US
    title = f"{task_type} {chance.choice(_WORDS)} {chance.choice(_WORDS)}"
    return {
        "span_id": span_id,
        "session_id": session_id(number),
        "parent_span_id": parent,
        "kind": "delegation" if place else "session",
        "name": title if place else None,
        "agent_type": chance.choice(AGENTS) if place else "main",
        "agent_id": f"a{span_id}" if place else None,
        "tool_use_id": f"toolu_01{span_id}" if place else None,
        "model": model,
        "client": "claude-code",
        "project": f"/home/user/project-{number % _PROJECTS}",
        "branch": f"feature/{number % _BRANCHES}",
        "task": f"{title} for {change(number, place)}: {_text(chance, TASK_BYTES)}"[:TASK_BYTES],
        "task_type": task_type if place else None,
        "complexity": chance.choice(_LEVELS) if place else None,
        "output": _text(chance, OUTPUT_BYTES),
        "status": "error" if failed else "ok",
        "outcome": "failure" if failed else "unknown",
        "started_us": started_us,
        "ended_us": started_us + duration_ms * 1000,
        "duration_ms": duration_ms,
        "tool_sequence": tools,
        "tool_call_count": len(tools),
        "tool_error_count": chance.randint(0, 2) if failed else 0,
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "cache_read_tokens": tokens[2],
        "cache_write_5m_tokens": tokens[3],
        "cache_write_1h_tokens": 0,
        "cost_usd": round(cost_usd, 6),
        "subtree_cost_usd": round(cost_usd, 6),
        "error": chance.choice(("timeout", "tool_error", "max_turns")) if failed else None,
        "source": "captured",
        "observed_us": started_us + duration_ms * 1000,
    }


def _call(number: int, place: int, agent: Row, chance: random.Random) -> Row:
    """A call of a tool or of the model by an agent; it starts within the agent's run and costs nothing of its own."""
    is_tool = chance.random() < 0.6
    started_us = agent["started_us"] + place * 1000
    duration_ms = int(chance.lognormvariate(6, 1))
    told = {
        "kind": "tool_call" if is_tool else "llm_call",
        "name": chance.choice(_TOOLS) if is_tool else None,
        "task": json.dumps({"command": _text(chance, _INPUT_BYTES)}) if is_tool else None,
        "output": _text(chance, _RESULT_BYTES if is_tool else _INPUT_BYTES),
        "input_tokens": None if is_tool else int(chance.lognormvariate(4, 1)),
        "output_tokens": None if is_tool else int(chance.lognormvariate(6, 0.7)),
    }
    of_agent = {name: agent[name] for name in ("session_id", "agent_type", "agent_id", "client", "project", "branch")}
    span_id = _span_id(number, place)
    return {
        **dict.fromkeys(agent),
        **of_agent,
        **told,
        "span_id": span_id,
        "parent_span_id": agent["span_id"],
        "tool_use_id": f"toolu_01{span_id}" if is_tool else None,
        "model": None if is_tool else agent["model"],
        "status": "ok",
        "outcome": "unknown",
        "started_us": started_us,
        "ended_us": started_us + duration_ms * 1000,
        "duration_ms": duration_ms,
        "tool_sequence": (),
        "source": "captured",
        "observed_us": started_us + duration_ms * 1000,
    }


def _reward(row: Row, chance: random.Random) -> Reward:
    low, high = (0.0, 0.5) if row["status"] == "error" else (0.7, 1.0)
    return Reward(
        reward_id=f"r{row['span_id']}",
        span_id=row["span_id"],
        value=round(chance.uniform(low, high), 3),
        source=chance.choice((RewardSource.TEST, RewardSource.VERIFIER)),
        given_at=_time(row["observed_us"]),
    )


def _span_id(number: int, place: int) -> str:
    return hashlib.md5(f"span {number} {place}".encode()).hexdigest()[:16]


def _text(chance: random.Random, size: int) -> str:
    return "".join(chance.choices(_SENTENCES, k=size // 100))[:size]  # no sentence is shorter than 100 characters


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=SPANS_PER_TRAJECTORY, help="rounded up to trajectories")
    for rows in trajectories(-(-parser.parse_args().count // SPANS_PER_TRAJECTORY)):
        for row in rows:
            print(json.dumps(row))


if __name__ == "__main__":
    main()
