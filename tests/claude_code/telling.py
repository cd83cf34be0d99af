"""Hook events of captured sessions, and how they reach us in tests."""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest.pricing import cost_usd
from mcp_server.service.capturing import Capturing
from mcp_server.service.importing import Importing
from storage.store import Store
from tests.claude_code import captured
from tests.factories import NOON

HOOKS: Final = Path(__file__).parent / "hooks"
SCENARIOS: Final = sorted(path.stem for path in HOOKS.glob("*.jsonl"))
_numbers: Final = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Event:
    """What one hook was given, and when."""

    at: datetime
    payload: dict[str, Any]


def told(scenario: str) -> list[Event]:
    """What the hooks of a captured session were given, in order; the first of them at noon."""
    lines = (HOOKS / f"{scenario}.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Event(NOON + timedelta(milliseconds=line["ms"]), line["stdin"]) for line in (json.loads(line) for line in lines)
    ]


@dataclass(slots=True)
class Clock:
    """The present time, as a test sets it."""

    now: datetime = field(default=captured.LONG_AFTER)

    def __call__(self) -> datetime:
        return self.now


def letter(payload: Any, process_id: int | str = "") -> bytes:
    """A whole file of the spool."""
    return f"event 1 {process_id}\n{json.dumps(payload)}\n.\n".encode()


def leave(spool: Path, event: Event, process_id: int | str = "") -> Path:
    """Leave an event in the spool, as the hooks' script does at its time."""
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = spool / f"{next(_numbers)}-0.event"
    path.write_bytes(letter(event.payload, process_id))
    os.utime(path, (event.at.timestamp(), event.at.timestamp()))
    return path


def leave_all(spool: Path, events: Iterable[Event], process_id: int | str = "") -> None:
    """Leave some events in the spool."""
    for event in events:
        leave(spool, event, process_id)


def capturing(
    store: Store,
    spools: Sequence[Path] = (),
    *,
    clock: Callable[[], datetime] = lambda: captured.LONG_AFTER,
    config: Path = Path("/nowhere"),
    patience_s: float | None = None,
    process_ids: Sequence[int] = (),
) -> Capturing:
    """What takes in events, long after everything ended, unless told otherwise."""
    return Capturing(
        store,
        Importing(store, captured.VERBATIM, cost_usd, config, clock=clock),
        captured.VERBATIM,
        config=config,
        spools=spools,
        patience_s=patience_s,
        process_ids=process_ids,
        clock=clock,
    )
