"""Records as rows and back. What the store reads was validated when it was written."""

import codecs
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from storage.fields import within_limit
from storage.queries import AGENT_RUNS
from storage.records import Reward, Span
from storage.versions import Stamp, Version
from storage.vocabulary import Level, Outcome, RewardSource, Source, SpanKind, Status

_set: Final = object.__setattr__  # spans are frozen
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_BYTES_PER_CHAR: Final = 4  # in UTF-8

_AS_THEY_ARE: Final = (
    "span_id", "session_id", "parent_span_id", "name", "agent_id", "tool_use_id", "duration_ms",
    "tool_call_count", "tool_error_count", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_5m_tokens", "cache_write_1h_tokens", "cost_usd", "subtree_cost_usd", "reward",
)  # fmt: skip
_FEW: Final = (
    "agent_type", "agent_version", "model", "effort", "client", "project", "branch", "task_type", "guessed_type",
    "guessed_by",
)  # fmt: skip
"""Columns in which thousands of rows have a handful of values."""
_WORDS: Final[Mapping[str, Mapping[str, StrEnum]]] = {
    name: {word.value: word for word in words}
    for name, words in {
        "kind": SpanKind, "complexity": Level, "criticality": Level, "uncertainty": Level, "status": Status,
        "outcome": Outcome, "reward_source": RewardSource, "source": Source,
    }.items()
}  # fmt: skip
_TIMES: Final = {"started_at": "started_us", "ended_at": "ended_us", "observed_at": "observed_us"}

SPAN_COLUMNS: Final = (*_AS_THEY_ARE, *_FEW, *_WORDS, *_TIMES.values(), "stamps")
TEXT_COLUMNS: Final = ("task", "output", "error", "tool_sequence", "attributes")


# One set for all spans that are read: one of its own would take as much memory as the rest of a span.
_ALL_FIELDS: Final = set(Span.model_fields)
_UNREADABLE: Final = (ValueError, TypeError, AttributeError, LookupError, OverflowError, zlib.error)


class Damaged(Exception):
    """A row does not hold what was written into it."""


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Around what turns rows into records and does nothing else.

    Raises:
        Damaged: these rows cannot be read.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise Damaged(f"{what} cannot be read: {error!r}") from error


def microseconds(time: datetime) -> int:
    """Since 1970, UTC."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(us: int) -> datetime:
    """The inverse of `microseconds`."""
    return _EPOCH + timedelta(microseconds=us)


def pack(text: str | None) -> bytes | None:
    """Compressed as little as pays: level 6 gains 3 % for 40 % more time."""
    return None if text is None else zlib.compress(text.encode(), 1)


def unpack(blob: bytes | None) -> str | None:
    """The inverse of `pack`."""
    return None if blob is None else zlib.decompress(blob).decode()


def unpack_head(blob: bytes | None, chars: int) -> str | None:
    """The first characters of what was packed; the rest is not even decompressed."""
    if blob is None:
        return None
    # One text of four million characters takes as long as a thousand heads.
    head = zlib.decompressobj().decompress(blob, chars * _MOST_BYTES_PER_CHAR)
    return codecs.getincrementaldecoder("utf-8")().decode(head)[:chars]


def span_row(version: Version) -> dict[str, Any]:
    """What the table `span` holds of a version, by column."""
    span = version.span
    row: dict[str, Any] = {name: getattr(span, name) for name in (*_AS_THEY_ARE, *_FEW, *_WORDS)}
    row["started_us"] = microseconds(span.started_at)
    row["ended_us"] = None if span.ended_at is None else microseconds(span.ended_at)
    row["observed_us"] = microseconds(version.stamp[1])
    row["stamps"] = _stamps_to_json(version.stamps)
    return row


def text_row(span: Span) -> dict[str, Any]:
    """What the table `span_text` holds of a span, by column."""
    return {
        "task": pack(span.task),
        "output": pack(span.output),
        "error": span.error,
        "tool_sequence": json.dumps(span.tool_sequence, ensure_ascii=False) if span.tool_sequence else None,
        "attributes": json.dumps(span.attributes, ensure_ascii=False) if span.attributes else None,
    }


def span_of(row: sqlite3.Row | Mapping[str, Any], *, texts: bool) -> Span:
    """The span of a row as callers see it; without texts, the fields of `TEXT_COLUMNS` stay empty."""
    with reading("the row of a span"):
        values = _read(row, texts=texts)
        if values["kind"] not in AGENT_RUNS:
            values["subtree_cost_usd"] = None  # what it carries for those above is no cost of its own
        if texts:
            values["attributes"] = within_limit(values["attributes"])
        return _span(values)


def version_of(row: sqlite3.Row) -> Version:
    """The version of a row that was read with its texts: all that is held."""
    with reading("the row of a span"):
        return Version(_span(_read(row, texts=True)), _stamps_of_json(row["stamps"]))


def _read(row: sqlite3.Row | Mapping[str, Any], *, texts: bool) -> dict[str, Any]:
    # By name a row is searched from its first column on, each time.
    held = dict(zip(row.keys(), row, strict=True)) if isinstance(row, sqlite3.Row) else row
    values: dict[str, Any] = {name: held[name] for name in _AS_THEY_ARE}
    for name in _FEW:
        values[name] = _kept_once(held[name])
    for name, words in _WORDS.items():
        word = held[name]
        values[name] = None if word is None else words[word]
    for name, column in _TIMES.items():
        us = held[column]
        values[name] = None if us is None else time_of(us)
    if texts:
        values["task"], values["output"], values["error"] = unpack(held["task"]), unpack(held["output"]), held["error"]
        values["tool_sequence"] = (
            tuple(map(_kept_once, json.loads(held["tool_sequence"]))) if held["tool_sequence"] else ()
        )
        values["attributes"] = dict(json.loads(held["attributes"])) if held["attributes"] else {}
    else:
        values |= {"task": None, "output": None, "error": None, "tool_sequence": (), "attributes": {}}
    return values


@lru_cache(maxsize=500)
def _kept_once(word: str | None) -> str | None:
    """The word itself, but the same object for all spans that are read: of thousands each would have its own."""
    return word


def _span(values: dict[str, Any]) -> Span:
    """As `Span.model_construct(**values)` with every field given, in a tenth of its time."""
    span = Span.__new__(Span)
    _set(span, "__dict__", values)
    _set(span, "__pydantic_fields_set__", _ALL_FIELDS)
    _set(span, "__pydantic_extra__", None)
    _set(span, "__pydantic_private__", None)
    return span


def reward_row(reward: Reward) -> dict[str, Any]:
    """What the table `reward` holds, by column."""
    return {**reward.model_dump(exclude={"given_at"}), "given_us": microseconds(reward.given_at)}


def reward_of(row: sqlite3.Row) -> Reward:
    """The reward of a row."""
    with reading("the row of a reward"):
        values = dict(row)
        given_at = time_of(values.pop("given_us"))
        source = RewardSource(values.pop("source"))
        return Reward.model_construct(**values, source=source, given_at=given_at)


def _stamps_to_json(stamps: dict[str, Stamp]) -> str | None:
    if not stamps:
        return None
    return json.dumps({name: [rank, microseconds(at), end] for name, (rank, at, end) in sorted(stamps.items())})


def _stamps_of_json(text: str | None) -> dict[str, Stamp]:
    if text is None:
        return {}
    return {name: (rank, time_of(at), end) for name, (rank, at, end) in json.loads(text).items()}
