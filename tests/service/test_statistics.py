"""Every figure is what a slow computation over the spans themselves gives."""

import math
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import anyio
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mcp_server.service.reporting import Reporting
from storage.queries import Batch, Dimension
from storage.records import Reward, Span
from storage.vocabulary import RewardSource, Status
from tests.factories import a_reward, a_span
from tests.storage.living import FIRST, HOURS, History, histories
from tests.stores import new_folder, open_empty
from tests.strategies import maybe

NOW = FIRST + timedelta(hours=70)
Z = 1.6448536269514722
WEIGHTS = {"human": 1, "test": 1, "verifier": 1, "model": 0.3, "behaviour": 0.3}
Row = dict[str, Any]


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-5)


def started(row: Row) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["started_us"])


def value_of(row: Row, dimension: Dimension) -> str | None:
    if dimension is Dimension.TASK_TYPE:
        stated: str | None = row["task_type"]
        return row["guessed_type"] if stated is None else stated
    day = started(row).date()
    if dimension is Dimension.WEEK:
        return (day - timedelta(days=day.weekday())).isoformat()
    value: str | None = day.isoformat() if dimension is Dimension.DAY else row[dimension.value]
    return value


def weight_of(row: Row) -> float:
    if row["reward_source"] == "structure":
        return 0.1 if row["status"] in {"ok", "error"} else 0
    return WEIGHTS.get(row["reward_source"], 0)


def bounds(successes: float, n: float) -> tuple[float, float]:
    """Of all rates x with n (successes/n - x)² <= z² x (1 - x): the roots of that, found by halving."""
    share = successes / n

    def excess(x: float) -> float:
        return n * (share - x) ** 2 - Z * Z * x * (1 - x)

    low, high = [0.0, share], [share, 1.0]
    for _ in range(60):
        middle = sum(low) / 2
        low[excess(middle) <= 0] = middle
        middle = sum(high) / 2
        high[excess(middle) > 0] = middle
    return low[1], high[0]


def exact_quantile(values: Sequence[int], share: float) -> float | None:
    ordered, place = sorted(values), share * (len(values) - 1)
    if not ordered:
        return None
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)


def judged(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if WEIGHTS.get(row["reward_source"]) == 1]


def successes(rows: Sequence[Row]) -> int:
    return sum(row["reward"] >= 0.75 for row in judged(rows))


def known(rows: Sequence[Row], name: str) -> list[Any]:
    return [row[name] for row in rows if row[name] is not None]


def known_sum(rows: Sequence[Row], name: str) -> int | None:
    return sum(known(rows, name)) if known(rows, name) else None


def slow_success(rows: Sequence[Row]) -> Any:
    n, k = len(judged(rows)), successes(rows)
    if n < 5:
        return None
    low, high = bounds(k, n)
    rate = (k + Z * Z / 2) / (n + Z * Z) if n < 30 else k / n
    return {"rate": near(rate), "low": near(low), "high": near(high), "shrunken": n < 30}


def slow_interval(weights: Sequence[tuple[float, float]]) -> Any:
    """As of so many yes-or-no rewards as have the spread of these; z² more of them, at 0 and 1, beside these."""
    n = sum(weight for weight, _ in weights)
    if n == pytest.approx(5):
        return ANY  # rounding decides whether tenths make five
    if n < 5:
        return None
    beside = [*weights, (Z * Z / 2, 0.0), (Z * Z / 2, 1.0)]
    middle = sum(w * r for w, r in beside) / (n + Z * Z)
    spread = max(sum(w * (r - middle) ** 2 for w, r in beside) / (n + Z * Z), 1e-9)
    evidence = max(n, n * middle * (1 - middle) / spread)
    mean = sum(w * r for w, r in weights) / n
    low, high = bounds(mean * evidence, evidence)
    return {"low": near(low), "high": near(high)}


def slow_cost_per_success(mean_cost: float | None, rows: Sequence[Row]) -> float | None:
    share = successes(rows) / len(judged(rows)) if len(judged(rows)) >= 5 else 0
    return mean_cost / share if mean_cost is not None and share else None


def slow_figures(rows: Sequence[Row]) -> Row:
    costs, success = known(rows, "cost_usd"), slow_success(rows)
    weights = [(weight_of(row), row["reward"]) for row in rows if weight_of(row)]
    tokens = {
        f"{name}_tokens": sum(known(rows, f"{name}_tokens"))
        for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
        if known(rows, f"{name}_tokens")
    }
    mean_cost = sum(costs) / len(costs) if costs else None
    durations = known(rows, "duration_ms")
    return {
        "n": len(rows),
        "verified_n": len(judged(rows)),
        "verified_success_n": successes(rows),
        "success": success,
        "mean_reward": near(sum(w * r for w, r in weights) / sum(w for w, _ in weights)) if weights else None,
        "mean_reward_interval": slow_interval(weights),
        "reward_weight": near(sum(w for w, _ in weights)),
        "statuses": dict(Counter(row["status"] for row in rows)),
        "outcomes": dict(Counter(row["outcome"] for row in rows)),
        "cost_usd": near(sum(costs)) if costs else None,
        "priced_n": len(costs),
        "mean_cost_usd": near(mean_cost),
        "cost_per_success_usd": near(slow_cost_per_success(mean_cost, rows)),
        "tokens": tokens,
        "tool_calls": known_sum(rows, "tool_call_count"),
        "tool_errors": known_sum(rows, "tool_error_count"),
        "duration_ms": {
            name: None if not durations else pytest.approx(exact_quantile(durations, share), rel=0.02)
            for name, share in (("median", 0.5), ("p95", 0.95))
        },
    }


