"""Lists of delegations and of kinds of tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from mcp_server.dashboard.figures import (
    NOT_ENOUGH,
    NOTHING,
    between,
    count,
    duration,
    minute,
    money,
    one_line,
    plural,
    share,
)
from mcp_server.dashboard.marks import amount_bar, badge, outcome_bar, whisker
from mcp_server.dashboard.markup import Markup, joined, tag
from mcp_server.dashboard.page import nothing, table
from mcp_server.service.shell_words import argument

TASK_TYPES_LIMIT: Final = 15
_TASK_CHARS: Final = 110


def task_types(groups: Sequence[Mapping[str, Any]]) -> Markup:
    """What kinds of tasks were delegated, and how they ended."""
    if not groups:
        return nothing("Nothing was delegated.")
    shown = groups[:TASK_TYPES_LIMIT]
    largest = max(group["n"] for group in shown)
    rows = []
    for group in shown:
        name = group["key"]["task_type"]
        success = group.get("success")
        rate = tag("span", NOT_ENOUGH, class_="missing")
        if success is not None:
            rate = joined(
                tag("b", share(success["rate"])),
                tag("span", between(success["low"], success["high"]), class_="interval-words"),
            )
        rows.append(
            (
                name or tag("span", "not named", class_="missing"),
                count(group["n"]),
                outcome_bar(group.get("outcomes") or {}, of=largest, what=f"Outcomes of {name or 'tasks not named'}"),
                joined(tag("div", rate, class_="rate"), whisker(success, what=f"Success of {name or 'the rest'}")),
                money(group.get("cost_usd")),
                duration((group.get("duration_ms") or {}).get("median")),
            )
        )
    rest = len(groups) - len(shown)
    return joined(
        table(
            "Task types",
            ("task type", "n", "outcomes", "success (90 %)", "cost", "median time"),
            rows,
            class_="figures task-types",
        ),
        tag("p", f"{plural(rest, 'rarer task type')} left out.", class_="left-out") if rest else None,
    )


def largest(delegations: Sequence[Mapping[str, Any]], measure: Literal["cost_usd", "duration_ms"]) -> Markup:
    """The delegations with the highest cost or the longest time."""
    if not delegations:
        return nothing("Of no delegation this is known.")
    shown = money if measure == "cost_usd" else duration
    top = max(one[measure] for one in delegations)
    other = duration if measure == "cost_usd" else money
    other_name = "duration_ms" if measure == "cost_usd" else "cost_usd"
    rows = [
        (
            _who(one),
            joined(
                tag("span", shown(one[measure]), class_="amount"),
                amount_bar(one[measure], top, what=f"{shown(one[measure])}, the largest is {shown(top)}"),
            ),
            other(one.get(other_name)),
            tag("span", one_line(one.get("name") or one.get("task"), _TASK_CHARS) or NOTHING, class_="words"),
            joined(minute(one.get("started_at")), tag("code", one["span_id"], class_="id")),
        )
        for one in delegations
    ]
    names = ("cost", "time") if measure == "cost_usd" else ("time", "cost")
    return table("The largest", ("agent", *names, "task", "when and id"), rows, class_="figures largest")


def verdicts_wanted(wanted: Sequence[Mapping[str, Any]]) -> Markup:
    """Delegations that a person should judge, and how to."""
    items = [
        tag(
            "li",
            tag("b", one["agent_type"]),
            " ",
            tag("span", one.get("task") or NOTHING, class_="words"),
            _command(one["span_id"]),
        )
        for one in wanted
    ]
    return tag("ul", *items, class_="wanted")


def _command(span_id: str) -> Markup:
    target = argument(span_id)
    if target is None:
        return tag("span", "its id cannot be copied safely", class_="missing")
    return tag("code", f"delegation-telemetry reward {target} VALUE", class_="command")


def _who(one: Mapping[str, Any]) -> Markup:
    return joined(
        badge(one["outcome"], one["status"]),
        tag("span", one["agent_type"], class_="agent"),
        tag("span", one.get("model") or "", class_="model"),
    )
