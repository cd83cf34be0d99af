"""`replay`: what following the advice would have changed."""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import (
    NOTHING,
    count,
    duration,
    moment,
    money,
    print_json,
    print_table,
    say,
    share,
)

_ESTIMATES: Final = (
    ("success in points, doubly robust", "success", "doubly_robust"),
    ("success in points, matched", "success", "matched"),
    ("cost, matched", "cost_usd", "matched"),
    ("time, matched", "duration_ms", "matched"),
)
"""Column, quantity, estimator."""
_CANNOT_SAY: Final = "cannot say"
_UNSAID: Final = "cannot_say"


@click.command()
@click.option(
    "--prefer",
    type=click.Choice(["quality", "balanced", "cost", "speed"]),
    default="balanced",
    show_default=True,
    help="What the suggestions weigh.",
)
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h.")
@click.option("--agent-match", metavar="REGEX", help="Only delegations to agents in whose type this is found.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=2_000,
    show_default=True,
    help="At most so many judged delegations, the newest; 2,000 take about ten seconds.",
)
@json_option
@database_option
def command(db: str | None, *, as_json: bool, **question: Any) -> None:
    """Estimate what following the suggestions would have changed in your own history, beside simple rules.

    Changes are per delegation, with 90 % intervals. Nobody randomised: what has to hold for them is printed below, and
    "cannot say" is an answer.
    """

    async def asking(app: App) -> dict[str, Any]:
        return await app.replaying.replay(**question)

    if sys.stderr.isatty():
        click.echo("replaying: 2,000 judged delegations take about ten seconds", err=True)
    answer = run(db, asking)
    if as_json:
        print_json(answer)
    elif not answer["judged"]["n"]:
        click.echo("no judged delegations; `delegation-telemetry log` shows which verdicts are wanted", err=True)
    else:
        _print(answer)


def _print(answer: Mapping[str, Any]) -> None:
    judged, happened = answer["judged"], answer["happened"]
    older = f", the newest {count(judged['limit'])}: older ones left out" if judged["older_left_out"] else ""
    click.echo(
        f"{counted(judged['n'], 'judged delegation')} ({count(judged['verified_n'])} verified),"
        f" {moment(judged['first'])} to {moment(judged['last'])}{older}"
    )
    click.echo(
        f"as it happened: success {share(happened['success'])}, cost {money(happened['cost_usd'])}, time"
        f" {duration(happened['duration_ms'])} per delegation, on average"
    )
    click.echo(f"estimated change per delegation, had the advice been followed (prefer {answer['prefer']}):\n")
    rows = [
        (
            policy["policy"],
            f"{count(policy['advised_n'])} of {count(judged['n'])}",
            count(policy["followed_n"]),
            *(_cell(policy[quantity][estimator], quantity) for _, quantity, estimator in _ESTIMATES),
        )
        for policy in answer["policies"]
    ]
    print_table(("policy", "advised", "followed anyway", *(title for title, _, _ in _ESTIMATES)), rows)
    click.echo("\n90 % intervals in brackets: one that holds 0 shows no change, and one in ten misses by chance.\n")
    for policy in answer["policies"]:
        say(f"{policy['policy']} ({policy['what']}): {policy['reading']}{_unsaid(policy)}")
    _print_recorded(answer["recorded"])
    click.echo("\nwhat has to hold:")
    for assumption in answer["assumptions"]:
        say(f"- {assumption}")


def _print_recorded(recorded: Mapping[str, Any]) -> None:
    """What became of suggestions that were really made."""
    if not recorded["named_an_arm"]:
        return
    click.echo(f"\n{counted(recorded['named_an_arm'], 'suggestion')} named an arm; of the delegations after them:\n")
    rows = [
        (
            title,
            count(one["n"]),
            count(one["verified_n"]),
            _rate(one["success"]),
            money(one["cost_usd"]),
            duration(one["duration_ms"]),
        )
        for title, one in (("followed", recorded["followed"]), ("not followed", recorded["not_followed"]))
    ]
    print_table(("advice", "n", "verified", "success (90 %)", "cost", "time"), rows)
    difference = recorded["success_difference"]
    if _UNSAID in difference:
        say(f"difference in success: {_CANNOT_SAY}: {difference[_UNSAID]}")
    else:
        say(f"difference in success, in points: {_interval(difference, 'value', 'success')}; {recorded['note']}")


def _rate(success: Mapping[str, float] | None) -> str:
    return (
        NOTHING
        if success is None
        else f"{share(success['rate'])} ({share(success['low'])} to {share(success['high'])})"
    )


def _cell(estimate: Mapping[str, Any], quantity: str) -> str:
    return _CANNOT_SAY if _UNSAID in estimate else _interval(estimate, "change", quantity)


def _interval(found: Mapping[str, float], value: str, quantity: str) -> str:
    text = _SIGNED[quantity]
    return f"{text(found[value])} ({text(found['low'])} to {text(found['high'])})"


def _unsaid(policy: Mapping[str, Any]) -> str:
    reasons = [
        f"; {title}: {_CANNOT_SAY}: {found[_UNSAID]}"
        for title, quantity, estimator in _ESTIMATES
        for found in [policy[quantity][estimator]]
        if _UNSAID in found
    ]
    same = {reason.partition(f"{_CANNOT_SAY}: ")[2] for reason in reasons}
    return f"; {_CANNOT_SAY}: {same.pop()}" if len(reasons) == len(_ESTIMATES) and len(same) == 1 else "".join(reasons)


def _signed(text: Callable[[float | None], str]) -> Callable[[float], str]:
    return lambda change: f"{'-' if change < 0 else '+'}{text(abs(change))}"


_SIGNED: Final[Mapping[str, Callable[[float], str]]] = {
    "success": lambda change: f"{100 * change:+.1f}",
    "cost_usd": _signed(money),
    "duration_ms": _signed(duration),
}
