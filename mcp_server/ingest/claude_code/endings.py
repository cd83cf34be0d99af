"""How an agent's run ended, read from the last line of its transcript and from what its parent was told. Pure."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mcp_server.ingest.claude_code import agent_calls, versions
from mcp_server.ingest.claude_code.memory import Call, Last, Memory
from mcp_server.ingest.claude_code.notifications import Brought, Notification
from storage.vocabulary import Status

API_ERROR: Final = "api_error"
MAX_TURNS: Final = "max_turns"
INTERRUPTED: Final = "interrupted_by_user"
STOPPED: Final = "stopped_by_parent"
SESSION_ENDED: Final = "session_ended"
KILLED: Final = "client_killed"
FAILED: Final = "failed"
STOP_NOTICE: Final = "killed"
KILL_NOTICE: Final = "stopped"  # at a resume: the process that ran it was killed
_FAILURE_NOTICE: Final = "failed"


class Life(Enum):
    """What is known about the session that a run belongs to."""

    GOES_ON = auto()
    CLOSED = auto()  # it ended in good order
    KILLED = auto()  # it is over, and its client would have left a mark had it ended in good order
    OVER = auto()  # it is over; how it ended is not known


@dataclass(frozen=True, slots=True)
class Ending:
    """The state of a run."""

    status: Status
    error: str | None = None
    """The kind of failure, then what is known of it."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What others tell about a run."""

    call: Call | None
    """The call that launched it."""
    notice: Notification | None
    """The latest one about it."""
    stopped_above: bool
    """A foreground agent dies with its parent, and its own transcript then reads as if a person had interrupted it."""
    killed_above: bool
    """Whether one above it was killed with its client after this run had said its last."""
    session: Life


def ending(run: Memory, around: Surroundings) -> Ending:
    """How a run ended, or that it goes on."""
    match run.last:
        case Last.TEXT:
            return Ending(Status.OK)
        case Last.API_ERROR:
            return api_error(run)
        case Last.INTERRUPTED:
            stopped = _says(around.notice, STOP_NOTICE) or around.stopped_above
            return Ending(Status.CANCELLED, STOPPED if stopped else INTERRUPTED)
    return _of_notice(run, around) or _of_answer(run, around) or _unfinished(around)


def ending_without_transcript(around: Surroundings) -> Ending:
    """How a run ended whose own transcript is not there."""
    return _of_notice(None, around) or _of_answer(None, around) or _unfinished(around)


def api_error(run: Memory) -> Ending:
    """The ending of a run whose last request failed."""
    return Ending(Status.ERROR, f"{API_ERROR}: {run.api_error}" if run.api_error else API_ERROR)


def _of_notice(run: Memory | None, around: Surroundings) -> Ending | None:
    notice = around.notice
    if notice is None or (run is not None and notice.at_us < (run.last_us or 0)):
        return None  # it is about an earlier run of the agent
    if notice.status == STOP_NOTICE:
        return Ending(Status.CANCELLED, STOPPED)
    if notice.status == KILL_NOTICE:
        return Ending(Status.LOST, KILLED)
    if notice.status == agent_calls.COMPLETED:
        return _completed(run, notice.brought)
    return Ending(Status.ERROR, API_ERROR) if notice.status == _FAILURE_NOTICE else None


def _of_answer(run: Memory | None, around: Surroundings) -> Ending | None:
    call = around.call
    if call is None or call.answered_us is None or (run is not None and call.answered_us < (run.last_us or 0)):
        return None
    if call.denial is not None:
        return Ending(Status.LOST, KILLED) if call.denial == agent_calls.INTERRUPTED else _interrupted()
    if call.is_error or call.api_failed:
        return Ending(Status.ERROR, API_ERROR if call.api_failed else FAILED)
    if call.status in (agent_calls.COMPLETED, agent_calls.FORKED):
        return _completed(run, call.brought)
    return None


def _completed(run: Memory | None, brought: Brought) -> Ending:
    """What the client calls completed. Where it brought a report that the transcript lacks, the transcript lags."""
    limited = brought is Brought.NOTHING and run is not None and run.last is Last.TOOL_RESULT
    if brought is Brought.TURN_LIMIT or (limited and run is not None and versions.limits_turns(run.client_version)):
        return Ending(Status.ERROR, MAX_TURNS)
    return Ending(Status.OK)


def _interrupted() -> Ending:
    return Ending(Status.CANCELLED, INTERRUPTED)


def _unfinished(around: Surroundings) -> Ending:
    if around.session is Life.GOES_ON:
        return Ending(Status.RUNNING)
    if around.killed_above:
        return Ending(Status.LOST, KILLED)
    if around.session is Life.CLOSED:
        return Ending(Status.LOST, SESSION_ENDED)
    unanswered = around.call is not None and around.call.answered_us is None
    return Ending(Status.LOST, KILLED if unanswered or around.session is Life.KILLED else SESSION_ENDED)


def _says(notice: Notification | None, status: str) -> bool:
    return notice is not None and notice.status == status
