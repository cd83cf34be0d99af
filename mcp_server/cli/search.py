"""`search`: delegations by their words."""

from typing import Any

import click

from mcp_server.cli.app import database_option, json_option
from mcp_server.cli.log import show
from mcp_server.cli.options import filter_options, limit_option


@click.command()
@click.argument("words", nargs=-1, required=True)
@filter_options
@limit_option(20)
@json_option
@database_option
def command(db: str | None, words: tuple[str, ...], *, as_json: bool, **question: Any) -> None:
    """Find delegations in whose task or output all WORDS occur, newest first."""
    show(db, " ".join(words), question, as_json=as_json)
