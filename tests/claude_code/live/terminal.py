"""The client in an interactive session, on a terminal of its own."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.claude_code.live.happenings import LIMIT_S, Happenings
from tests.claude_code.live.script import Key

_CONTROL: Final = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b[=>78]|\s")
_ROWS_AND_COLUMNS: Final = struct.pack("HHHH", 50, 160, 0, 0)
_QUIET_S: Final = 0.5
"""A screen that has not changed for so long waits for its user."""
_RESTLESS_S: Final = 1.0
"""So long a key is held back where the screen never rests."""


def run(
    command: list[str],
    keys: Sequence[Key],
    happenings: Happenings,
    *,
    cwd: Path,
    environment: Mapping[str, str],
) -> tuple[int, str]:
    """Run a program on a terminal, type the keys, each in its time, and wait for its end.

    Returns:
        Its exit status, negative where a signal ended it, and all that it wrote.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(command[0], command, dict(environment))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, _ROWS_AND_COLUMNS)
    screen = _Screen(terminal)
    for key in keys:
        screen.read_until(partial(_is_time, key, screen, happenings))
        screen.read_until_quiet()
        if not screen.open:
            break
        screen.begin_anew()
        os.write(terminal, key.send.encode())
    screen.read_until(lambda: False)
    if screen.open:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), screen.written.decode(errors="replace")


def _is_time(key: Key, screen: "_Screen", happenings: Happenings) -> bool:
    happened = key.after is None or happenings.wait(key.after, limit_s=0)
    return happened and (key.shown is None or re.search(key.shown.encode(), screen.shown()) is not None)


class _Screen:
    """What a program has written to its terminal."""

    def __init__(self, terminal: int) -> None:
        self.written = b""
        self.open = True
        self._terminal = terminal
        self._begin = 0

    def shown(self) -> bytes:
        """What was written since the last key, without colours and spaces."""
        return _CONTROL.sub(b"", self.written[self._begin :])

    def begin_anew(self) -> None:
        """Look only at what comes from here on."""
        self._begin = len(self.written)

    def read_until(self, is_enough: Callable[[], bool]) -> None:
        """Read until it is enough, the program has ended, or too much time has passed."""
        limit = time.monotonic() + LIMIT_S
        while self.open and not is_enough() and time.monotonic() < limit:
            self._read(0.05)

    def read_until_quiet(self) -> None:
        """Read until nothing more comes for a while, if it ever rests."""
        limit = time.monotonic() + _RESTLESS_S
        while self.open and self._read(_QUIET_S) and time.monotonic() < limit:
            pass

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], seconds)
        if not ready:
            return False
        try:
            read = os.read(self._terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            read = b""
        self.open = bool(read)
        self.written += read
        return True
