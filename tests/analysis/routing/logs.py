"""Histories for tests: a test names only what it is about."""

import random
from typing import Any

from mcp_server.analysis.routing.arms import Arm, Cell, Profile
from mcp_server.analysis.routing.hierarchy import HierarchicalRouter
from mcp_server.analysis.routing.rollups import History, Judged, history, rolled_up
from storage.vocabulary import Level

SMALL = Arm("Explore", "small")
LARGE = Arm("Explore", "large")
PLANNER = Arm("Plan", "large")
ARMS = (SMALL, LARGE, PLANNER)


def judged(arm: Arm, rewards: list[float], **given: Any) -> list[Judged]:
    """Verified delegations of one arm, one a reward, all of one day."""
    profile = Profile(given.pop("task_type", "search"), given.pop("complexity", None))
    first = given.pop("first", 0)
    plain: dict[str, Any] = {"day": 0, "weight": 1.0, "verified": True} | given
    return [
        Judged(span_id=f"{arm.label} {profile} {plain} {first + i}", cell=Cell(arm, profile), reward=reward, **plain)
        for i, reward in enumerate(rewards)
    ]


def history_of(*logs: list[Judged]) -> History:
    """What is known after some logs."""
    return history(rolled_up(one for log in logs for one in log))


def router_of(*logs: list[Judged]) -> HierarchicalRouter:
    """The router that has learned from some logs."""
    return HierarchicalRouter(history_of(*logs))


def mixed(n: int, chance: random.Random) -> list[Judged]:
    """Delegations of three arms, three types and every complexity, one a day; the large model does better."""
    rows: list[Judged] = []
    for day in range(n):
        arm = chance.choice(ARMS)
        profile = Profile(chance.choice(["search", "test", "debug"]), chance.choice([None, *Level]))
        reward = float(chance.random() < (0.8 if arm.model == "large" else 0.4))
        rows.append(
            Judged(span_id=f"span-{day}", cell=Cell(arm, profile), day=day, reward=reward, weight=1.0, verified=True)
        )
    return rows
