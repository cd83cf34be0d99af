"""Agents by models: how often each pair succeeded, how sure that is, and what it cost."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.dashboard.figures import NOT_ENOUGH, NOTHING, between, count, money, plural, share
from mcp_server.dashboard.marks import outcome_bar, whisker
from mcp_server.dashboard.markup import Markup, joined, tag
from mcp_server.dashboard.page import nothing

AGENTS_LIMIT: Final = 15
MODELS_LIMIT: Final = 5
_NO_MODEL: Final = "model not known"


def matrix(arms: Sequence[Mapping[str, Any]], arms_total: int) -> Markup:
    """A row for each agent and a column for each model.

    Args:
        arms: groups by agent type and model, most frequent first.
        arms_total: how many there are in all.
    """
    if not arms:
        return nothing("Nothing was delegated.")
    agents = _most(arms, "agent_type")[:AGENTS_LIMIT]
    models = _most(arms, "model")[:MODELS_LIMIT]
    cells = {(arm["key"]["agent_type"], arm["key"]["model"]): arm for arm in arms}
    shown = sum((agent, model) in cells for agent in agents for model in models)
    head = tag(
        "tr",
        tag("th", "agent", scope="col"),
        *(tag("th", model or _NO_MODEL, scope="col", class_="model") for model in models),
    )
    rows = [
        tag(
            "tr",
            tag("th", agent or NOTHING, scope="row"),
            *(_cell(agent, model, cells.get((agent, model))) for model in models),
        )
        for agent in agents
    ]
    rest = arms_total - shown
    return joined(
        tag(
            "table",
            tag("caption", "Success by agent and model", class_="unseen"),
            tag("thead", head),
            tag("tbody", *rows),
            class_="matrix",
        ),
        tag("p", f"{plural(rest, 'rarer pair')} of agent and model left out.", class_="left-out") if rest > 0 else None,
    )


def _cell(agent: str | None, model: str | None, arm: Mapping[str, Any] | None) -> Markup:
    name = model or _NO_MODEL
    if arm is None:
        return tag("td", tag("span", NOTHING, aria_label="never"), data_column=name, class_="never")
    success = arm.get("success")
    judged = arm.get("verified_n", 0)
    if success is None:
        headline = tag("span", NOT_ENOUGH, class_="missing")
    else:
        headline = joined(
            tag("b", share(success["rate"])),
            tag("span", between(success["low"], success["high"]), class_="interval-words"),
        )
    return tag(
        "td",
        tag("div", headline, class_="rate"),
        outcome_bar(arm.get("outcomes") or {}, what=f"{agent} with {name}")
        if success is None
        else whisker(success, what=f"{agent} with {name}"),
        tag(
            "div",
            tag("span", f"n {count(arm['n'])}"),
            tag("span", f"{count(judged)} judged"),
            tag("span", money(arm.get("cost_usd")), title="cost in all"),
            class_="facts",
        ),
        data_column=name,
    )


def _most(arms: Sequence[Mapping[str, Any]], name: str) -> list[str | None]:
    """The values of a key, most delegations first."""
    sums: dict[str | None, int] = {}
    for arm in arms:
        sums[arm["key"][name]] = sums.get(arm["key"][name], 0) + arm["n"]
    return sorted(sums, key=lambda value: -sums[value])
