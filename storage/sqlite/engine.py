"""Connections of one SQLite file: one that writes, one that reads, opened when first needed; others for long looks."""

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

import aiosqlite
import anyio

from storage.errors import (
    DiskFailed,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
    StoreUnavailable,
)
from storage.sqlite import functions, migrate, rows

if TYPE_CHECKING:
    import asyncio

Result = TypeVar("Result")

BUSY_TIMEOUT_S: Final = 5.0
_CLOSE_LIMIT_S: Final = 5.0
_CACHE_KIB: Final = 512
"""Of each connection. A larger one spares copies of what the system's own cache holds once for all processes: at a
million spans 8 MiB were hardly faster, and every connection of every server has one."""
_PRAGMAS: Final = (
    "pragma foreign_keys = on",
    "pragma page_size = 8192",  # a span of 3 kB wastes a fifth of a 4 kB page; 16 kB pages slow single writes down
    f"pragma cache_size = -{_CACHE_KIB}",
    "pragma temp_store = memory",
)
_JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
_WAL_RETRY_S: Final = 0.01
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_READ_ONLY: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_NOT_AS_WRITTEN: Final = "no such column"
"""What is asked is fixed: where it is missing, the file's own description of itself is damaged."""
_NOT_ALLOWED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

Synchronous = Literal["normal", "full"]
# Python decodes the messages of SQLite, which quote what they found in a damaged file.
Failure = sqlite3.Error | rows.Damaged | UnicodeDecodeError
_FAILURES: Final = (sqlite3.Error, rows.Damaged, UnicodeDecodeError)


class Thread(aiosqlite.Connection):
    """A connection with its own thread, to which a whole transaction is sent as one function.

    One awaited hop for each statement would cost more than the statements.
    """

    _opened: sqlite3.Connection | None = None
    _ending: "asyncio.Future[None] | None" = None

    @classmethod
    async def open(cls, connector: Callable[[], sqlite3.Connection]) -> Self:
        """Start the thread and connect on it."""

        def connect() -> sqlite3.Connection:
            thread._opened = connector()
            return thread._opened

        thread = cls(connect, iter_chunk_size=64)
        try:
            await thread
        except BaseException:
            # The thread still owes the event loop an answer, which must not find it closed.
            with anyio.CancelScope(shield=True):
                if thread._ending is not None:
                    await thread._ending
            raise
        return thread

    def stop(self) -> "asyncio.Future[None] | None":
        """End the thread, and close its connection also where nobody waited for it to open."""
        self._tx.put_nowait((None, self._close_opened))
        self._ending = super().stop()
        return self._ending

    def _close_opened(self) -> None:
        if self._opened is not None:
            self._opened.close()

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """`work` on the thread, after what was sent before. It runs to its end even if the caller is cancelled."""
        # What the thread returned, it holds until its next work, however large.
        results: list[Result] = []
        await self._execute(lambda connection: results.append(work(connection)), self._conn)  # type: ignore[no-untyped-call]
        return results.pop()


