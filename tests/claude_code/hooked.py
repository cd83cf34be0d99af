"""Running the hooks' script in a home of its own, with what a server has left there for it."""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest import spool
from mcp_server.service.hook_files import HookFiles

SCRIPT: Final = Path(__file__).parents[2] / "claude_config" / "hooks" / "record.sh"
SYSTEM_PATH: Final = "/usr/bin:/bin"
DATA: Final = ".local/share/delegation-telemetry"
SESSION: Final = {"session_id": "s", "transcript_path": "/t/s.jsonl", "cwd": "/"}


def posted(
    home: Path,
    text: str | None = "The table.",
    *,
    revision: str = "r1",
    models: Mapping[str, str] | None = None,
    left: timedelta = timedelta(days=1),
) -> Path:
    """Leave what a server would leave in a home, good for some time yet; returns its folder."""
    now = datetime.now(UTC)
    files = HookFiles(home / DATA / "routing")
    files.write(text=text, revision=revision, models=models or {}, now=now, until=now + left)
    return files.folder


def answer(
    home: Path, event: str, payload: bytes | Mapping[str, Any] = SESSION, /, shell: str = "sh", **environment: str
) -> bytes:
    """What the hook of an event prints. It must leave the event in the spool, and succeed in silence."""
    given = payload if isinstance(payload, bytes) else json.dumps({**payload, "hook_event_name": event}).encode()
    before = len(letters(home))
    project = environment.pop("project", "/")
    done = subprocess.run(
        [shell, str(SCRIPT), event],
        env={
            "PATH": SYSTEM_PATH,
            "HOME": str(home),
            "CLAUDE_PID": "4711",
            "CLAUDE_PROJECT_DIR": project,
            **environment,
        },
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=project,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(letters(home)) > before, "recording comes first"
    return done.stdout


def letters(home: Path) -> list[spool.Letter]:
    """What waits in the spool of a home."""
    return spool.letters([home / DATA / "spool"], datetime.now(UTC) + timedelta(hours=1), 100_000)


def configured(home: Path, text: str) -> None:
    """Give a home a configuration."""
    file = home / ".config/delegation-telemetry/config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def make_fifo(path: Path) -> None:
    """Put a pipe that nobody writes to in the place of a file: whoever opens it waits for ever."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)
