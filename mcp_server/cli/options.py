"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from storage.vocabulary import Outcome, Status

Command = TypeVar("Command", bound=Callable[..., Any])


def filter_options(command: Command) -> Command:
    """What restricts a question about delegations."""
    for option in (
        click.option("--min-cost-usd", type=click.FloatRange(min=0), help="At least this cost, in US dollars."),
        click.option("--until", metavar="TIME", help="Started before."),
        click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h."),
        click.option("--project", metavar="PATH", help="Exact project path."),
        click.option("--status", type=click.Choice([one.value for one in Status]), help="Status."),
        click.option("--outcome", type=click.Choice([one.value for one in Outcome]), help="Outcome."),
        click.option("--task-type", help="Exact task type."),
        click.option("--model", help="Exact model."),
        click.option("--agent-match", metavar="REGEX", help="Regular expression searched in the agent type."),
        click.option("--agent", "agent_type", help="Exact agent type."),
    ):
        command = option(command)
    return command


def limit_option(default: int) -> Callable[[Command], Command]:
    """How many items are shown."""
    return click.option(
        "--limit", type=click.IntRange(1, 1000), default=default, show_default=True, help="At most so many."
    )


def agent_mode_option(command: Command) -> Command:
    """How `--agent-match` is read."""
    option = click.option(
        "--agent-mode",
        type=click.Choice(["nearest", "ancestor"]),
        default="nearest",
        show_default=True,
        help="What --agent-match keeps: what such an agent did itself, or all that is below it as well.",
    )
    return option(command)
