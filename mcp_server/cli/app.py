"""What every command starts from: settings, the store, and the services over it."""

import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anyio
import click

from mcp_server.cli.late import Late
from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.texts import Guesser, TextKeeper
from mcp_server.service.guessing import TypeGuesser
from mcp_server.settings import Settings, load
from storage.opening import open_store
from storage.store import Store

if TYPE_CHECKING:
    from mcp_server.service.advising import Advising
    from mcp_server.service.capturing import Capturing
    from mcp_server.service.crediting import Crediting
    from mcp_server.service.exporting import Exporting
    from mcp_server.service.importing import Importing
    from mcp_server.service.recording import Recording
    from mcp_server.service.replaying import Replaying
    from mcp_server.service.reporting import Reporting
    from mcp_server.service.reviewing import Reviewing
    from mcp_server.service.ruling import Ruling
    from mcp_server.service.user_files import UserFiles

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])

_BACKEND: Final = "asyncio"  # aiosqlite speaks nothing else


@dataclass(frozen=True)
class App:
    """Settings and the store, with services made when they are asked for."""

    settings: Settings
    store: Store
    guess: Guesser
    """What it makes of tasks of which nobody states the type."""
    patience_s: float | None = None
    """How long an answer may wait for what running sessions tell; None waits for all of it."""

    @cached_property
    def keep(self) -> TextKeeper:
        """What becomes of texts before they are kept."""
        return TextKeeper(Redactor(os.environ), content=self.settings.content == "full", guess=self.guess)

    @cached_property
    def session_id(self) -> str:
        """Where nothing tells another one: what this process suggests and what it is told meet in it."""
        return self.settings.session_id or f"session-{uuid.uuid4()}"

    @cached_property
    def reporting(self) -> "Reporting":
        """Answers about what is recorded."""
        from mcp_server.service.reporting import Reporting  # noqa: PLC0415 - only commands that ask for it pay

        return Reporting(self.store, session_id=self.session_id, feed=self.capturing)

    @cached_property
    def crediting(self) -> "Crediting":
        """Says which delegation mattered."""

        def make() -> "Crediting":
            from mcp_server.service.crediting import Crediting  # noqa: PLC0415 - as above

            return Crediting(self.store, self.reporting.present)

        return cast("Crediting", Late(make))

    @cached_property
    def reviewing(self) -> "Reviewing":
        """Says what to change."""

        def make() -> "Reviewing":
            from mcp_server.service.reviewing import Reviewing  # noqa: PLC0415 - as above

            reporting = self.reporting
            return Reviewing(self.store, reporting.present, reporting.asking, self.settings.budgets)

        return cast("Reviewing", Late(make))

    @cached_property
    def advising(self) -> "Advising":
        """Says who should do a task."""

        def make() -> "Advising":
            from mcp_server.service.advising import Advising  # noqa: PLC0415 - as above
            from mcp_server.service.briefing import Briefing  # noqa: PLC0415 - as above
            from mcp_server.service.hook_files import HookFiles  # noqa: PLC0415 - as above

            settings = self.settings
            # Hooks know one folder: another database must not speak in the place of the user's own.
            briefing = (
                Briefing(HookFiles(settings.routing_folder), mode=settings.routing) if settings.is_own_db else None
            )
            return Advising(
                self.store,
                self.reporting.present,
                self.keep,
                config=settings.claude_config,
                project=settings.project,
                briefing=briefing,
            )

        return cast("Advising", Late(make))

    @cached_property
    def exporting(self) -> "Exporting":
        """Writes out what is recorded."""
        from mcp_server.service.exporting import Exporting  # noqa: PLC0415 - as above

        return Exporting(self.store, feed=self.capturing)

    @cached_property
    def replaying(self) -> "Replaying":
        """Says what following the advice would have changed."""
        from mcp_server.service.replaying import Replaying  # noqa: PLC0415 - as above

        return Replaying(self.store, feed=self.capturing)

    @cached_property
    def ruling(self) -> "Ruling":
        """Proposes learned rules for files of the user."""
        from mcp_server.service.ruling import Ruling  # noqa: PLC0415 - as above

        return Ruling(self.store, self.user_files, self.advising.known, feed=self.capturing)

    @cached_property
    def user_files(self) -> "UserFiles":
        """Changes files of the user, and remembers what they held."""
        from mcp_server.service.user_files import UserFiles  # noqa: PLC0415 - as above

        return UserFiles(self.settings.edits)

    @cached_property
    def recording(self) -> "Recording":
        """Takes in what is stated."""
        from mcp_server.service.recording import Recording  # noqa: PLC0415 - as above

        settings = self.settings
        return Recording(
            self.store,
            self.keep,
            session_id=self.session_id,
            project=settings.project,
            feed=self.capturing,
            judged=self._learn_soon,
        )

    def _learn_soon(self) -> None:
        """Let the router learn what was judged just now, if anybody asks it in this process at all."""
        if cast("Late", self.advising).is_made:
            self.advising.soon()

    @cached_property
    def importing(self) -> "Importing":
        """Takes in what other programs have written."""
        from mcp_server.ingest.pricing import cost_usd  # noqa: PLC0415 - as above
        from mcp_server.service.importing import Importing  # noqa: PLC0415 - as above

        return Importing(self.store, self.keep, cost_usd, self.settings.claude_config)

    @cached_property
    def capturing(self) -> "Capturing":
        """Takes in what running sessions tell."""

        def make() -> "Capturing":
            from mcp_server.ingest.claude_code.liveness import ancestors  # noqa: PLC0415 - as above
            from mcp_server.service.capturing import Capturing  # noqa: PLC0415 - as above

            return Capturing(
                self.store,
                self.importing,
                self.keep,
                config=self.settings.claude_config,
                spools=self.settings.spools,
                patience_s=self.patience_s,
                process_ids=ancestors(),
            )

        return cast("Capturing", Late(make))

    @property
    def transcripts(self) -> Path:
        """Where Claude Code keeps its transcripts."""
        return self.settings.claude_config / "projects"


@asynccontextmanager
async def opened(db: str | None, patience_s: float | None = None, *, must_exist: bool = False) -> AsyncIterator[App]:
    """The app on the database that is meant, closed at the end whatever happens.

    Args:
        db: as it was named for this time; None is the usual one.
        patience_s: how long an answer may wait for what running sessions tell.
        must_exist: whether a database that was named must be there.
    """
    settings = load({"db": db})
    guess = TypeGuesser(settings.task_types)
    store = open_store(settings.db, synchronous=settings.synchronous, must_exist=must_exist and db is not None)
    try:
        yield App(settings, store, guess, patience_s)
    finally:
        with anyio.CancelScope(shield=True):
            await store.close()


def run(db: str | None, work: Callable[[App], Awaitable[Result]], *, may_make: bool = False) -> Result:
    """Run a command's work on the database that is meant.

    Args:
        db: as it was named for this time; None is the usual one, which is made at the first run.
        work: what is done.
        may_make: whether one that was named is made where there is none: a mistyped path must not pass for a history.
    """

    async def working() -> Result:
        async with opened(db, must_exist=not may_make) as app:
            return await work(app)

    return anyio.run(working, backend=_BACKEND)


def database_option(command: Command) -> Command:
    """`--db`, as every command has it."""
    option = click.option(
        "--db",
        metavar="URL_OR_PATH",
        help="Database. Default: DELEGATION_TELEMETRY_DB, or telemetry.db in the user's data folder.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    """`--json`, as every command that prints data has it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON: the same object that the tool returns.")(
        command
    )
