"""`export`: spans as JSON lines."""

import json
import sys
from pathlib import Path
from typing import IO, Any

import click

from mcp_server.cli.app import App, database_option, run


@click.command()
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="File; default: stdout.")
@click.option("--session", "session_id", help="Only this session.")
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option("--agent-match", metavar="REGEX", help="Regular expression searched in the agent type.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["session", "delegation", "llm_call", "tool_call"]),
    multiple=True,
    help="Only these kinds; may be repeated. Default: all.",
)
@database_option
def command(db: str | None, output: Path | None, **question: Any) -> None:
    """Write spans as JSON, one on a line, in the order of recording. `import` reads them back unchanged."""

    async def exporting(app: App) -> int:
        written = 0
        with _target(output) as file:
            async for span in app.reporting.exported(**question):
                file.write(json.dumps(span, ensure_ascii=False, separators=(",", ":")) + "\n")
                written += 1
        return written

    written = run(db, exporting)
    click.echo(f"{written} spans written", err=True)


class _target:  # noqa: N801 - used as a function
    """The file to write to; stdout stays open."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[str] = sys.stdout

    def __enter__(self) -> IO[str]:
        if self._path is not None:
            self._file = self._path.open("x", encoding="utf-8")
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            self._file.close()
