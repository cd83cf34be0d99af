"""Versions of agents: a hash of the definition that a project or a user keeps."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 6
_LIMIT_BYTES: Final = 1024 * 1024
_PLAIN_NAME: Final = re.compile(r"^[\w-]{1,100}$")
_NAME_LINE: Final = re.compile(rb"^name:\s*[\"']?([\w-]+)", re.MULTILINE)


class Definitions:
    """Looks up agents' definitions, each once."""

    def __init__(self, config: Path) -> None:
        self._user_folder = config / "agents"
        self._known: dict[Path, dict[str, tuple[str, datetime]]] = {}

    def version(self, agent_type: str, project: str | None, started_at: datetime) -> str | None:
        """Hash of the definition an agent ran with; None where it is gone, or was changed since then."""
        if not _PLAIN_NAME.match(agent_type):
            return None
        folders = [Path(project) / ".claude" / "agents"] if project else []
        for folder in (*folders, self._user_folder):
            found = self._in(folder).get(agent_type)
            if found is not None:
                digest, changed_at = found
                return digest if changed_at <= started_at else None
        return None

    def _in(self, folder: Path) -> dict[str, tuple[str, datetime]]:
        if folder not in self._known:
            self._known[folder] = _read(folder)
        return self._known[folder]


def _read(folder: Path) -> dict[str, tuple[str, datetime]]:
    definitions: dict[str, tuple[str, datetime]] = {}
    try:
        paths = sorted(folder.rglob("*.md"))
    except (OSError, ValueError):  # a transcript may name anything as its project
        return {}
    for path in paths:
        try:
            if path.stat().st_size > _LIMIT_BYTES:
                continue
            content = path.read_bytes()
            changed_at = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
        except OSError:
            continue
        named = _NAME_LINE.search(content)
        name = named[1].decode() if named else path.stem
        digest = hashlib.blake2b(content, digest_size=_DIGEST_BYTES).hexdigest()
        definitions.setdefault(name, (digest, changed_at))
    return definitions
