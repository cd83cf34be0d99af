"""A ONE_SHOT `delegation-log.jsonl`, both of its versions, as records. Pure.

Its hook read fields that the client does not send and wrote defaults in their place: `unknown`, 0, and a reward from
keywords in the output. So a default is no fact here, and its reward is kept as what it is: a keyword's, never counted.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

from mcp_server.ingest.texts import TextKeeper
from mcp_server.ingest.times import microseconds, time_of
from storage.fields import COUNT_LIMIT, TOOL_SEQUENCE_LIMIT
from storage.records import Reward, Span
from storage.vocabulary import RewardSource, Source, Status

CLIENT: Final = "one-shot"
_UNKNOWN: Final = "unknown"
_REWARDS: Final = {"success": 1.0, "partial": 0.5, "failure": 0.0}
_DIGEST_BYTES: Final = 8


def records(line: dict[str, Any], log: str, place: int, keep: TextKeeper) -> tuple[Span, Reward | None]:
    """The span and the reward of one line.

    Args:
        line: as it was logged.
        log: tells this log from others: it stands for a session that was not named.
        place: where in it the line stands: with its words it stands for an id that was not given.
        keep: what becomes of texts.

    Raises:
        ValueError: the line has no usable time.
    """
    logged_us = microseconds(line.get("timestamp"))
    if logged_us is None:
        raise ValueError(f"timestamp {line.get('timestamp')!r} is no time")
    ended_at, duration_ms = time_of(logged_us), _known_count(line.get("duration_ms"))
    tools = line.get("tool_sequence")
    guess = keep.guess(_known(line.get("task_input")))
    span_id = keep.identifier(_known(line.get("span_id"))) or _digest(log, str(place), json.dumps(line))
    span = Span(
        span_id=span_id,
        session_id=keep.identifier(_known(line.get("session_id"))) or f"{CLIENT}-{_digest(log)}",
        agent_type=keep.name(_known(line.get("agent_type"))) or _UNKNOWN,
        model=keep.name(_known(line.get("model"))),
        client=CLIENT,
        task=keep.text(_known(line.get("task_input"))),
        **(guess._asdict() if guess else {}),
        output=keep.text(_known(line.get("summary"))),
        status=Status.OK,  # its hook fired only when an agent had finished
        started_at=ended_at - timedelta(milliseconds=duration_ms or 0),
        ended_at=ended_at if duration_ms else None,
        tool_call_count=_known_count(line.get("tool_calls_count")),
        tool_sequence=_names(tools, keep) if isinstance(tools, list) else (),
        source=Source.STATED,
    )
    value = line.get("reward", _REWARDS.get(str(line.get("result"))))
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        return span, None
    reward = Reward(
        reward_id=_digest(span_id, "reward"),
        span_id=span_id,
        value=value,
        source=RewardSource.KEYWORD,
        reason="keywords in the first 200 characters of the output",
        given_at=ended_at,
    )
    return span, reward


def _known(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value != _UNKNOWN else None


def _known_count(value: Any) -> int | None:
    """A count that is not the default of 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= COUNT_LIMIT else None


def _names(tools: list[Any], keep: TextKeeper) -> tuple[str, ...]:
    named = (keep.name(tool) for tool in tools[:TOOL_SEQUENCE_LIMIT] if isinstance(tool, str))
    return tuple(name for name in named if name)


def _digest(*parts: str) -> str:
    raw = "\0".join((CLIENT, *parts)).encode(errors="replace")
    return hashlib.blake2b(raw, digest_size=_DIGEST_BYTES).hexdigest()
