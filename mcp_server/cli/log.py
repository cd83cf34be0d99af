"""`log`: the latest delegations."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.options import filter_options, limit_option
from mcp_server.cli.rendering import left_out, nothing_matches, one_line, print_json, say
from mcp_server.cli.reports import print_delegations
from mcp_server.service.shell_words import argument
from storage.vocabulary import Outcome, Status

_TASK_CHARS: Final = 60


@click.command()
@filter_options
@limit_option(20)
@json_option
@database_option
def command(db: str | None, *, as_json: bool, **question: Any) -> None:
    """Show the latest delegations, newest first."""
    show(db, None, question, as_json=as_json)


def show(db: str | None, words: str | None, question: dict[str, Any], *, as_json: bool) -> None:
    """Ask and print."""
    question["outcome"] = Outcome(question["outcome"]) if question["outcome"] else None
    question["status"] = Status(question["status"]) if question["status"] else None

    async def asking(app: App) -> dict[str, Any]:
        return await app.reporting.search(words, **question, max_chars=None)

    answer = run(db, asking)
    if as_json:
        print_json(answer)
    elif not answer["total"] and question.get("similar_to") is not None:
        click.echo("no delegation has a task that resembles this one", err=True)
    elif not answer["total"]:
        nothing_matches()
    else:
        print_delegations(answer)
        left_out(answer, "delegations")
        if words is None and question.get("similar_to") is None:
            _ask(answer["verdicts_wanted"])


def _ask(wanted: Sequence[Mapping[str, Any]]) -> None:
    """Ask for verdicts, each in one line that answers when it is completed."""
    if wanted:
        click.echo("did it do what was asked? VALUE 1 yes, 0 no; without a verdict nobody learns from it", err=True)
    for one in wanted:
        # A line of its own: behind a command, not every shell takes it for a comment.
        say(f"  {one['agent_type']}: {one_line(one['task'], _TASK_CHARS)}", err=True)
        target = argument(one["span_id"])
        if target is None:
            click.echo("    its id cannot be copied safely", err=True)
        else:
            say(f"    delegation-telemetry reward --reason ... {target} VALUE", err=True)
