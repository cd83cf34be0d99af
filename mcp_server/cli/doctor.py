"""`doctor`: is everything as it should be?"""

import sys

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import print_json, printable, say
from mcp_server.service.checkup import Checkup, grave
from mcp_server.service.findings import Finding

_SIGNS = {"ok": "ok  ", "warning": "warn", "problem": "BAD "}
_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@click.option(
    "--fix",
    is_flag=True,
    help="First do what is safe: take in what waits, guess missing types of tasks, close the database to others.",
)
@click.option("--rebuild", is_flag=True, help="First sum all delegations up anew, for statistics that are in doubt.")
@json_option
@database_option
def command(db: str | None, *, fix: bool, rebuild: bool, as_json: bool) -> None:
    """Check the database, the plugin and its hooks, and what of Claude Code's history is imported.

    Each finding comes with its cure. Exit status 1 if something does not work.
    """

    async def looking(app: App) -> list[Finding]:
        checkup = Checkup(app.store, app.importing, app.capturing, app.settings, app.guess)
        if rebuild:
            await checkup.rebuild()
        if fix:
            await checkup.mend()
        return await checkup.findings()

    findings = run(db, looking, may_make=fix)
    if rebuild and not as_json:
        click.echo("all delegations were summed up anew")
    if as_json:
        print_json({"findings": [finding.as_object() for finding in findings]})
    else:
        for finding in findings:
            sign = click.style(_SIGNS[finding.state], fg=_COLOURS[finding.state])
            click.echo(f"{sign}  {finding.check}: {printable(finding.text)}")
            if finding.cure:
                say(f"      -> {finding.cure}")
    if grave(findings):
        sys.exit(1)
