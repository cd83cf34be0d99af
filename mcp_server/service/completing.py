"""A stated span becomes a record: what it leaves out comes from what is held already, or from the present."""

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import ValidationError

from mcp_server.ingest.texts import TextKeeper
from mcp_server.service.errors import BadArgument
from mcp_server.service.moments import moment
from mcp_server.service.stated import StatedSpan, status_of
from storage.records import Span
from storage.vocabulary import Source, Status

_AHEAD: Final = timedelta(days=1)
_NAMES: Final = frozenset({"agent_type", "model", "project", "branch"})


class Completing:
    """Makes records of stated spans, redacted and bounded."""

    def __init__(self, keep: TextKeeper, project: str | None) -> None:
        """Make records.

        Args:
            keep: what becomes of texts.
            project: of delegations that name none.
        """
        self._keep = keep
        self._project = project

    def span(self, row: StatedSpan, span_id: str, held: Span | None, place: int, *, here: str, now: datetime) -> Span:
        """The record.

        Args:
            row: what is stated.
            span_id: which span that is.
            held: the same span as it is held already, if it is.
            place: of the row in its call, from 0.
            here: the session of one that names none and is not held yet.
            now: the present time.

        Raises:
            BadArgument: it contradicts itself; its place is named.
        """
        started_at, ended_at = _times(row, held, now, place)
        given = row.model_dump(
            exclude={"span_id", "session_id", "started_at", "ended_at", "reward", "reward_source"}, exclude_none=True
        )
        given |= {name: self._keep.text(given[name]) for name in ("task", "output", "error") if name in given}
        if "name" in given:
            given["name"] = self._keep.line(given["name"])
        for name in _NAMES & given.keys():
            given[name] = self._keep.name(given[name]) or given[name]
        if row.task_type is not None:
            given["task_type"] = self._keep.task_type(row.task_type)
        elif row.kind == "delegation" and (guess := self._keep.guess(row.name, row.task)) is not None:
            given |= guess._asdict()
        if "tool_sequence" in given:
            given = _counted(row, held) | given
            given["tool_sequence"] = [self._keep.name(tool) or tool for tool in given["tool_sequence"]]
        if "attributes" in given:
            given["attributes"] = self._keep.attributes(given["attributes"])
        if row.kind == "delegation" and row.project is None:
            given["project"] = self._project
        status = _status_after(row, held)
        given = _texts_before(held, status) | given | {"status": status}
        try:
            return Span(
                span_id=span_id,
                session_id=row.session_id or (held.session_id if held is not None else here),
                started_at=started_at,
                ended_at=ended_at,
                observed_at=now,
                source=Source.STATED,
                **given,
            )
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            name = f"spans[{place}]{'.' if where else ''}{where}"
            reason = str(fault["msg"]).removeprefix("Value error, ")
            raise BadArgument(name, fault["input"] if where else row.agent_type, reason) from error


def _times(row: StatedSpan, held: Span | None, now: datetime, place: int) -> tuple[datetime, datetime | None]:
    """Start and end as stated, else as held already, else from the duration and the present."""
    started_at, ended_at = (
        _stated_time(f"spans[{place}].{name}", text, now)
        for name, text in (("started_at", row.started_at), ("ended_at", row.ended_at))
    )
    length = None if row.duration_ms is None else timedelta(milliseconds=row.duration_ms)
    if held is not None:
        started_at = started_at or held.started_at
        ended_at = ended_at or held.ended_at
        if ended_at is None and held.status is Status.RUNNING and status_of(row) is not Status.RUNNING:
            ended_at = max(now, started_at)
    try:
        if started_at is None:
            # Rows of one call that tell no time keep their order.
            started_at = (ended_at or now + timedelta(microseconds=place)) - (length or timedelta(0))
        if ended_at is None and length is not None:
            ended_at = started_at + length
    except OverflowError:
        reason = "it leads beyond the calendar; give milliseconds"
        raise BadArgument(f"spans[{place}].duration_ms", row.duration_ms, reason) from None
    return started_at, ended_at


def _stated_time(name: str, text: str | None, now: datetime) -> datetime | None:
    found = moment(name, text, now)
    if found is not None and found > now + _AHEAD:
        raise BadArgument(name, text, f"it is more than a day ahead of now, {now.isoformat(timespec='seconds')}")
    return found


def _status_after(row: StatedSpan, held: Span | None) -> Status:
    """What it is now: one that has ended runs again only where that is said of it by an id."""
    status = status_of(row)
    if held is None or status is not Status.RUNNING:
        return status
    is_resumed = row.status is not None and any((row.span_id, row.agent_id, row.tool_use_id))
    return status if is_resumed else held.status


def _texts_before(held: Span | None, status: Status) -> dict[str, Any]:
    """What was delivered stays known to one who tells more; an error only while it is one."""
    if held is None or status is Status.RUNNING:
        return {}
    return {"output": held.output} | ({"error": held.error} if status is held.status else {})


def _counted(row: StatedSpan, held: Span | None) -> dict[str, Any]:
    """The number of calls in a sequence, unless another number was told before."""
    if row.tool_sequence is None or (held is not None and held.tool_call_count not in {None, len(held.tool_sequence)}):
        return {}
    return {"tool_call_count": len(row.tool_sequence)}