def guesses(rows: Sequence[Row], by: Sequence[Dimension]) -> Row:
    if Dimension.TASK_TYPE not in by:
        return {}
    return {"guessed_type_n": sum(row["task_type"] is None and row["guessed_type"] is not None for row in rows)}


def slow_trend(rows: Sequence[Row], before: Sequence[Row]) -> Row:
    change = None
    if min(len(judged(rows)), len(judged(before))) >= 5:
        rate, other = successes(rows) / len(judged(rows)), successes(before) / len(judged(before))
        (low, high), (least, most) = (bounds(successes(some), len(judged(some))) for some in (rows, before))
        below, above = math.hypot(rate - low, most - other), math.hypot(high - rate, other - least)
        value = rate - other
        change = {"change": near(value), "low": near(max(-1, value - below)), "high": near(min(1, value + above))}
    costs, others = known(rows, "cost_usd"), known(before, "cost_usd")
    is_known = bool(costs) and (bool(others) or not before)
    return {
        "n": len(rows) - len(before),
        "n_before": len(before),
        "cost_usd": near(sum(costs) - sum(others)) if is_known else None,
        "success": change,
    }


def slow_answer(rows: list[Row], by: Sequence[Dimension], since: datetime | None, until: datetime | None) -> Row:
    def within(row: Row, start: datetime | None, end: datetime | None) -> bool:
        return (start is None or started(row) >= start) and (end is None or started(row) < end)

    found = [row for row in rows if within(row, since, until)]
    length = None if since is None else min(until or NOW, NOW) - since
    before = []
    if since is not None and length is not None and length > timedelta():
        before = [row for row in rows if within(row, since - length, since)]
    keys = {tuple(value_of(row, one) for one in by) for row in found}
    is_timely = bool({Dimension.DAY, Dimension.WEEK} & set(by))
    whole_cost = sum(known(found, "cost_usd"))
    groups = {}
    for key in keys:
        own, earlier = (
            [row for row in some if tuple(value_of(row, one) for one in by) == key] for some in (found, before)
        )
        costs = known(own, "cost_usd")
        groups[key] = {
            "key": {one.value: value for one, value in zip(by, key, strict=True)},
            **slow_figures(own),
            **guesses(own, by),
            "cost_share": near(sum(costs) / whole_cost) if costs and whole_cost else None,
            "trend": slow_trend(own, earlier) if before and not is_timely else None,
        }
    totals = {**slow_figures(found), "trend": slow_trend(found, before) if before else None} if found else {"n": 0}
    return {"groups": groups, "totals": totals}


async def lived(path: Path, history: History, by: Sequence[Dimension], window: dict[str, str]) -> Row:
    store = open_empty(path)
    try:
        for step in history:
            if isinstance(step, int):
                await store.prune(before=FIRST + timedelta(hours=step))
            else:
                spans = [one for one in step if isinstance(one, Span)]
                await store.add(Batch(spans=spans, rewards=[one for one in step if isinstance(one, Reward)]))
        return await Reporting(store, clock=lambda: NOW).stats(by, **window, limit=1000, max_chars=None)  # type: ignore[arg-type]
    finally:
        await store.close()


@st.composite
def busy_days(draw: st.DrawFn) -> History:
    """Many delegations of two agents, most of them judged by somebody who knows."""
    spans, rewards = [], []
    for number in range(draw(st.integers(20, 60))):
        started_at = FIRST + timedelta(hours=draw(HOURS))
        spans.append(
            a_span(
                span_id=f"s{number}",
                agent_type=draw(st.sampled_from(["Explore", "Plan"])),
                status=draw(st.sampled_from([Status.OK, Status.OK, Status.ERROR, Status.CANCELLED, Status.LOST])),
                started_at=started_at,
                ended_at=started_at + timedelta(milliseconds=draw(st.integers(0, 10**6))),
                cost_usd=draw(maybe(st.sampled_from([0.25, 1.5]))),
            )
        )
        source = draw(st.sampled_from([*[RewardSource.TEST] * 6, *RewardSource]))
        rewards.append(a_reward(span_id=f"s{number}", value=draw(st.sampled_from([0.0, 0.8, 1.0])), source=source))
    return [spans, rewards]


moments = maybe(HOURS.map(lambda hours: FIRST + timedelta(hours=hours, minutes=7)))


# 33 ms are told as 34: 33.6, which is within 2 %, rounded.
ROUNDED = [a_span(span_id=f"s{n}", started_at=FIRST, ended_at=FIRST + timedelta(milliseconds=33)) for n in range(2)]

HOPELESS = [a_span(span_id=f"s{n}", started_at=FIRST, cost_usd=0.25) for n in range(30)]
WITHOUT_SUCCESS = [HOPELESS, [a_reward(span_id=span.span_id, value=0.0) for span in HOPELESS]]


@settings(max_examples=40)
@example(WITHOUT_SUCCESS, [], None, None)
@example([ROUNDED], [], None, None)
@given(histories | busy_days(), st.lists(st.sampled_from(Dimension), unique=True, max_size=3), moments, moments)
def test_every_figure_equals_a_slow_computation_over_the_spans(
    history: History, by: list[Dimension], since: datetime | None, until: datetime | None
) -> None:
    assume(since is None or until is None or since <= until)
    window = {name: time.isoformat() for name, time in (("since", since), ("until", until)) if time is not None}
    with new_folder() as folder:
        path = folder / "lived.db"
        answer = anyio.run(lived, path, history, by, window, backend="asyncio")
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute("select * from span where kind = 'delegation'")]
    expected = slow_answer(rows, by, since, until)
    assert {tuple(group["key"].values()): group for group in answer["groups"]} == expected["groups"]
    assert answer["totals"] == expected["totals"]
