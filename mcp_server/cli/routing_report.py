"""A suggestion drawn for people: the same object that the tool returns."""

from collections.abc import Mapping
from typing import Any, Final

import click

from mcp_server.cli.rendering import NOTHING, duration, money, print_table, say, share

_MS_PER_S: Final = 1000
_FIGURES: Final = frozenset({"success", "P(best)", "cost", "duration"})
_SAID: Final = {
    "delegate": "delegate to",
    "inline": "do it inline",
    "ask_user": "ask first",
    "not_enough_data": "not enough data to say",
}


def print_advice(answer: Mapping[str, Any]) -> None:
    """What to do, why, with what else there is, and what to look at afterwards."""
    arm, explore = answer["arm"], " (exploration)" if answer["explore"] else ""
    say(f"{_SAID[answer['decision']]}{f' {_name(arm)}{explore}' if arm else ''}")
    say(answer["reason"])
    say(f"task: {_judged(answer, 'task_type')}, complexity {_judged(answer, 'complexity')}")
    expected = {**answer["expected"], **arm, "p_best": answer["p_best"]} if arm else None
    rows = [one for one in (expected, *answer["alternatives"]) if one is not None]
    if rows:
        click.echo()
        print_table(
            ("agent", "model", "success", "90 %", "P(best)", "cost", "duration"),
            [_row(one) for one in rows],
            right=_FIGURES,
        )
        click.echo()
    say(f"verify: {answer['verify']}")
    say(f"if it fails: {'; then '.join(answer['fallback'])}")
    for caution in answer["cautions"]:
        say(f"note: {caution}")
    if answer["similar"]:
        say(f"similar: {', '.join(answer['similar'])}")
    if answer["untried"]:
        say(f"never tried: {', '.join(answer['untried'])}")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    bounds = f"{share(one['low'])} to {share(one['high'])}" if "low" in one else NOTHING
    seconds = one.get("duration_s")
    return (
        one["agent_type"],
        one["model"] or NOTHING,
        share(one["success"]),
        bounds,
        share(one["p_best"]),
        money(one.get("cost_usd")),
        duration(None if seconds is None else seconds * _MS_PER_S),
    )


def _name(arm: Mapping[str, Any]) -> str:
    return f"{arm['agent_type']} on {arm['model']}" if arm["model"] else str(arm["agent_type"])


def _judged(answer: Mapping[str, Any], name: str) -> str:
    """A judgement with who made it."""
    return f"{answer[name]} ({answer[f'{name}_origin']})" if answer[name] else "unknown"
