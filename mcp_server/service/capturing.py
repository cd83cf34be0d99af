"""What happens in running sessions, taken in before anything is asked: events from hooks, then the transcripts."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from mcp_server.ingest import spool
from mcp_server.ingest.claude_code import hook_events, layout, ledger, session_state
from mcp_server.ingest.claude_code.definitions import Definitions
from mcp_server.ingest.claude_code.endings import Life
from mcp_server.ingest.claude_code.layout import SessionFiles
from mcp_server.ingest.claude_code.ledger import Ledger
from mcp_server.ingest.claude_code.liveness import is_running
from mcp_server.ingest.texts import TextKeeper
from mcp_server.service import linking, set_models
from mcp_server.service.errors import BadArgument
from mcp_server.service.importing import Importing
from storage.errors import StoreError
from storage.queries import Batch
from storage.records import HookEvent, ReadPosition
from storage.store import Store
from storage.vocabulary import Status

_LETTERS_AT_ONCE: Final = 200
_SILENT_AFTER: Final = timedelta(days=1)  # of a client whose process nobody told
_THOROUGH_S: Final = 10.0
_NO_TRANSCRIPT: Final = "no-transcript"


def _now() -> datetime:
    return datetime.now(UTC)


class Capturing:
    """Takes in what running clients tell. Hooks say that something happened; the transcripts say what."""

    def __init__(
        self,
        store: Store,
        importing: Importing,
        keep: TextKeeper,
        *,
        config: Path,
        spools: Sequence[Path] = (),
        patience_s: float | None = None,
        process_ids: Sequence[int] = (),
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Capture into a store.

        Args:
            store: where to.
            importing: reads transcripts.
            keep: what becomes of texts.
            config: where Claude Code keeps its own files.
            spools: folders in which hooks leave events.
            patience_s: how long an answer may wait for what is new; None waits for all of it.
            process_ids: one of these is the client that asks, if any is.
            clock: the present time.
        """
        self._store = store
        self._importing = importing
        self._keep = keep
        self._config = config
        self._spools = spools
        self._patience_s = patience_s
        self._process_ids = process_ids
        self._clock = clock
        self._catching: asyncio.Task[None] | None = None

    async def event(self, payload: Mapping[str, Any], *, process_id: int | None = None) -> None:
        """Keep one hook event; an equal one changes nothing.

        Raises:
            BadArgument: it names no session, or no event.
            StoreError: it cannot be kept.
        """
        try:
            event = hook_events.event_of(payload, self._keep, self._clock(), process_id=process_id, once=True)
        except hook_events.BadEvent as error:
            raise BadArgument("event", dict(payload), str(error)) from error
        await self._add([event])

    async def catch_up(self) -> None:
        """Take in the spool, then look again at every session that is not known to be over.

        Raises:
            StoreError: the store cannot keep what was found; what lies in the spool stays there.
        """
        await self._take_letters()
        for source in await self._store.open_sources():
            anchor = session_state.anchor_of(source)
            if anchor is not None:
                await self._look_again(anchor, source)

    async def fresh(self) -> None:
        """Catch up, as far as patience allows; the rest is done while others go on.

        A store that cannot be written to does not keep anybody from reading what it holds.
        """
        if self._catching is None or self._catching.done():
            self._catching = asyncio.create_task(self._quietly())
        await asyncio.wait({self._catching}, timeout=self._patience_s)

    async def thorough(self) -> None:
        """Catch up with all that has happened until now, within a few seconds."""
        if self._catching is not None and not self._catching.done():
            await asyncio.wait({self._catching}, timeout=_THOROUGH_S)  # it may have looked too early
        self._catching = asyncio.create_task(self._quietly())
        await asyncio.wait({self._catching}, timeout=_THOROUGH_S)

    async def close(self) -> None:
        """Give up what is being taken in; the next one goes on with it."""
        if self._catching is not None and not self._catching.done():
            self._catching.cancel()
            await asyncio.wait({self._catching})

    async def current_session(self) -> str | None:
        """The session of which the client that asks has told last."""
        if not self._process_ids:
            return None
        event = await self._store.latest_event(self._process_ids)
        return event.session_id if event is not None else None

    async def _quietly(self) -> None:
        try:
            await self.catch_up()
        except StoreError:
            return

    async def _take_letters(self) -> None:
        taken: set[Path] = set()  # where they may not be removed they are found again
        while letters := await anyio.to_thread.run_sync(
            spool.letters, self._spools, self._clock(), _LETTERS_AT_ONCE, taken
        ):
            taken.update(letter.path for letter in letters)
            events: list[HookEvent] = []
            for letter in letters:
                if letter.payload is None:
                    continue  # never finished: nobody will ever know what it was
                try:
                    event = hook_events.event_of(letter.payload, self._keep, letter.at, process_id=letter.process_id)
                except hook_events.BadEvent:
                    continue
                events.append(event)
            await self._add(events)
            await anyio.to_thread.run_sync(spool.discard, letters)

    async def _add(self, events: Sequence[HookEvent]) -> None:
        await self._store.add(Batch(events=events, reopened=sorted({_source(event) for event in events})))
        for event in events:
            told = hook_events.model_set(event)
            decision = None if told is None else set_models.decision_of(told)
            if decision is not None and await self._store.decisions.get(decision.decision_id) is None:
                await self._store.decisions.add(decision)

    async def _look_again(self, anchor: Path, source: str) -> None:
        events = await self._store.events(anchor.stem)
        told = ledger.ledger_of(anchor.stem, events)
        files = await anyio.to_thread.run_sync(layout.sessions_at, anchor)
        before = (await self._store.positions([source])).get(source)
        if not files and (before is None or not before.state):
            await self._without_transcript(told, events, source)
            return
        over = frozenset({anchor.stem}) if self._is_over(told, events) else frozenset[str]()
        await self._importing.sessions(files or [SessionFiles(anchor.stem, anchor.parent)], over)

    async def _without_transcript(self, told: Ledger, events: Sequence[HookEvent], source: str) -> None:
        """Keep what hooks alone tell, until there is a transcript."""
        over = self._is_over(told, events)
        life = (Life.CLOSED if told.is_over else Life.KILLED) if over else Life.GOES_ON
        found = told.assembled(life, Definitions(self._config).version)
        is_open = any(span.status is Status.RUNNING for span in found.spans)
        position = ReadPosition(source=source, identity="", offset=0, is_open=is_open)
        await linking.add(self._store, Batch(spans=found.spans, rewards=found.rewards, positions=[position]))

    def _is_over(self, told: Ledger, events: Sequence[HookEvent]) -> bool:
        if told.is_over or not events:
            return told.is_over
        if told.process_id is not None and not is_running(told.process_id):
            return True
        return told.process_id is None and self._clock() - events[-1].at > _SILENT_AFTER


def _source(event: HookEvent) -> str:
    """The name of the state of the event's session."""
    transcript = hook_events.told_by(event).transcript
    if transcript is not None and Path(transcript).stem == event.session_id:
        anchor = Path(os.path.realpath(transcript))
    else:
        anchor = Path(_NO_TRANSCRIPT, f"{event.session_id}.jsonl")
    return session_state.session_source(SessionFiles(event.session_id, anchor.parent, anchor))
