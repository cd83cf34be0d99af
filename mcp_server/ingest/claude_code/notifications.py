"""The notice by which the client tells a parent that a background task has ended."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mcp_server.ingest.texts import TextKeeper

_TURN_LIMIT: Final = "NOTE: this agent stopped at its "
_NO_REPORT: Final = "(Subagent completed but returned no output.)"
_OPENING: Final = "<task-notification>"
_FREE_TEXT: Final = re.compile(r"<(?:summary|note|result)>")  # from here on, others are quoted
_DURATION: Final = re.compile(r"<duration_ms>(\d{1,12})</duration_ms>")


class Brought(StrEnum):
    """What the end of an agent brought to its parent."""

    NOTHING = "nothing"
    REPORT = "report"
    TURN_LIMIT = "turn_limit"  # the client's note that there is no report, and why


@dataclass(slots=True)
class Notification:
    """One notice."""

    task_id: str
    """The agent's id; for a workflow, the workflow's."""
    status: str
    """`completed`, `failed`, `killed` or `stopped`."""
    at_us: int
    tool_use_id: str | None = None
    """The call that launched the task, or the one that resumed it."""
    duration_ms: int | None = None
    brought: Brought = Brought.NOTHING
    sightings: int = 1
    """How many notices of this task there were up to this one: each stands in a transcript up to three times."""


def parse(text: str, at_us: int, keep: TextKeeper) -> Notification | None:
    """The notice that `text` is, or None."""
    if not is_notification(text):
        return None
    head = _FREE_TEXT.split(text, maxsplit=1)[0]
    task_id, status = _field(head, "task-id"), _field(head, "status")
    if task_id is None or status is None:
        return None
    before, _, tail = text.partition("<result>")
    # A report may quote anything: what stands behind it begins after its last end.
    report, _, behind = tail.rpartition("</result>")
    durations = _DURATION.findall(behind if tail else before)
    return Notification(
        task_id=keep.identifier(task_id) or task_id,
        status=keep.name(status) or status,
        at_us=at_us,
        tool_use_id=keep.identifier(_field(head, "tool-use-id")),
        duration_ms=int(durations[-1]) if durations else None,
        brought=brought(report),
    )


def brought(report: str | None) -> Brought:
    """What a text is that stands where a report would."""
    text = (report or "").strip()
    if not text or text.startswith(_NO_REPORT):
        return Brought.NOTHING
    return Brought.TURN_LIMIT if text.startswith(_TURN_LIMIT) else Brought.REPORT


def is_notification(text: str) -> bool:
    """Whether a text is such a notice, or pretends to be one."""
    return text.lstrip().startswith(_OPENING)


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"<{name}>\s*([\w.-]{{1,100}})\s*</{name}>", text)
    return found[1] if found else None
