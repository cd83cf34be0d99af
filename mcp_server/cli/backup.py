"""`backup`: a consistent copy."""

from pathlib import Path

import click

from mcp_server.cli.app import App, database_option, run


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@database_option
def command(db: str | None, target: Path) -> None:
    """Copy the database to a new file TARGET, consistently, while others go on writing."""

    async def copying(app: App) -> int:
        try:
            return await app.store.backup(target)
        except FileExistsError as error:
            raise click.ClickException(str(error)) from error

    size = run(db, copying)
    click.echo(f"{target}: {size / 1e6:.1f} MB")
