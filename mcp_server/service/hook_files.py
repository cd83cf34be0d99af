"""Files that hooks hand on as they are, so that no hook ever computes anything.

- `advice`: the line `advice 1 REVISION`, then the text as a JSON string.
- `models`: the line `models 1`, then a line `AGENT_TYPE ALIAS` for each agent.
- `shown/PID`: what a hook has shown to the session of that client last.

Each file is dated ahead, to the moment until which it holds: a shell can compare the times of two files without
starting a process.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from mcp_server.ingest.claude_code.aliases import ALIASES

ADVICE: Final = "advice"
MODELS: Final = "models"
_SHOWN: Final = "shown"
_PLAIN_TYPE: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
"""Of a plugin's agents, which have a colon, no hook can see the definition."""
_FORGOTTEN_AFTER: Final = timedelta(days=30)


class HookFiles:
    """The folder in which hooks look."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not be there."""
        self.folder = folder

    def write(
        self, *, text: str | None, revision: str, models: Mapping[str, str], now: datetime, until: datetime
    ) -> None:
        """Put new files in the place of the old ones, each at once.

        Args:
            text: for a model to read; None takes the old one away.
            revision: of the text, without spaces.
            models: agent type -> alias; what a hook could not be sure of is left out, and without any the file goes.
            now: the present time.
            until: hooks are silent from then on.

        Raises:
            OSError: the folder cannot be written to.
        """
        shown = self.folder / _SHOWN
        for folder in (self.folder.parent, self.folder, shown):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            f"{agent_type} {alias}"
            for agent_type, alias in sorted(models.items())
            if _PLAIN_TYPE.fullmatch(agent_type) and alias in ALIASES
        ]
        self._put(ADVICE, [f"advice 1 {revision}", json.dumps(text)] if text else [], until)
        self._put(MODELS, ["models 1", *lines] if lines else [], until)
        for marker in shown.iterdir():
            with suppress(OSError):
                if now.timestamp() - marker.stat().st_mtime > _FORGOTTEN_AFTER.total_seconds():
                    marker.unlink()

    def until(self) -> Mapping[str, datetime]:
        """Which files are there, `advice` or `models`, and until when they hold."""
        found: dict[str, datetime] = {}
        for name in (ADVICE, MODELS):
            with suppress(OSError):
                found[name] = datetime.fromtimestamp((self.folder / name).stat().st_mtime, tz=UTC)
        return found

    def _put(self, name: str, lines: list[str], until: datetime) -> None:
        path = self.folder / name
        if not lines:
            path.unlink(missing_ok=True)
            return
        number, temporary = tempfile.mkstemp(prefix=f".{name}-", dir=self.folder)  # readable by its user alone
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write("\n".join([*lines, ""]))
            os.utime(temporary, (until.timestamp(), until.timestamp()))
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
