"""How often does blame find the mistake that people marked, and how fast is credit shared out?

Accuracy: failed sessions of agent teams in which people marked the decisive agent and step (the Who&When development
set, which is not part of this project: give its path). An agent is found where it has the most blame in sum, a step
where the delegation with the most blame is that very step, a top three where one of the three is. The floor is the
rule "last worker before the failure". Intervals are Wilson's, 95 %; discordant pairs with the floor are told.

Ground truth: made-up traces of four agents in four arrangements; a reward is right where it reaches its own agent.

Speed: trees, repair and credit, up to 100,000 spans.

    python benchmarks/blaming.py --who-and-when /some/folder/who_and_when_dev.jsonl.gz
"""

import gzip
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from measuring import Clock, Floor, Report, arguments

from mcp_server.analysis.blame import posterior, signals
from mcp_server.analysis.credit import Verdict, assess
from mcp_server.analysis.critical_path import critical_path
from mcp_server.analysis.intervals import wilson
from mcp_server.analysis.matching import FoundReward, match
from mcp_server.analysis.players import Player, Trajectory, trajectory
from mcp_server.analysis.repair import repair
from mcp_server.analysis.trees import grow
from mcp_server.analysis.words import words
from storage.records import Span
from storage.vocabulary import SpanKind

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.analysis.trajectories import a_chain, a_team
from tests.factories import NOON, a_span, at

Blame = Callable[[Trajectory], Sequence[float]]

_Z_95: Final = 1.959963984540054
_WORLD: Final = {"computer_terminal", "computerterminal"}  # they answer, and are nobody's mistake
_SILENT: Final = _WORLD | {"human"}
_TARGETS: Final = {"agent": 60.0, "step": 34.0, "top 3": 62.0}
_TRACES: Final = 200
_FEWEST_WORDS: Final = 3


@dataclass(frozen=True, slots=True)
class Labelled:
    """A failed session and what people blamed; `steps` tells the place of each player in the original."""

    subset: str
    session: Trajectory
    steps: Sequence[int]
    step: int
    agent: str


def labelled(path: Path) -> list[Labelled]:
    """All sessions of the file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [_labelled(json.loads(line)) for line in lines]


def _labelled(row: dict[str, Any]) -> Labelled:
    history = row["history"]
    texts = [turn["content"] or "" for turn in history]
    agents = [str(turn.get("name") or turn["role"]).split(" (")[0] for turn in history]
    instructed: dict[str, str] = {}
    players: list[Player] = []
    steps: list[int] = []
    for step, turn in enumerate(history):
        if "Orchestrator (->" in turn["role"]:
            instructed[turn["role"].split("-> ")[1].rstrip(")")] = texts[step]
        if agents[step].lower() in _SILENT:
            continue
        answered = step + 1 < len(history) and agents[step + 1].lower() in _WORLD
        players.append(
            Player(
                span_id=str(step),
                agent_type=agents[step],
                task=instructed.get(agents[step], ""),
                output=texts[step],
                observation=texts[step + 1] if answered else "",
                is_worker=agents[step] != "Orchestrator",
            )
        )
        steps.append(step)
    final = next((text for text in reversed(texts) if len(words(text)) >= _FEWEST_WORDS), "")
    session = Trajectory(players=players, root_task=row["question"], final_output=final)
    return Labelled(row["subset"], session, steps, row["mistake_step"], row["mistake_agent"])


def ours(session: Trajectory) -> Sequence[float]:
    """The product's blame."""
    return posterior(signals(session))


def last_before_failure(session: Trajectory) -> Sequence[float]:
    """All blame on the last worker."""
    workers = [place for place, player in enumerate(session.players) if player.is_worker]
    last = workers[-1] if workers else len(session.players) - 1
    return [float(place == last) for place in range(len(session.players))]


def hits(blame: Blame, cases: Sequence[Labelled]) -> dict[str, list[bool]]:
    """Per case, whether the agent, the step, and one of the three likeliest steps is the marked one."""
    found: dict[str, list[bool]] = {name: [] for name in _TARGETS}
    for case in cases:
        shares = blame(case.session)
        order = sorted(range(len(shares)), key=lambda place: (-shares[place], place))
        by_agent: dict[str, float] = {}
        for player, share in zip(case.session.players, shares, strict=True):
            by_agent[player.agent_type] = by_agent.get(player.agent_type, 0.0) + share
        found["agent"].append(max(by_agent, key=by_agent.__getitem__) == case.agent)
        found["step"].append(case.steps[order[0]] == case.step)
        found["top 3"].append(case.step in [case.steps[place] for place in order[:3]])
    return found


def accuracy(report: Report, cases: Sequence[Labelled]) -> None:
    for subset in (*sorted({case.subset for case in cases}), "all"):
        chosen = [case for case in cases if subset in {case.subset, "all"}]
        mine, floor = hits(ours, chosen), hits(last_before_failure, chosen)
        for name, target in _TARGETS.items():
            n, right = len(chosen), sum(mine[name])
            interval, other = wilson(right / n, n, _Z_95), sum(floor[name])
            won = sum(a and not b for a, b in zip(mine[name], floor[name], strict=True))
            lost = sum(b and not a for a, b in zip(mine[name], floor[name], strict=True))
            report.amount(
                f"{subset}, {n} sessions: {name} found", 100 * right / n, "%", Floor("last before", 100 * other / n)
            )
            report.note(
                f"  [{100 * interval.low:.1f}, {100 * interval.high:.1f}]; alone right {won}, alone wrong {lost}"
                + (f"; target {target:.0f}: {'met' if 100 * right >= target * n else 'MISSED'}" * (subset == "all"))
            )
    clock = Clock("blame of one session")
    for case in cases:
        with clock.lap():
            ours(case.session)
    report.timing(clock)


