"""`search`: delegations by their words, or by a similar task."""

from typing import Any

import click

from mcp_server.cli.app import database_option, json_option
from mcp_server.cli.log import show
from mcp_server.cli.options import filter_options, limit_option


@click.command()
@click.argument("words", nargs=-1)
@click.option("--similar-to", metavar="TASK", help="Only tasks that resemble this one, most similar first.")
@filter_options
@limit_option(20)
@json_option
@database_option
def command(db: str | None, words: tuple[str, ...], *, as_json: bool, **question: Any) -> None:
    """Find delegations in whose task or output all WORDS occur, newest first; or those with a similar task."""
    if not words and question["similar_to"] is None:
        raise click.UsageError("say what to find: WORDS, or --similar-to TASK")
    if question["similar_to"] is not None and not question["similar_to"].strip():
        raise click.UsageError("--similar-to is blank: give the task that others should resemble")
    show(db, " ".join(words) or None, question, as_json=as_json)
