"""`import`: what other programs have written."""

import sys
from pathlib import Path
from typing import Any

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import print_json, say
from mcp_server.service.import_report import ImportReport
from mcp_server.service.importing import Watch


@click.command(name="import")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@json_option
@database_option
def command(db: str | None, paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Read Claude Code transcripts, ONE_SHOT delegation logs and exported JSONL at or below PATHS.

    Without PATHS: the transcripts in Claude Code's own folder. Only what is new is read; repeating it is harmless.
    """
    with _progress(shown=sys.stderr.isatty() and not as_json) as watch:

        async def working(app: App) -> ImportReport:
            return await app.importing.paths(list(paths) or [app.transcripts], watch)

        report = run(db, working, may_make=True)
    if as_json:
        print_json(_object(report))
    else:
        click.echo(
            f"{counted(report.created, 'span')} new, {report.updated:,} updated;"
            f" {counted(report.sessions_read, 'session')} read,"
            f" {report.sessions_unchanged} unchanged, {report.bytes_read / 1e6:.1f} MB"
        )
    if report.decisions:
        click.echo(
            f"{counted(report.decisions, 'routing decision')} passed over: `export --decisions` writes suggestions,"
            " which are no spans and cannot be imported",
            err=True,
        )
    if report.unreadable_lines:
        click.echo(f"passed over {counted(report.unreadable_lines, 'line')} that could not be read", err=True)
    for path, reason in report.problems:
        say(f"not read: {path}: {reason}", err=True)
    if report.problems:
        sys.exit(1)


def _object(report: ImportReport) -> dict[str, Any]:
    return {
        "files": report.files,
        "sessions_read": report.sessions_read,
        "sessions_unchanged": report.sessions_unchanged,
        "created": report.created,
        "updated": report.updated,
        "bytes_read": report.bytes_read,
        "unreadable_lines": report.unreadable_lines,
        "routing_decisions": report.decisions,
        "problems": [{"path": str(path), "reason": reason} for path, reason in report.problems],
    }


class _progress:  # noqa: N801 - used as a function
    """A bar on a terminal, nothing elsewhere."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Any = None

    def __enter__(self) -> Watch:
        if not self._shown:
            return lambda _done, _total: None
        from rich.console import Console  # noqa: PLC0415 - only where a bar is drawn
        from rich.progress import Progress  # noqa: PLC0415 - as above

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task("sessions", total=None)
        return lambda done, total: self._bar.update(task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
