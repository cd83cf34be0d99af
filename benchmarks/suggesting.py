"""How long does a suggestion take, and what is it made of?

The floors are its own parts: looking for similar tasks, deciding, remembering the decision. Learning from what was
judged before comes first and is reported apart. Suggestions are remembered in the database that is measured.

    python benchmarks/suggesting.py
    python benchmarks/suggesting.py --spans 10000 1000000 --delegations 2 --dir /some/folder --keep
"""

import asyncio
import random
from datetime import datetime
from pathlib import Path
from typing import Final

import databases
import spans
from measuring import Clock, Report, arguments
from spans import SPANS_PER_TRAJECTORY

from mcp_server.analysis.routing.arms import Arm, Profile
from mcp_server.analysis.routing.decisions import Known, Question, decide
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.advice_asked import Asked
from mcp_server.service.advising import Advising
from mcp_server.service.reporting import Reporting
from mcp_server.service.similar_lessons import neighbours
from storage.opening import open_store
from storage.queries import Batch, PageRequest
from storage.records import Reward
from storage.store import Store
from storage.vocabulary import Level, RewardSource

_WARM_UP: Final = 5
_LATER_CALLS: Final = 40


async def measure(report: Report, path: Path, count: int, calls: int) -> None:
    """Suggestions and their parts, then suggestions with a verdict before each."""
    store = open_store(str(path))
    now = spans.start_of(count // SPANS_PER_TRAJECTORY)
    keep = TextKeeper(lambda text: text)
    advising = Advising(store, Reporting(store).present, keep, config=path.parent, clock=lambda: now)
    try:
        learning = Clock(f"learning from all that was judged, {count:,} spans")
        with learning.lap():
            await advising.learning.caught_up()
        report.timing(learning)
        await _suggestions(report, store, advising, count, calls)
        await _after_verdicts(report, store, advising, count, now)
    finally:
        await store.close()


async def _suggestions(report: Report, store: Store, advising: Advising, count: int, calls: int) -> None:
    chance = random.Random(count)
    ours = Clock(f"Advising.suggest, {count:,} spans")
    near, deciding, keeping = Clock("similar tasks"), Clock("deciding"), Clock("keeping the decision")
    for number in range(calls + _WARM_UP):
        asked = _asked(chance, count)
        if number < _WARM_UP:
            await advising.suggest(asked)
            continue
        with ours.lap():
            await advising.suggest(asked)
        with near.lap():
            found = await neighbours(store.lessons, asked.task)
        fitted = await advising.learning.known()
        known = Known(history=fitted.history, router=fitted.router, neighbours=found)
        with deciding.lap():
            decide(Question(profile=Profile(asked.task_type, asked.complexity)), known, _arms())
        [last] = (await store.decisions.page(PageRequest(limit=1))).items
        with keeping.lap():
            await store.decisions.add(last)
    for clock in (ours, near, deciding, keeping):
        report.timing(clock)


async def _after_verdicts(report: Report, store: Store, advising: Advising, count: int, now: datetime) -> None:
    chance = random.Random(count + 1)
    learning = Clock("learning after one verdict")
    for number in range(_LATER_CALLS):
        trajectory = chance.randrange(count // SPANS_PER_TRAJECTORY)
        span_id = spans.trajectory(trajectory)[1]["span_id"]
        verdict = Reward(
            reward_id=f"verdict-{number}", span_id=span_id, value=1.0, source=RewardSource.HUMAN, given_at=now
        )
        await store.add(Batch(rewards=[verdict]))
        with learning.lap():
            await advising.learning.known()
    report.timing(learning)


def _asked(chance: random.Random, count: int) -> Asked:
    row = spans.trajectory(chance.randrange(count // SPANS_PER_TRAJECTORY))[1]
    return Asked(task=row["task"], task_type=row["task_type"], complexity=chance.choice(list(Level)))


def _arms() -> list[Arm]:
    return [Arm(agent, model) for agent in ("Explore", "Plan", "general-purpose") for model in spans.MODELS]


def main() -> None:
    parser = arguments(__doc__)
    databases.add_options(parser)
    parser.add_argument("--calls", type=int, default=100, help="suggestions (default %(default)s)")
    given = parser.parse_args()
    report = Report(given, "How long does a suggestion take, and what is it made of?")
    with databases.folder_of(given) as folder:
        for count in given.spans:
            with databases.database(report, folder, count, keep=given.keep, delegations=given.delegations) as path:
                asyncio.run(measure(report, path, count, given.calls))
    report.save()


if __name__ == "__main__":
    main()
