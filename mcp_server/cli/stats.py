"""`stats`: delegations summed up."""

from typing import Any, Final

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.options import agent_mode_option, limit_option
from mcp_server.cli.rendering import left_out, nothing_matches, print_json
from mcp_server.cli.stats_report import print_stats
from storage.queries import Dimension

_ALL: Final = 1_000_000


@click.command()
@click.option(
    "--by",
    "group_by",
    type=click.Choice([one.value for one in Dimension]),
    multiple=True,
    default=("agent_type", "model"),
    show_default=True,
    help="What to group by; may be repeated.",
)
@click.option("--agent-match", metavar="REGEX", help="Regular expression searched in the agent type.")
@agent_mode_option
@click.option("--project", metavar="PATH", help="Exact project path.")
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h.")
@click.option("--until", metavar="TIME", help="Started before.")
@limit_option(50)
@json_option
@database_option
def command(db: str | None, group_by: tuple[str, ...], *, limit: int, as_json: bool, **question: Any) -> None:
    """Sum delegations up by agent, model, project, day and so on, and say who stands out.

    Success is the share of the judged ones, with the range that holds it nine times in ten.
    """

    async def asking(app: App) -> dict[str, Any]:
        # What stands out is looked for among all groups, whatever the table shows.
        most = limit if as_json else _ALL
        return await app.reporting.stats([Dimension(one) for one in group_by], **question, limit=most, max_chars=None)

    answer = run(db, asking)
    if as_json:
        print_json(answer)
    elif not answer["total"]:
        nothing_matches()
    else:
        print_stats(answer, limit)
        left_out({"returned": min(limit, answer["total"]), "total": answer["total"]}, "groups")
