"""The console script: finds the module of a command and runs it. A command's own imports are made only then."""

import importlib
import sys
from typing import Final

import click

from mcp_server import __version__
from mcp_server.cli.rendering import say
from mcp_server.service.errors import ServiceError
from mcp_server.settings import APP_NAME, BadSetting
from storage.errors import StoreError

COMMANDS: Final = {
    "serve": "serve",
    "demo": "demo",
    "import": "importing",
    "log": "log",
    "trajectory": "trajectory",
    "search": "search",
    "credit": "credit",
    "stats": "stats",
    "route": "route",
    "report": "report",
    "insights": "insights",
    "reward": "reward",
    "rules": "rules",
    "replay": "replay",
    "export": "export",
    "doctor": "doctor",
    "prune": "prune",
    "backup": "backup",
}
"""Command -> module of `mcp_server.cli`, in the order in which help lists them."""

_FAILED: Final = 1
_INTERRUPTED: Final = 130


class Commands(click.Group):
    """Commands whose modules are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the library's signature
        """All names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of a name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"mcp_server.cli.{COMMANDS[cmd_name]}")
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=APP_NAME)
def cli() -> None:
    """What did each delegation to another agent do, cost and deliver?

    Reads the history of Claude Code and other clients into one local file, and answers from it: here for people,
    and as an MCP server for models (serve).
    """


def main() -> None:
    """Run the command line; exit with 0 done, 1 failed, 2 wrong usage."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(_FAILED)
    except (StoreError, ServiceError, BadSetting) as error:
        say(f"{APP_NAME}: {error}", err=True)
        sys.exit(_FAILED)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        sys.stderr.close()
        sys.exit(_FAILED)
    except OSError as error:
        say(f"{APP_NAME}: {error.filename or 'input or output'}: {error.strerror or error}", err=True)
        sys.exit(_FAILED)
