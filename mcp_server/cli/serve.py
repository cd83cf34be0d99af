"""`serve`: the MCP server on stdio."""

import os
import signal
import sys

import anyio
import click

from mcp_server.cli.app import App, database_option, opened
from mcp_server.server import Services, build_server


@click.command()
@database_option
def command(db: str | None) -> None:
    """Serve MCP on stdio: what a client starts.

    Ends cleanly when the client closes the connection, and on SIGTERM and Ctrl-C.
    """
    anyio.run(_serve, db, backend="asyncio")


async def _serve(db: str | None) -> None:
    async with opened(db) as app, anyio.create_task_group() as tasks:
        if sys.platform != "win32":
            tasks.start_soon(_leave_when_told, app)
        try:
            await build_server(Services(recording=app.recording, reporting=app.reporting)).run_stdio_async()
        except* (BrokenPipeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the client went away first
        await _leave(app)


async def _leave_when_told(app: App) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            await _leave(app)


async def _leave(app: App) -> None:
    """Close the store and end at once: a thread may sit in a read of stdin that nothing can interrupt."""
    with anyio.CancelScope(shield=True), anyio.move_on_after(1):
        await app.store.close()
    os._exit(0)
