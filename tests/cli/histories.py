"""Made-up histories with a known truth, in a real database file."""

import random
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

import anyio

from storage.opening import open_store
from storage.queries import Batch
from storage.records import Reward, Span
from storage.vocabulary import Level, RewardSource
from tests.factories import NOON, a_reward, a_span

Truth = Mapping[tuple[str, str], float]
SMALL, LARGE = ("Explore", "claude-haiku-5-5"), ("Explore", "claude-opus-5-5")
BETTER: Truth = {SMALL: 0.35, LARGE: 0.85}
EQUAL: Truth = {SMALL: 0.6, LARGE: 0.6}


def keep(db: Path, spans: Iterable[Span], rewards: Iterable[Reward] = ()) -> None:
    """Put records into a database."""

    async def keeping() -> None:
        store = open_store(str(db))
        try:
            await store.add(Batch(spans=list(spans), rewards=list(rewards)))
        finally:
            await store.close()

    anyio.run(keeping, backend="asyncio")


def judged(
    db: Path,
    n: int,
    truth: Truth,
    *,
    seed: int = 1,
    task_type: str | None = "search",
    confounded: bool = False,
    source: RewardSource = RewardSource.HUMAN,
) -> None:
    """Judged delegations, five minutes apart, of arms taken by chance, or in a confounded history by hardness.

    There the last arm gets the hard tasks, at which every arm is worse by 0.4.
    """
    chance = random.Random(seed)
    arms = list(truth)
    spans: list[Span] = []
    rewards: list[Reward] = []
    for number in range(n):
        level = chance.choice([Level.LOW, Level.HIGH])
        arm = chance.choice(arms)
        if confounded:
            arm = arms[-1] if chance.random() < (0.85 if level is Level.HIGH else 0.15) else arms[0]
        success = truth[arm] - (0.4 if confounded and level is Level.HIGH else 0.0)
        start = NOON - timedelta(minutes=5 * (n - number))
        spans.append(
            a_span(
                span_id=f"{task_type}-{seed}-{number}",
                session_id=f"session-{seed}-{number // 10}",
                agent_type=arm[0],
                model=arm[1],
                task_type=task_type,
                complexity=level if confounded else None,
                task=f"task {seed} {number}",
                cost_usd=0.05 if arm[1] == LARGE[1] else 0.01,
                started_at=start,
                ended_at=start + timedelta(seconds=chance.uniform(20, 40)),
            )
        )
        value = float(chance.random() < success)
        rewards.append(a_reward(span_id=spans[-1].span_id, value=value, source=source, given_at=start))
    keep(db, spans, rewards)
