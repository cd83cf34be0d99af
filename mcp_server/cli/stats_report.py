"""Statistics as a report: what it all adds up to, a table, and who stands out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.rendering import NOTHING, count, duration, money, parts, print_table, say, share
from mcp_server.service.standing import Pair, by_cost_per_success, by_success

Figures = Mapping[str, Any]

_MANY: Final = 10
_TWENTY: Final = 20
NOT_ENOUGH: Final = "not enough data"
_RIGHT: Final = frozenset(
    {"n", "judged", "cost", "share", "per success", "tokens", "tools", "median", "p95", "change of n"}
)
# The first go first where a terminal is too narrow for all.
_SPARE: Final = ("tools", "tokens", "statuses", "p95", "change of n", "median", "share", "per success")


def print_stats(answer: Mapping[str, Any], limit: int | None = None) -> None:
    """The report.

    Args:
        answer: of `get_stats`; what stands out is looked for among all its groups.
        limit: at most so many groups in the table; None shows all.
    """
    totals, groups = answer["totals"], answer["groups"]
    _print_totals(totals, answer.get("compared_with"))
    if groups and groups[0]["key"]:
        click.echo()
        _print_groups(groups[:limit], totals)
        _print_standing(groups)


def _print_totals(totals: Figures, compared_with: Mapping[str, str] | None) -> None:
    say(f"{counted(totals['n'], 'delegation')} ({parts(totals.get('statuses'))}). {_judged(totals)}")
    if not totals["n"]:
        return
    times = totals["duration_ms"]
    cost = "cost unknown"
    if totals["cost_usd"] is not None:
        cost = f"{money(totals['cost_usd'])} in all"
        if totals["priced_n"] < totals["n"]:
            cost += f", known of {count(totals['priced_n'])}"
        if totals["cost_per_success_usd"] is not None:
            cost += f"; {money(totals['cost_per_success_usd'])} for each success"
    tokens = counted(sum(totals["tokens"].values()), "token") if totals["tokens"] else "tokens unknown"
    took = "duration unknown"
    if times["median"] is not None:
        took = f"half took up to {duration(times['median'])}"
        if _has_twenty(totals):
            took += f", one in twenty over {duration(times['p95'])}"
    tools = "tool calls not counted"
    if totals["tool_calls"] is not None:
        failed = "failures not counted" if totals["tool_errors"] is None else f"{count(totals['tool_errors'])} failed"
        tools = f"{counted(totals['tool_calls'], 'tool call')}, {failed}"
    say(f"{cost}. {tokens}; {tools}; {took}.")
    trend = totals.get("trend")
    if trend is not None and compared_with is not None:
        say(f"Since the window before (from {compared_with['since'][:16].replace('T', ' ')}): {_changes(trend)}.")


def _has_twenty(group: Figures) -> bool:
    """Whether one in twenty of those that ended is a delegation at all."""
    statuses: Mapping[str, int] = group["statuses"]
    return sum(n for status, n in statuses.items() if status not in {"running", "lost"}) >= _TWENTY


def _judged(totals: Figures) -> str:
    judged, success = totals.get("verified_n", 0), totals.get("success")
    if not judged:
        return "None of them is judged: nobody knows how many succeeded."
    if success is None:
        return f"{count(judged)} judged: {NOT_ENOUGH} for a success rate."
    return f"{count(judged)} judged ({share(judged / totals['n'])} of all): {_rate(success)} succeeded."


def _changes(trend: Figures) -> str:
    told = [
        f"{trend['n']:+,} {'delegation' if abs(trend['n']) == 1 else 'delegations'} (then {count(trend['n_before'])})"
    ]
    if trend["cost_usd"] is not None:
        told.append(f"{'-' if trend['cost_usd'] < 0 else '+'}{money(abs(trend['cost_usd']))}")
    success = trend["success"]
    if success is not None:
        low, high = _points(success["low"]), _points(success["high"])
        told.append(f"success {_points(success['change'])} points ({low} to {high})")
    return ", ".join(told)


def _print_groups(groups: Sequence[Figures], totals: Figures) -> None:
    keys = list(groups[0]["key"])
    rows = [_row([group["key"][key] or NOTHING for key in keys], group) for group in groups]
    rows.append(_row(["all", *[""] * (len(keys) - 1)], {**totals, "cost_share": None}))
    columns = (
        *(key.replace("_type", "") if key == "agent_type" else key.replace("_", " ") for key in keys), "n", "statuses",
        "judged", "success (90 %)", "cost", "share", "per success", "tokens", "tools", "median", "p95", "change of n",
    )  # fmt: skip
    spare = _SPARE if any(group["trend"] for group in groups) else ("change of n", *_SPARE)
    empty = {name for place, name in enumerate(columns) if name in spare and all(row[place] == NOTHING for row in rows)}
    kept = [place for place, name in enumerate(columns) if name not in empty]
    print_table(
        [columns[place] for place in kept],
        [[row[place] for place in kept] for row in rows],
        right=_RIGHT,
        spare=[name for name in spare if name not in empty],
    )


def _row(key: Sequence[str], group: Figures) -> list[str]:
    times, trend = group["duration_ms"], group["trend"]
    return [
        *key,
        count(group["n"]),
        parts(group["statuses"]),
        count(group["verified_n"]),
        NOT_ENOUGH if group["success"] is None else _rate(group["success"]),
        money(group["cost_usd"]),
        share(group["cost_share"]),
        money(group["cost_per_success_usd"]),
        _tokens(group),
        count(group["tool_calls"]),
        duration(times["median"]),
        duration(times["p95"]) if _has_twenty(group) else NOTHING,
        NOTHING if trend is None else f"{trend['n']:+,}",
    ]


def _print_standing(groups: Sequence[Figures]) -> None:
    success, cost = by_success(groups), by_cost_per_success(groups)
    if success is not None:
        click.echo()
        say(f"best:  {_success_of(success.first)}")
        say(f"worst: {_success_of(success.last)}{_doubt(success)}")
        rated = sum(group["success"] is not None for group in groups)
        if rated > _MANY:
            say(f"(of {rated} groups compared, the best looks better than it is, and the worst worse)")
    if cost is not None:
        click.echo()
        say(f"most efficient: {_cost_of(cost.first)}")
        say(f"most wasteful:  {_cost_of(cost.last)}{_doubt(cost)}")


def _success_of(group: Figures) -> str:
    return f"{_name(group)}: {_rate(group['success'])} of {count(group['verified_n'])} judged"


def _cost_of(group: Figures) -> str:
    one = f"{money(group['cost_per_success_usd'])} for each success"
    return f"{_name(group)}: {one} ({money(group['mean_cost_usd'])} for each delegation)"


def _doubt(pair: Pair) -> str:
    return "" if pair.clear else " (the intervals overlap: it may be chance)"


def _name(group: Figures) -> str:
    return " / ".join(value or NOTHING for value in group["key"].values())


def _rate(success: Figures) -> str:
    about = "about " if success["shrunken"] else ""
    return f"{about}{share(success['rate'])} ({share(success['low'])} to {share(success['high'])})"


def _points(change: float) -> str:
    return f"{round(100 * change):+d}"


def _tokens(group: Figures) -> str:
    return count(sum(group["tokens"].values())) if group["tokens"] else NOTHING
