"""`credit`: which delegation mattered, and which one broke it."""

from typing import Any

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import print_json
from mcp_server.cli.reports import print_arms, print_credit


@click.command()
@click.argument("session_id", required=False)
@click.option("--by-arm", is_flag=True, help="Net credit by agent and model, over the latest sessions.")
@click.option("--since", metavar="TIME", help="With --by-arm: sessions active since: ISO 8601, or 7d, 24h.")
@click.option("--until", metavar="TIME", help="With --by-arm: sessions last active before.")
@click.option("--agent-match", metavar="REGEX", help="With --by-arm: only agents in whose type this is found.")
@json_option
@database_option
def command(db: str | None, session_id: str | None, *, by_arm: bool, as_json: bool, **question: str | None) -> None:
    """Share out credit and blame for a session. Without SESSION_ID: the current session, else the latest."""
    if not by_arm and any(question.values()):
        raise click.UsageError("--since, --until and --agent-match need --by-arm")
    if by_arm and session_id is not None:
        raise click.UsageError("--by-arm is over many sessions: leave SESSION_ID out")

    async def asking(app: App) -> tuple[dict[str, Any], dict[str, Any] | None]:
        if by_arm:
            return await app.crediting.arms(**question, max_chars=None), None
        credit = await app.crediting.session(session_id, max_chars=None)
        tree = await app.reporting.trajectory(credit["session_id"], limit=1000, max_chars=None)
        return credit, tree

    answer, tree = run(db, asking)
    if as_json:
        print_json(answer)
    elif tree is None:
        print_arms(answer)
    else:
        print_credit(answer, tree)
