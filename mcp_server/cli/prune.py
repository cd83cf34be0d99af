"""`prune`: retention by age or size."""

import re
from datetime import UTC, datetime

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import App, database_option, run
from mcp_server.service.errors import BadArgument
from mcp_server.service.moments import moment
from storage.queries import Pruned

_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_SIZE = re.compile(r"(\d{1,12})\s*([kmg]?)b?", re.IGNORECASE)


@click.command()
@click.option("--older-than", metavar="SPAN", help="Sessions without activity for this long, such as 90d.")
@click.option("--max-size", metavar="SIZE", help="The oldest sessions until the database is no larger, such as 500MB.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@database_option
def command(db: str | None, older_than: str | None, max_size: str | None, *, yes: bool) -> None:
    """Remove whole sessions, the longest inactive first. What is removed cannot be brought back: see `backup`."""
    if older_than is None and max_size is None:
        raise click.UsageError("say what to remove: --older-than 90d, or --max-size 500MB")
    now = datetime.now(UTC)
    before = moment("older_than", older_than, now)
    if before is not None and before >= now:
        raise BadArgument("older_than", older_than, "that would remove everything; give a span back, such as 90d")
    limit = None if max_size is None else _bytes(max_size)
    if not yes:
        click.confirm("Remove sessions for good?", abort=True, err=True)

    async def pruning(app: App) -> Pruned:
        return await app.store.prune(before=before, max_bytes=limit)

    done = run(db, pruning)
    click.echo(
        f"removed {counted(done.sessions, 'session')} with {counted(done.spans, 'span')}"
        f" and {counted(done.rewards, 'judgement')}"
        + (f"; {done.size_before_bytes / 1e6:.1f} MB -> {done.size_after_bytes / 1e6:.1f} MB" if done.sessions else "")
    )


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise BadArgument("max_size", text, "give a number of bytes, or such as 500MB or 2GB")
    return int(found[1]) * _UNITS[found[2].lower()]
