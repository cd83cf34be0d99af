"""Does the router earn more than plain policies, and is what it says of itself true?

Replays questions whose outcome is known for every arm: the router ranks, its first arm is taken, only that reward is
seen. Regret is what the best single arm in hindsight would have earned, minus what was earned. Then it learns from
logs and advises once: what the advice earns, and how well its own forecast of that is calibrated.

The data are not part of the project: JSON lines, gzipped, each with `text`, `task_type` and `reward` by model.

    python benchmarks/routing.py DATA.jsonl.gz              # 30 streams, about three minutes
    python benchmarks/routing.py DATA.jsonl.gz --quick
    python benchmarks/routing.py DATA.jsonl.gz --through service    # the product on a database; about half an hour
    python benchmarks/routing.py DATA.jsonl.gz --through tools --seeds 2
"""

import argparse
import gzip
import json
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from measuring import Clock, Floor, Report, arguments
from product import THROUGH, ProductLearner
from routers import AnyArm, ArmMeans, EpsilonGreedy, Learner, Make, RollupLearner, Task, Thompson

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.ranking import Ranked
from storage.vocabulary import Level

_LEVELS: Final = tuple(Level)
_FRESH: Final = 100
_PERCEPTION_NOISE_SD: Final = 0.7
_HABIT: Final = 1.5
_TASTE_SD: Final = 1.2
_EXPLORED: Final = 0.05
_SURE: Final = 0.5
_LONG_LOG: Final = 1000
_ROUTER: Final = "the router"
_POLICIES: Final[Mapping[str, Make]] = {
    "any arm": AnyArm,
    "epsilon-greedy 0.1": EpsilonGreedy,
    "Thompson sampling": Thompson,
    "means of arms": lambda _: RollupLearner(ArmMeans),
    _ROUTER: lambda _: RollupLearner(),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A task with what each arm earns on it."""

    text: str
    task_type: str
    reward: Mapping[Arm, float]


class Run(NamedTuple):
    """One kind of stream."""

    name: str
    length: int
    target: float
    """Regret that the router must not exceed."""
    recurs: bool = False
    drifts: bool = False


class Told(NamedTuple):
    """A piece of advice, and what came of it."""

    first: Ranked
    earned: float
    truth: float | None
    """Mean reward of that arm on that type of task, over all data."""


_RUNS: Final = (
    Run("fresh tasks", 300, 17.0),
    Run("tasks come back up to five times", 300, -2.0, recurs=True),
    Run("best and worst arm swap half-way", 300, 11.0, drifts=True),
)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("data", type=Path, metavar="DATA.jsonl.gz")
    parser.add_argument("--quick", action="store_true", help="6 streams, 4 logs")
    parser.add_argument("--seeds", type=int, metavar="N", help="streams (default: 30; two thirds as many logs)")
    parser.add_argument("--per-day", type=int, default=20, metavar="N", help="delegations a day (default: 20)")
    parser.add_argument(
        "--through", choices=THROUGH, help="the product on a database, by its services or tools; default: its router"
    )
    parser.add_argument("--only", choices=("runs", "advice"), help="only streams, or only advice from logs")
    given = parser.parse_args()
    given.seeds = given.seeds or (6 if given.quick else 30)
    report = Report(given, "does the router earn more than plain policies, and is what it says of itself true?")
    cases = load(given.data)
    report.note(f"{len(cases):,} questions, {len(cases[0].reward)} arms, {given.seeds} streams")
    if given.only != "advice":
        for run in _RUNS:
            regrets(report, run, cases, given)
    if given.only == "runs":
        report.save()
        return
    logs = max(2, given.seeds * 2 // 3)
    advice(report, cases, given, length=200, logs=logs)
    advice(report, cases, given, length=200, logs=logs, confounded=True)
    if not given.quick:
        given.per_day = 60
        advice(report, cases, given, length=2000, logs=8)
    speed(report, cases)
    report.save()


def load(path: Path) -> list[Case]:
    """One case for each line; every model is an arm of one agent."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Case(row["text"], row["task_type"], {Arm("any", m): r for m, r in row["reward"].items()}) for row in rows]


def regrets(report: Report, run: Run, cases: Sequence[Case], given: argparse.Namespace) -> None:
    """Report the regret of each policy on the same streams."""
    arms = sorted(cases[0].reward)
    quality = {arm: statistics.fmean(case.reward[arm] for case in cases) for arm in arms}
    best, worst = max(arms, key=quality.__getitem__), min(arms, key=quality.__getitem__)
    swap = {best: worst, worst: best} if run.drifts else {}
    found: dict[str, list[float]] = {name: [] for name in _POLICIES}
    for seed in range(given.seeds):
        stream = _stream(run, cases, random.Random(1000 + seed))
        calendar = _days(run.length, given.per_day, random.Random(2000 + seed))
        half = run.length // 2
        single = max(
            sum(case.reward[arm] for case in stream[:half])
            + sum(case.reward[swap.get(arm, arm)] for case in stream[half:])
            for arm in arms
        )
        for name, make in _POLICIES.items():
            learner = _router(given) if name == _ROUTER else make(random.Random(seed))
            found[name].append(single - _play(learner, stream, calendar, swap))
            _close(learner)
    for name, values in found.items():
        target = Floor("target", run.target) if name == _ROUTER else None
        what = f"regret, {run.name}: {name} ±{_half_width(values):.1f}"
        report.amount(what, statistics.fmean(values), f"of {run.length}", target)
    paired = [mine - other for mine, other in zip(found[_ROUTER], found["epsilon-greedy 0.1"], strict=True)]
    report.amount(
        f"the same, router less epsilon-greedy, paired ±{_half_width(paired):.1f}", statistics.fmean(paired), ""
    )


def advice(
    report: Report,
    cases: Sequence[Case],
    given: argparse.Namespace,
    *,
    length: int,
    logs: int,
    confounded: bool = False,
) -> None:
    """Learn from logs and advise on fresh tasks: value, optimism, calibration, coverage."""
    name = f"{'confounded' if confounded else 'uniform'} log of {length:,}"
    values: list[float] = []
    for uses_complexity in (True, False):
        told = [
            one
            for seed in range(logs)
            for one in _advised(cases, length, seed, given, confounded=confounded, uses_complexity=uses_complexity)
        ]
        values.append(statistics.fmean(one.earned for one in told))
        suffix = "" if uses_complexity else ", without complexity"
        target = None if confounded or suffix else Floor("target", 0.57 if length < _LONG_LOG else 0.59)
        report.amount(f"value of advice, {name}{suffix}", values[-1], "", target)
        if uses_complexity:
            _calibration(report, name, told, has_target=not confounded)
    if confounded:
        report.amount(f"gain by complexity, {name}", values[0] - values[1], "", Floor("target, at least", 0.03))
    quality = max(statistics.fmean(case.reward[arm] for case in cases) for arm in cases[0].reward)
    report.amount("the best single arm in hindsight earns", quality, "")


def speed(report: Report, cases: Sequence[Case]) -> None:
    """How long one ranking takes, neighbours and all, with 1,000 judged delegations."""
    chance = random.Random(1)
    learner = RollupLearner()
    arms = sorted(cases[0].reward)
    fitting, ranking = Clock("one more reward, with the fit where it is due"), Clock("one ranking of 9 arms")
    for day, case in enumerate(chance.sample(list(cases), 1000)):
        task = Task(case.text, Profile(case.task_type, chance.choice(_LEVELS)), day // 20)
        arm = chance.choice(arms)
        with fitting.lap():
            learner.observe(task, arm, case.reward[arm])
        if day >= 800:
            with ranking.lap():
                learner.ranking(task, arms)
    report.timing(fitting)
    report.timing(ranking)


def _play(learner: Learner, stream: Sequence[Case], calendar: Sequence[int], swap: Mapping[Arm, Arm]) -> float:
    """What was earned; from half-way on an arm earns what `swap` says."""
    earned = 0.0
    for position, case in enumerate(stream):
        task = Task(case.text, Profile(case.task_type), calendar[position])
        arm = learner.order(task, sorted(case.reward))[0]
        reward = case.reward[swap.get(arm, arm) if position >= len(stream) // 2 else arm]
        learner.observe(task, arm, reward)
        earned += reward
    return earned


def _advised(
    cases: Sequence[Case], length: int, seed: int, given: argparse.Namespace, *, confounded: bool, uses_complexity: bool
) -> list[Told]:
    """Advice after one log. In a confounded one the hard tasks went to the strong arms, and some arms were liked."""
    chance = random.Random(500 + seed)
    arms = sorted(cases[0].reward)
    skill = _standardised([statistics.fmean(case.reward[arm] for case in cases) for arm in arms])
    truth = _means_by_type(cases)
    drawn = chance.sample(list(cases), length + _FRESH)
    level = _perceived(drawn, chance)
    taste = [_TASTE_SD * chance.gauss(0, 1) for _ in arms]
    calendar = _days(len(drawn), given.per_day, random.Random(2000 + seed))
    learner = _router(given, uses_complexity=uses_complexity)
    told: list[Told] = []
    for position, case in enumerate(drawn):
        task = Task(case.text, Profile(case.task_type, _LEVELS[level[position]]), calendar[position])
        if position >= length:
            first = max(learner.ranking(task, arms), key=lambda one: one.p)
            told.append(Told(first, case.reward[first.arm], truth.get((case.task_type, first.arm))))
            continue
        pull = [liked + _HABIT * (level[position] - 1) * able for liked, able in zip(taste, skill, strict=True)]
        odds = [(1 - _EXPLORED) * math.exp(one - max(pull)) if confounded else 1.0 for one in pull]
        floor = _EXPLORED * sum(odds) / len(arms)
        arm = chance.choices(arms, [one + floor for one in odds])[0]
        learner.observe(task, arm, case.reward[arm])
    _close(learner)
    return told


def _router(given: argparse.Namespace, *, uses_complexity: bool = True) -> "RollupLearner | ProductLearner":
    if given.through is None:
        return RollupLearner(uses_complexity=uses_complexity)
    return ProductLearner(given.through, uses_complexity=uses_complexity)


def _close(learner: Learner) -> None:
    if isinstance(learner, ProductLearner):
        learner.close()


def _calibration(report: Report, name: str, told: Sequence[Told], *, has_target: bool) -> None:
    bins: dict[int, list[float]] = {}
    for one in told:
        bins.setdefault(min(9, int(10 * one.first.p)), []).append(one.first.p - one.earned)
    error = sum(abs(sum(gaps)) for gaps in bins.values()) / len(told)
    optimism = statistics.fmean(one.first.p - one.earned for one in told)
    brier = statistics.fmean((one.first.p - one.earned) ** 2 for one in told)
    covered = [one.first.low <= one.truth <= one.first.high for one in told if one.truth is not None]
    sure = sum(one.first.p_best >= _SURE for one in told) / len(told)
    report.amount(f"optimism, {name}", optimism, "", Floor("target, either way", 0.06) if has_target else None)
    report.amount(f"calibration error in 10 bins, {name}", error, "", Floor("target", 0.10) if has_target else None)
    report.amount(f"Brier score, {name}", brier, "")
    report.amount(f"90 % intervals that hold the mean of type and arm, {name}", statistics.fmean(covered), "")
    report.amount(f"advice with P(best) of a half or more, {name}", sure, "")


def _stream(run: Run, cases: Sequence[Case], chance: random.Random) -> list[Case]:
    if not run.recurs:
        return chance.sample(list(cases), run.length)
    few = chance.sample(list(cases), max(1, run.length // 4)) * 5
    chance.shuffle(few)
    return few[: run.length]


def _days(length: int, per_day: int, chance: random.Random) -> list[int]:
    """The day of each delegation: bursts, so many on average."""
    found: list[int] = []
    day = 0
    while len(found) < length:
        found += [day] * chance.choice([0, per_day // 2, per_day, per_day, 2 * per_day + per_day // 2])
        day += 1
    return found[:length]


def _perceived(cases: Sequence[Case], chance: random.Random) -> list[int]:
    """Complexity 0, 1, 2 as somebody might judge it beforehand: the truth with noise."""
    hardness = _standardised([1 - statistics.fmean(case.reward.values()) for case in cases])
    seen = [one + _PERCEPTION_NOISE_SD * chance.gauss(0, 1) for one in hardness]
    low, high = statistics.quantiles(seen, n=3)
    return [(one > low) + (one > high) for one in seen]


def _means_by_type(cases: Sequence[Case]) -> dict[tuple[str, Arm], float]:
    rewards: dict[tuple[str, Arm], list[float]] = {}
    for case in cases:
        for arm, reward in case.reward.items():
            rewards.setdefault((case.task_type, arm), []).append(reward)
    return {key: statistics.fmean(values) for key, values in rewards.items()}


def _standardised(values: Sequence[float]) -> list[float]:
    mean, sd = statistics.fmean(values), statistics.pstdev(values)
    return [(value - mean) / sd for value in values]


def _half_width(values: Sequence[float]) -> float:
    """Of a 95 % interval of the mean."""
    return 1.96 * statistics.pstdev(values) / math.sqrt(len(values))


if __name__ == "__main__":
    main()
