"""`report`: a period or a session on one page."""

from pathlib import Path
from typing import Any

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.page_file import write_page
from mcp_server.cli.rendering import NOTHING, count, duration, money, nothing_matches, print_json, print_table, share
from mcp_server.cli.reports import print_credit, print_delegations
from mcp_server.service.surveying import Surveying

_STDOUT = Path("-")


@click.command()
@click.option(
    "--html",
    "target",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write one self-contained page; - is stdout. Without it a short report is printed.",
)
@click.option("--session", "session_id", metavar="ID", help="Of one session; `latest` is the current or latest one.")
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option("--agent-match", metavar="REGEX", help="Only agents in whose type this is found.")
@click.option("--project", metavar="PATH", help="Exact project path.")
@click.option("--force", is_flag=True, help="Overwrite FILE even if it is no earlier report.")
@json_option
@database_option
def command(
    db: str | None, target: Path | None, session_id: str | None, *, force: bool, as_json: bool, **period: str | None
) -> None:
    """Draw a period, or a session, as one page to look at and to show.

    An earlier report of the same name is overwritten, any other file only with --force.
    """
    if as_json and target is not None:
        raise click.UsageError("--json prints what a page would show: leave --html out")
    agent_match = period.pop("agent_match")
    if session_id is not None and any(period.values()):
        raise click.UsageError("--since, --until and --project are of a period: leave --session out")

    async def asking(app: App) -> dict[str, Any]:
        surveying = Surveying(app.store, app.reporting, app.crediting, app.reviewing.insights)
        if session_id is None:
            return await surveying.period(**period, agent_match=agent_match)
        return await surveying.session(None if session_id == "latest" else session_id, agent_match=agent_match)

    survey = run(db, asking)
    if as_json:
        print_json(survey)
    elif target is None:
        _print(survey)
    elif target == _STDOUT:
        click.echo(_drawn(survey))
    else:
        size = write_page(target, _drawn(survey), force=force)
        click.echo(f"{target}: {size / 1000:.0f} kB; open it in a browser")


def _drawn(survey: dict[str, Any]) -> str:
    from mcp_server.dashboard.period import period_page  # noqa: PLC0415 - text needs no page
    from mcp_server.dashboard.session import session_page  # noqa: PLC0415 - as above

    return period_page(survey) if survey["about"] == "period" else session_page(survey)


def _print(survey: dict[str, Any]) -> None:
    if survey["about"] == "session":
        print_credit(survey["credit"], {"spans": survey["runs"]})
    elif not survey["totals"]["n"]:
        nothing_matches()
    else:
        arms = [_figures(arm, [arm["key"]["agent_type"], arm["key"]["model"] or NOTHING]) for arm in survey["arms"]]
        columns = ("agent", "model", "n", "judged", "success (90 %)", "cost", "median")
        print_table(columns, [*arms, _figures(survey["totals"], ["all", ""])], right=frozenset(columns[2:]))
        click.echo("\nthe dearest")
        print_delegations({"delegations": survey["dearest"]})
        click.echo("\nas a page: delegation-telemetry report --html report.html", err=True)


def _figures(group: dict[str, Any], key: list[str]) -> tuple[str, ...]:
    success = group["success"]
    return (
        *key,
        count(group["n"]),
        count(group["verified_n"]),
        "not enough data"
        if success is None
        else f"{share(success['rate'])} ({share(success['low'])} to {share(success['high'])})",
        money(group["cost_usd"]),
        duration(group["duration_ms"]["median"]),
    )