def ground_truth(report: Report) -> None:
    arrangements = {"sequential": 0.0, "half overlapping": 0.5, "parallel": 1.0}
    for name, overlap in arrangements.items():
        for floated in (False, True):
            right = total = 0
            for seed in range(_TRACES):
                team = a_team(seed, overlap=overlap, floated=floated)
                rewards = [
                    FoundReward(found.reward_id, found.value, at(found.after_s), parent_span_id=found.parent_span_id)
                    for found in team.rewards
                ]
                total += len(rewards)
                for found in match(repair(team.spans).spans, rewards).matches:
                    caller = team.callers.get(found.call_id or "")
                    right += found.reward.reward_id == f"reward-of-{found.span_id}" and caller == found.span_id
            where = "floated to the root" if floated else "in place"
            report.amount(f"rewards that reach the right agent's call: {name}, {where}", 100 * right / total, "%")


def floating(n: int) -> list[Span]:
    """Agents with ten calls each, all of which hang on the root; half of the calls name their agent."""
    spans = [a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", ended_at=at(n))]
    for run in range(n // 10):
        begin, name = run * 10.0, f"agent-{run}"
        spans.append(
            a_span(span_id=name, parent_span_id="main", agent_type=name, started_at=at(begin), ended_at=at(begin + 9))
        )
        spans += [
            a_span(
                span_id=f"{name}-{call}",
                parent_span_id="main",
                kind=SpanKind.LLM_CALL,
                agent_type=name if call % 2 else "unknown",
                started_at=at(begin + 0.1 + call * 0.5),
                ended_at=at(begin + 0.5 + call * 0.5),
            )
            for call in range(10)
        ]
    return spans


def delegating(n: int, delegations: int, words_each: int) -> list[Span]:
    """A session with that many spans and delegations; each of these builds on the one before."""
    rng = Random(n)
    vocabulary = [f"word{number}" for number in range(5000)]
    spans = [a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", task="do it all", ended_at=at(n))]
    said: list[str] = []
    for number in range(delegations):
        said = said[-words_each // 5 :] + rng.choices(vocabulary, k=words_each - words_each // 5)
        spans.append(
            a_span(
                span_id=f"d{number}",
                parent_span_id=f"d{number - 1}" if number % 3 == 1 else "main",
                task=" ".join(rng.choices(vocabulary, k=words_each // 3)),
                output=" ".join(said),
                started_at=NOON + timedelta(seconds=number),
                ended_at=NOON + timedelta(seconds=number + 1),
            )
        )
    spans[0] = spans[0].model_copy(update={"output": " ".join(said)})
    for number in range(n - len(spans)):
        owner = spans[1 + number % delegations]
        spans.append(
            a_span(
                span_id=f"c{number}",
                parent_span_id=owner.span_id,
                kind=SpanKind.TOOL_CALL,
                started_at=owner.started_at,
                ended_at=owner.ended_at,
                output="exit code 0",
            )
        )
    return spans


def measured(report: Report, name: str, work: Callable[[], object], times: int) -> None:
    clock = Clock(name)
    for _ in range(times):
        with clock.lap():
            work()
    report.timing(clock)


def speed(report: Report, sizes: Iterable[int]) -> None:
    for n in sizes:
        times = 20 if n <= 10_000 else 3
        spans = floating(n)
        measured(report, f"repair, {n:,} floated calls", lambda spans=spans: repair(spans), times)  # type: ignore[misc]
        measured(report, f"tree, {len(spans):,} spans, wide", lambda spans=spans: grow(spans), times)  # type: ignore[misc]
        chain = a_chain(n)
        measured(report, f"tree, {n:,} spans, one below the other", lambda chain=chain: grow(chain), times)  # type: ignore[misc]
        measured(report, f"critical path, {n:,} runs", lambda chain=chain: critical_path(chain), times)  # type: ignore[misc]
    for words_each in (100, 1000):
        spans = delegating(10_000, 500, words_each)
        measured(
            report,
            f"credit, 10,000 spans, 500 delegations, {words_each:,} words each",
            lambda spans=spans: assess(trajectory(spans), Verdict(0.5)),  # type: ignore[misc]
            5,
        )


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--who-and-when", type=Path, metavar="FILE", help="who_and_when_dev.jsonl.gz")
    parser.add_argument("--spans", type=int, nargs="+", default=[4000, 100_000], help="sizes for speed")
    given = parser.parse_args()
    report = Report(given, "How often does blame find the marked mistake, and how fast is credit shared out?")
    path: Path | None = given.who_and_when
    if path is not None and path.is_file():
        accuracy(report, labelled(path))
    else:
        report.note(f"no labelled sessions at {path}: accuracy is not measured; give --who-and-when FILE")
    ground_truth(report)
    speed(report, given.spans)
    report.save()


if __name__ == "__main__":
    main()
