"""Whether a session may still be going on: what has no end yet is running there, and lost otherwise."""

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


class Liveness:
    """Asks the client's own register of running processes, and the clock where there is none."""

    def __init__(self, config: Path, now: datetime) -> None:
        self._now = now
        self._running = _running_sessions(config / _REGISTER)

    def may_go_on(self, session_id: str, client_version: str | None, last_activity: datetime) -> bool | None:
        """Whether a session goes on; None where only its silence could tell and it has not been silent for long."""
        if self._running is not None and keeps_register(client_version):
            return session_id in self._running
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
        and _is_running(number(record.get("pid")), string(record.get("procStart")))
    }


def _is_running(pid: int, started: str | None) -> bool:
    """Whether the process is there and, where that is told, is no later one with the same number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False if Path("/proc/self").exists() else True  # noqa: SIM211 - three cases, said as such
    except OSError:
        return True
    fields = stat.rpartition(")")[2].split()  # after the name, which may hold anything
    return started is None or fields[_START_TIME_FIELD - 2] == started
