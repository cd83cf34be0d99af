"""`trajectory`: one session as a tree."""

from typing import Any, Literal

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.options import agent_mode_option, limit_option
from mcp_server.cli.rendering import left_out, print_json
from mcp_server.cli.reports import print_trajectory
from mcp_server.service.agent_match import AgentMode


@click.command()
@click.argument("session_id", required=False)
@click.option(
    "--detail",
    type=click.Choice(["skeleton", "summary", "full"]),
    default="summary",
    show_default=True,
    help="Figures; figures and heads of texts; every field, and calls of models and tools.",
)
@click.option("--agent-match", metavar="REGEX", help="Only agents in whose type this is found.")
@agent_mode_option
@limit_option(500)
@json_option
@database_option
def command(
    db: str | None,
    session_id: str | None,
    detail: Literal["skeleton", "summary", "full"],
    agent_match: str | None,
    limit: int,
    *,
    agent_mode: AgentMode,
    as_json: bool,
) -> None:
    """Show what a session delegated, as a tree. Without SESSION_ID: the current session, else the latest."""

    async def asking(app: App) -> dict[str, Any]:
        return await app.reporting.trajectory(
            session_id, detail=detail, agent_match=agent_match, agent_mode=agent_mode, limit=limit, max_chars=None
        )

    answer = run(db, asking)
    if as_json:
        print_json(answer)
        return
    print_trajectory(answer)
    left_out(answer, "spans")
