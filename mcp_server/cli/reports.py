"""Answers drawn for people: the same objects that the tools return."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.rendering import (
    NOTHING,
    count,
    duration,
    moment,
    money,
    one_line,
    parts,
    print_table,
    say,
    share,
)

_TEXTS: Final = frozenset({"task", "reasons"})
_SPARE_OF_TREES: Final = ("critical", "by", "calls", "subtree", "duration", "model")
"""The first go first where a terminal is too narrow for all columns."""
_FIGURES: Final = frozenset({"n", "calls", "own", "subtree", "cost", "duration", "critical", "net", "similar"})


def print_trajectory(answer: Mapping[str, Any]) -> None:
    """A session as a tree."""
    totals = answer["totals"]
    total_tokens = totals["total_tokens"]
    tokens = "tokens unknown" if total_tokens is None else counted(total_tokens, "token")
    cost = "cost unknown" if totals["cost_usd"] is None else money(totals["cost_usd"])
    took = "duration unknown" if totals["duration_ms"] is None else duration(totals["duration_ms"])
    say(f"session {answer['session_id']}")
    say(
        f"{counted(totals['delegations'], 'delegation')}"
        f" ({parts(totals['statuses'])}; outcomes {parts(totals['outcomes'])}),"
        f" {cost}, {tokens}, {took}"
    )
    click.echo()
    spans: Sequence[Mapping[str, Any]] = answer["spans"]
    rows = [
        (
            f"{lines}{_who(span)}",
            span["model"] or NOTHING,
            span["status"],
            span["outcome"],
            span.get("outcome_source", NOTHING),
            count(span.get("tool_call_count")),
            money(span["cost_usd"]),
            money(span["subtree_cost_usd"]),
            duration(span["duration_ms"]),
            duration(span.get("critical_ms")),
            span["span_id"],
            one_line(span.get("name") or span.get("task"), 48),
        )
        for lines, span in zip(_branches(spans), spans, strict=True)
    ]
    columns = (
        "agent", "model", "status", "outcome", "by", "calls", "own", "subtree", "duration", "critical", "span", "task",
    )  # fmt: skip
    print_table(columns, rows, right=_FIGURES, spare=_SPARE_OF_TREES, texts=_TEXTS)
    for repair in answer["repairs"]:
        say(f"note: {repair['span_id']}: {repair['reason']}")
    _errors(spans)


def print_credit(answer: Mapping[str, Any], tree: Mapping[str, Any]) -> None:
    """A session as a tree, with what each delegation did for the outcome."""
    outcome = answer["outcome"]
    say(f"session {answer['session_id']}")
    if outcome["value"] is None:
        say("outcome unknown: shares of a success and of a failure, whichever it was")
    else:
        say(f"outcome {outcome['value']:.2f} by {outcome['source']} (weight {outcome['confidence']:.1f})")
    click.echo()
    shares = {share["span_id"]: share for share in answer["shares"]}
    spans: Sequence[Mapping[str, Any]] = tree["spans"]
    rows = [
        (f"{lines}{_who(span)}", span["model"] or NOTHING, span["status"], span["outcome"], *_credit(shares, span))
        for lines, span in zip(_branches(spans), spans, strict=True)
    ]
    columns = ("agent", "model", "status", "outcome", "if success", "if failure", "net", "span", "reasons")
    print_table(columns, rows, right=_FIGURES, signed=frozenset({"net"}), texts=_TEXTS)
    click.echo()
    for suspect in answer["top_blame"]:
        where = f"{suspect['agent_type']} {suspect['span_id']}"
        say(f"likely cause ({share(suspect['probability'])}): {where}: {'; '.join(suspect['reasons']) or NOTHING}")
    if answer["bottleneck"] is not None:
        say(f"bottleneck: {answer['bottleneck']['agent_type']} {answer['bottleneck']['span_id']}")
    for caution in answer["cautions"]:
        say(f"note: {caution}")


def print_arms(answer: Mapping[str, Any]) -> None:
    """Net credit by agent and model."""
    rows = [
        (
            arm["agent_type"],
            arm["model"] or NOTHING,
            f"{arm['n']:g}",
            f"{arm['mean_net']:+.2f}" if arm["enough"] else "not enough data",
            f"{arm['low']:+.2f} to {arm['high']:+.2f}" if arm["enough"] else NOTHING,
            count(arm["unknown_n"]),
        )
        for arm in answer["arms"]
    ]
    print_table(("agent", "model", "n", "net credit", "90 %", "sessions not judged"), rows, right=_FIGURES)
    left_out = ", older ones left out" if answer["sessions_left_out"] else ""
    click.echo()
    say(f"over {counted(answer['sessions'], 'session')}{left_out}")


def _credit(shares: Mapping[str, Mapping[str, Any]], span: Mapping[str, Any]) -> tuple[str, ...]:
    found = shares.get(span["span_id"])
    if found is None:
        return (NOTHING, NOTHING, NOTHING, span["span_id"], NOTHING)
    net = NOTHING if found["net"] is None else f"{found['net']:+.2f}"
    reasons = one_line("; ".join(found["reasons"]), 80)
    return (share(found["success_share"]), share(found["failure_share"]), net, span["span_id"], reasons)


def print_delegations(answer: Mapping[str, Any]) -> None:
    """Delegations as a list; with how similar each is, where that was asked for."""
    found: Sequence[Mapping[str, Any]] = answer["delegations"]
    rows = [
        (
            *([f"{span['similarity']:.2f}"] if "similarity" in span else []),
            moment(span.get("started_at")),
            span["agent_type"],
            span["model"] or NOTHING,
            span["status"],
            span["outcome"],
            count(span.get("tool_call_count")),
            money(span["cost_usd"]),
            duration(span["duration_ms"]),
            span["span_id"],
            one_line(span.get("name") or span.get("task")),
        )
        for span in found
    ]
    columns = ["started", "agent", "model", "status", "outcome", "calls", "cost", "duration", "span", "task"]
    if found and "similarity" in found[0]:
        columns.insert(0, "similar")
    print_table(columns, rows, right=_FIGURES, spare=("calls", "duration", "status", "cost", "model"), texts=_TEXTS)


def _who(span: Mapping[str, Any]) -> str:
    return f"{span['kind']} {span.get('name') or ''}".rstrip() if span["kind"].endswith("call") else span["agent_type"]


def _branches(spans: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines before each span that make the list a tree."""
    depths = [span["depth"] for span in spans]
    drawn: list[str] = []
    for place, depth in enumerate(depths):
        lines = ""
        for level in range(1, depth + 1):
            goes_on = _goes_on(depths, place, level)
            if level == depth:
                lines += "├─ " if goes_on else "└─ "
            else:
                lines += "│  " if goes_on else "   "
        drawn.append(lines)
    return drawn


def _goes_on(depths: Sequence[int], place: int, level: int) -> bool:
    """Whether another span of this level follows below the same parent."""
    for depth in depths[place + 1 :]:
        if depth < level:
            return False
        if depth == level:
            return True
    return False


def _errors(spans: Sequence[Mapping[str, Any]]) -> None:
    for span in spans:
        if span.get("error"):
            say(f"{span['status']}: {span['agent_type']} {span['span_id']}: {one_line(span['error'], 120)}")