class Engine:
    """The connections of one file. Work is a function of a `sqlite3` connection; it runs as one transaction."""

    def __init__(
        self, path: Path, *, synchronous: Synchronous = "normal", busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.path = path.absolute()
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._writer: Thread | None = None
        self._reader: Thread | None = None
        self._file: tuple[int, int] | None = None
        self._stale = False
        self._opening = anyio.Lock()

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` inside a transaction that commits, or that leaves nothing behind."""
        return await self._run(await self._connected(), partial(self._as_a_whole, work=work))

    async def write_if_free(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """As `write`, for what may as well be lost: not where another process writes, nor where nobody may."""
        with suppress(StoreUnavailable):
            await self._run(await self._connected(), partial(self._at_once, work=work))

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` on one snapshot of the data."""
        return await self._run(await self._reading(), partial(self._on_a_snapshot, work=work))

    async def apart(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` on one snapshot and on a connection of its own: for what takes long."""
        await self._readable()
        thread = await self._open(self._open_reader)
        try:
            return await self._run(thread, partial(self._on_a_snapshot, work=work))
        finally:
            with anyio.CancelScope(shield=True):
                await thread.close()

    async def outside(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` on the writing connection without a transaction: for what SQLite allows only there."""
        return await self._run(await self._connected(), work)

    async def close(self) -> None:
        """Close all connections; what was sent before still runs."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE_LIMIT_S):
            async with self._opening:
                await self._disconnect()

    def _as_a_whole(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            # Inside the try: an interrupted BEGIN may already have begun.
            connection.execute("begin immediate")
            migrate.require_known(connection, str(self.path))
            result = work(connection)
            connection.execute("commit")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("rollback")
            if isinstance(error, sqlite3.IntegrityError) and not _is_sound(connection):
                # Tables and indexes that disagree are found only so. In a sound file it is a bug of ours.
                raise rows.Damaged(str(error)) from error
            raise
        return result

    def _on_a_snapshot(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            connection.execute("begin")
            migrate.require_known(connection, str(self.path))
            return work(connection)
        finally:
            if connection.in_transaction:
                connection.execute("rollback")

    def _at_once(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            connection.execute("pragma busy_timeout = 0")
            self._as_a_whole(connection, work)
        finally:
            connection.execute(f"pragma busy_timeout = {self._busy_timeout_s * 1e3:.0f}")

    async def _run(self, thread: Thread, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            return await thread.run(work)
        except _FAILURES as error:
            raise self._translated(error) from error

    async def _connected(self) -> Thread:
        async with self._opening:
            await self._keep_up()
            if self._writer is None:
                self._writer = await self._open(self._open_writer)
            return self._writer

    async def _readable(self) -> None:
        try:
            await self._connected()
        except StoreReadOnly:
            if _identity(self.path) is None:
                raise
            # What may not be written may still be read.

    async def _reading(self) -> Thread:
        await self._readable()
        async with self._opening:
            await self._keep_up()
            if self._reader is None:
                self._reader = await self._open(self._open_reader)
            return self._reader

    async def _keep_up(self) -> None:
        """Let go of a file that was deleted or replaced under us, and of one that was damaged."""
        file = _identity(self.path)
        if file == self._file and not self._stale:
            return
        if self._writer is not None and file != self._file:
            # What the old file's log still holds belongs into the old file: SQLite would apply it to the new one.
            with anyio.CancelScope(shield=True), suppress(sqlite3.Error):
                await self._writer.run(_empty_log)
        await self._disconnect()

    async def _open(self, connector: Callable[[], sqlite3.Connection]) -> Thread:
        try:
            thread = await Thread.open(connector)
        except _FAILURES as error:
            raise self._translated(error) from error
        except OSError as error:
            raise self._refused(error) from error
        self._file = _identity(self.path)
        return thread

    async def _disconnect(self) -> None:
        with anyio.CancelScope(shield=True):
            for thread in (self._reader, self._writer):
                if thread is not None:
                    await thread.close()
        self._reader, self._writer, self._stale = None, None, False

    def _open_writer(self) -> sqlite3.Connection:
        make_private_file(self.path)
        connection = self._connect(self.path)
        try:
            self._use_wal(connection)
            connection.execute(f"pragma synchronous = {self._synchronous}")
            connection.execute(f"pragma journal_size_limit = {_JOURNAL_LIMIT_BYTES}")
            migrate.migrate(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        if connection.execute("pragma journal_mode").fetchone()[0] == "wal":
            return
        # The first switch to WAL does not wait for other processes that are doing the same: we do.
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("pragma journal_mode = wal")
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_WAL_RETRY_S)
            else:
                return

    def _open_reader(self) -> sqlite3.Connection:
        try:
            connection = self._connect(self.path)
            try:
                migrate.version(connection)
            except BaseException:
                connection.close()
                raise
        except sqlite3.OperationalError as error:
            is_closed = _code(error) == sqlite3.SQLITE_CANTOPEN and _in_a_closed_folder(self.path)
            if not (is_closed or _code(error) == sqlite3.SQLITE_READONLY) or log_of(self.path).exists():
                raise
            # SQLite may not make its files beside this one, and nobody else has: it can be read as it lies there, but
            # only once, for whoever may write to it does not see that we read.
            connection = self._connect(f"{self.path.as_uri()}?immutable=1")
            self._stale = True
        try:
            connection.execute("pragma query_only = on")
            migrate.require_newest(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, database: Path | str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            database,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            uri=isinstance(database, str),
        )
        connection.row_factory = sqlite3.Row
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            functions.teach(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _translated(self, error: Failure) -> StoreError:
        location, code = str(self.path), _code(error)
        if code in _BUSY:
            return StoreBusy(location)
        if code == sqlite3.SQLITE_FULL:
            return StoreFull(location)
        if code in _READ_ONLY:
            self._stale = True  # a connection that was opened so stays so
            return self._read_only()
        if code in _CORRUPT or str(error).startswith(_NOT_AS_WRITTEN):
            self._stale = True
            return StoreCorrupt(location, str(error))
        if code == sqlite3.SQLITE_IOERR:
            self._stale = True
            return DiskFailed(location, str(error))
        if code == sqlite3.SQLITE_CANTOPEN and _in_a_closed_folder(self.path):
            return self._read_only()
        if code == sqlite3.SQLITE_CANTOPEN:
            return StoreMissing(location, str(error))
        raise error

    def _read_only(self) -> StoreReadOnly:
        location = str(self.path)
        if not _in_a_closed_folder(self.path):
            return StoreReadOnly(location)
        if not log_of(self.path).exists():
            return StoreReadOnly(location, f"its folder {self.path.parent} may not be written")
        return StoreReadOnly(
            location,
            f"its folder {self.path.parent} may not be written, which even reading needs while the log"
            f" {log_of(self.path).name} lies there",
        )

    def _refused(self, error: OSError) -> StoreError:
        location = str(self.path)
        if error.errno in _NOT_ALLOWED:
            return self._read_only()
        if error.errno in _NO_ROOM:
            return StoreFull(location)
        return StoreMissing(location, f"{error.strerror}: {error.filename}")


def _is_sound(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("pragma integrity_check(1)").fetchone()[0] == "ok")


def _empty_log(connection: sqlite3.Connection) -> None:
    connection.execute("pragma wal_checkpoint(truncate)").fetchall()


def _code(error: Failure) -> int:
    """SQLite's own code, without what tells variants of one error apart."""
    if isinstance(error, rows.Damaged | UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Python's own: a text that is no UTF-8. All else that it finds at fault is our misuse.
        return sqlite3.SQLITE_CORRUPT if isinstance(error, sqlite3.OperationalError) else sqlite3.SQLITE_MISUSE
    return int(code) & 0xFF


def log_of(path: Path) -> Path:
    """The write-ahead log beside a database."""
    return path.with_name(f"{path.name}-wal")


def _in_a_closed_folder(path: Path) -> bool:
    """Whether a file may be read but none made beside it, as on a file system that is mounted read-only."""
    return os.access(path, os.R_OK) and not os.access(path.parent, os.W_OK)


def make_private_file(path: Path) -> None:
    """Make the file and its folder so that only this user can read them; leave those that exist as they are."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
