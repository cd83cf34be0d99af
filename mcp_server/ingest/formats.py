"""Which program wrote a JSONL file, told from its first lines."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest.lines import read_chunk

_HEAD_BYTES: Final = 64 * 1024
_SESSION_FILE: Final = re.compile(r"^(agent-.+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.jsonl$")
_EXPORT: Final = frozenset({"span_id", "session_id", "kind", "agent_type", "started_at", "status"})
_ONESHOT: Final = frozenset({"timestamp", "agent_type", "result", "tool_calls_count"})


class Format(StrEnum):
    """What can be imported."""

    CLAUDE_CODE = "claude_code"
    EXPORT = "export"
    ONESHOT = "oneshot"


def format_of(path: Path) -> Format | None:
    """The format of a file; None where it is none of ours, or is empty.

    Raises:
        OSError: the file cannot be read.
    """
    if _SESSION_FILE.match(path.name):
        return Format.CLAUDE_CODE
    return next((found for line in read_chunk(path, 0, _HEAD_BYTES).lines if (found := _format(line))), None)


def _format(line: dict[str, Any]) -> Format | None:
    keys = line.keys()
    if keys >= _EXPORT:
        return Format.EXPORT
    if keys >= _ONESHOT:
        return Format.ONESHOT
    if isinstance(line.get("type"), str) and keys & {"sessionId", "uuid", "agentId"}:
        return Format.CLAUDE_CODE
    return None
