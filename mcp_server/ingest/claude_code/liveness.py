"""Whether a session may still be going on: what has no end yet is running there, and lost otherwise."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mcp_server.ingest.claude_code.content import number, string
from mcp_server.ingest.claude_code.layout import load_json
from mcp_server.ingest.claude_code.versions import keeps_register

QUIET_AFTER: Final = timedelta(minutes=15)
"""Without a register, a session that wrote nothing for so long counts as over. A later line revises that."""

_REGISTER: Final = "sessions"
_START_TIME_FIELD: Final = 21  # of /proc/PID/stat, counted from 0
_PARENT_FIELD: Final = 3
_GENERATIONS: Final = 6  # a client may start a server through a shell or a package runner


class Liveness:
    """Asks the client's own register of running processes, and the clock where there is none."""

    def __init__(self, config: Path, now: datetime, over: frozenset[str] = frozenset()) -> None:
        """Ask now.

        Args:
            config: where the client keeps its own files.
            now: the present time.
            over: sessions of which something else tells that they have ended.
        """
        self._now = now
        self._over = over
        self._running = _running_sessions(config / _REGISTER)

    def runs(self, session_id: str) -> bool:
        """Whether the client's register says that a process runs this session."""
        return self._running is not None and session_id in self._running

    def may_go_on(self, session_id: str, client_version: str | None, last_activity: datetime) -> bool | None:
        """Whether a session goes on; None where only its silence could tell and it has not been silent for long."""
        if self._running is not None and keeps_register(client_version):
            return session_id in self._running
        if session_id in self._over:
            return False
        # A time that lies far ahead comes from a clock that was wrong: it would never become quiet.
        return None if abs(self._now - last_activity) < QUIET_AFTER else False


def _running_sessions(register: Path) -> set[str] | None:
    """Sessions whose process is there; None where no client ever kept a register."""
    try:
        entries = [path for path in register.iterdir() if path.suffix == ".json"]
    except OSError:
        return None
    records = (load_json(entry) for entry in entries)
    return {
        session_id
        for record in records
        if (session_id := string(record.get("sessionId"))) is not None
        and is_running(number(record.get("pid")), string(record.get("procStart")))
    }


def ancestors() -> list[int]:
    """This process's parent and those above it, nearest first; the parent alone where no more can be known."""
    found = [os.getppid()]
    while len(found) < _GENERATIONS and found[-1] > 1:
        try:
            stat = Path(f"/proc/{found[-1]}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            break
        found.append(int(stat.rpartition(")")[2].split()[_PARENT_FIELD - 2]))
    return [pid for pid in found if pid > 1]


def is_running(pid: int, started: str | None = None) -> bool:
    """Whether the process is there and, where that is told, is no later one with the same number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False if Path("/proc/self").exists() else True  # noqa: SIM211 - three cases, said as such
    except OSError:
        return True
    fields = stat.rpartition(")")[2].split()  # after the name, which may hold anything
    return started is None or fields[_START_TIME_FIELD - 2] == started
