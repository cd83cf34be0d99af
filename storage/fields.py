"""The kinds of value that records are made of: bounded text, UTC times, JSON objects."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, JsonValue

TEXT_LIMIT_BYTES: Final = 64 * 1024
ATTRIBUTES_LIMIT_BYTES: Final = 64 * 1024
NAME_LIMIT: Final = 200
TASK_TYPE_LIMIT: Final = 40
ID_LIMIT: Final = 200
COUNT_LIMIT: Final = 2**53 - 1  # the largest integer that JSON readers keep exact
TOOL_SEQUENCE_LIMIT: Final = 10_000

_MARK_ROOM_BYTES: Final = 48  # what the mark of a cut may take


def clip(text: str, limit_bytes: int = TEXT_LIMIT_BYTES) -> str:
    """`text` in at most `limit_bytes` of UTF-8, at least 48; a cut is marked at the end with how much is missing."""
    if len(text) * 4 <= limit_bytes:
        return text
    raw = text.encode()
    if len(raw) <= limit_bytes:
        return text
    kept = raw[: max(0, limit_bytes - _MARK_ROOM_BYTES)].decode(errors="ignore")
    return f"{kept}…[+{len(text) - len(kept)} chars]"


def well_formed(text: str) -> str:
    """`text` with NUL and halves of surrogate pairs replaced: they can not be stored, sent and searched everywhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def plain_type(task_type: str) -> str | None:
    """A type of task as it is stored: lower case, single spaces, at most 40 characters; None if nothing is left."""
    return " ".join(task_type.lower().split())[:TASK_TYPE_LIMIT].strip() or None


def json_bytes(attributes: dict[str, JsonValue]) -> int:
    """The size of attributes as it is limited."""
    return len(json.dumps(attributes, allow_nan=False))


def within_limit(attributes: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Attributes as far as they fit, the small ones first; what is left out is marked by its number.

    Several versions of a span may together know more than one of them may hold.
    """
    if json_bytes(attributes) <= ATTRIBUTES_LIMIT_BYTES:
        return attributes
    room = ATTRIBUTES_LIMIT_BYTES - _MARK_ROOM_BYTES
    kept: dict[str, JsonValue] = {}
    for size, key in sorted((json_bytes({key: value}), key) for key, value in attributes.items()):
        room -= size
        if room < 0:
            break
        kept[key] = attributes[key]
    return {**kept, "…": f"[+{len(attributes) - len(kept)} attributes]"}


def _well_formed(value: Any) -> Any:
    return well_formed(value) if isinstance(value, str) else value


def _to_utc(value: datetime) -> datetime:
    # UTC at the door: two aware times in a daylight-saving fold never compare equal across zones.
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{value.isoformat()} lies outside the years 1 to 9999 in UTC") from None
    return utc


def _small_object(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        value = {well_formed(key): _clean(inner) for key, inner in value.items()}
        size = json_bytes(value)
    except RecursionError:
        raise ValueError("attributes are nested too deeply") from None
    except ValueError:
        raise ValueError("attributes hold a number that JSON does not know, such as NaN; use null") from None
    if size > ATTRIBUTES_LIMIT_BYTES:
        raise ValueError(f"attributes are {size:,} bytes of JSON; at most {ATTRIBUTES_LIMIT_BYTES:,} are kept")
    return value


def _clean(value: JsonValue) -> JsonValue:
    """The value with well-formed texts in it."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_clean(inner) for inner in value]
    if isinstance(value, dict):
        return {well_formed(key): _clean(inner) for key, inner in value.items()}
    return value


Identifier = Annotated[str, BeforeValidator(_well_formed), Field(min_length=1, max_length=ID_LIMIT)]
Name = Annotated[str, BeforeValidator(_well_formed), Field(min_length=1, max_length=NAME_LIMIT)]
Path = Annotated[str, BeforeValidator(_well_formed), Field(min_length=1, max_length=4096)]
Text = Annotated[str, BeforeValidator(_well_formed), AfterValidator(clip)]
Count = Annotated[int, Field(ge=0, le=COUNT_LIMIT)]
Money = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Time = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Attributes = Annotated[dict[str, JsonValue], AfterValidator(_small_object)]
