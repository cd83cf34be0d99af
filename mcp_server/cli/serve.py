"""`serve`: the MCP server on stdio."""

import os
import signal
import sys
from typing import Final

import anyio
import click

from mcp_server.cli.app import App, database_option, opened
from mcp_server.server import Services, build_server

PATIENCE_S: Final = 0.05  # a model waits for each answer
_BEGINNING_S: Final = 1


@click.command()
@database_option
def command(db: str | None) -> None:
    """Serve MCP on stdio: what a client starts.

    Ends cleanly when the client closes the connection, and on SIGTERM and Ctrl-C.
    """
    anyio.run(_serve, db, backend="asyncio")


async def _serve(db: str | None) -> None:
    async with opened(db, PATIENCE_S) as app, anyio.create_task_group() as tasks:
        tasks.start_soon(_catch_up, app)
        if sys.platform != "win32":
            tasks.start_soon(_leave_when_told, app)
        try:
            await build_server(services(app)).run_stdio_async()
        except* (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the client went away first
        await _leave(app)


def services(app: App) -> Services:
    """What the tools of a process call."""
    return Services(
        recording=app.recording,
        reporting=app.reporting,
        crediting=app.crediting,
        reviewing=app.reviewing,
        advising=app.advising,
        capturing=app.capturing,
    )


async def _catch_up(app: App) -> None:
    """Take in what was left since the last server ended, and learn from it; but first let this one begin."""
    await anyio.sleep(_BEGINNING_S)
    await app.capturing.thorough()
    app.advising.soon()


async def _leave_when_told(app: App) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            await _leave(app)


async def _leave(app: App) -> None:
    """Close the store and end at once: a thread may sit in a read of stdin that nothing can interrupt."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(1):
        await app.capturing.close()
        await app.store.close()
    os._exit(0)
