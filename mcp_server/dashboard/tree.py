"""The tree of a session: who delegated to whom, and what each cost alone and with all below it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mcp_server.dashboard.figures import NOTHING, compact, count, duration, minute, money, one_line, plural
from mcp_server.dashboard.marks import HEIGHT, badge, box, legend, picture
from mcp_server.dashboard.markup import Markup, joined, tag
from mcp_server.dashboard.page import nothing

_DEEPEST: Final = 12
_NAME_CHARS: Final = 90


def tree(survey: Mapping[str, Any]) -> Markup:
    """One row for each agent run, which opens to its texts."""
    runs: Sequence[Mapping[str, Any]] = survey["runs"]
    if not runs:
        return nothing("No agent ran.")
    largest = max((run["subtree_cost_usd"] or run["cost_usd"] or 0.0 for run in runs), default=0.0)
    head = tag(
        "li",
        tag("span", "agent and task"),
        tag("span", "cost"),
        tag("span", "own", class_="amount"),
        tag("span", "with all below", class_="amount"),
        tag("span", "time", class_="amount"),
        class_="head",
        aria_hidden="true",
    )
    return joined(
        tag("ol", head, *_rows(survey, largest), class_="tree"),
        legend({"own": "own cost", "subtree": "cost of all below"}),
    )


def _rows(survey: Mapping[str, Any], largest: float) -> Iterator[Markup]:
    left_out = {part["parent_span_id"]: part for part in survey["left_out"]}
    for run in survey["runs"]:
        yield _row(run, largest, left_out.get(run["span_id"]))
    if None in left_out:
        yield tag("li", _rest(left_out[None]), class_="rest")


def _rest(part: Mapping[str, Any]) -> str:
    """What is not shown below a run, or at the top."""
    said = [f"{plural(part['n'], 'more run')} left out", money(part["cost_usd"])]
    if part["failures"]:
        said.append(f"{count(part['failures'])} failed")
    return ", ".join(one for one in said if one != NOTHING)


def _row(run: Mapping[str, Any], largest: float, left_out: Mapping[str, Any] | None) -> Markup:
    depth = run["depth"]
    own, whole = run["cost_usd"], run["subtree_cost_usd"]
    summary = tag(
        "summary",
        tag(
            "span",
            badge(run["outcome"], run["status"]),
            tag("span", f"level {depth + 1}: ", class_="unseen"),
            tag("span", run["agent_type"], class_="agent"),
            tag("span", run.get("model") or "", class_="model"),
            tag("span", one_line(run.get("name") or run.get("task"), _NAME_CHARS), class_="words"),
            None
            if left_out is None
            else tag("span", f"+{count(left_out['n'])}", class_="more", title=f"Below: {_rest(left_out)}"),
            class_=f"who d{min(_DEEPEST, depth)}",
        ),
        _costs(own, whole, largest),
        tag("span", money(own), class_="amount own-cost"),
        tag("span", money(whole), class_="amount"),
        tag("span", duration(run["duration_ms"]), class_="amount"),
    )
    return tag("li", tag("details", summary, _body(run, left_out)))


def _costs(own: float | None, whole: float | None, largest: float) -> Markup:
    words = f"Own cost {money(own)}, with all below {money(whole)}"
    shapes = [tag("title", words)]
    if largest:
        shapes += [box(0, whole / largest, "subtree", y=5, height=HEIGHT - 10)] if whole else []
        shapes += [box(0, own / largest, "own", y=5, height=HEIGHT - 10)] if own else []
    return picture(words, *shapes)


def _body(run: Mapping[str, Any], left_out: Mapping[str, Any] | None) -> Markup:
    facts = {
        "status": run["status"],
        "outcome": run["outcome"] + (f", by {run['outcome_source']}" if run.get("outcome_source") else ""),
        "reward": None if run.get("reward") is None else f"{run['reward']:.2f}",
        "task type": run.get("task_type"),
        "complexity": run.get("complexity"),
        "began": f"{minute(run.get('started_at'))} UTC",
        "session waited": duration(run["critical_ms"]) if run.get("critical_ms") else None,
        "tool calls": None if run.get("tool_call_count") is None else count(run["tool_call_count"]),
        "tool errors": count(run["tool_error_count"]) if run.get("tool_error_count") else None,
        "tokens": compact(run["total_tokens"]) if run.get("total_tokens") else None,
    }
    texts = [
        joined(tag("h4", name), tag("pre", run[name], class_="error" if name == "error" else None))
        for name in ("error", "task", "output")
        if run.get(name)
    ]
    return tag(
        "div",
        tag(
            "dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items() if value is not None)
        ),
        tag("p", "span ", tag("code", run["span_id"]), class_="ids"),
        None if left_out is None else tag("p", f"Below it: {_rest(left_out)}.", class_="left-out"),
        *texts,
        class_="body",
    )
