"""Times as other programs write them: ISO 8601, here as microseconds since 1970, UTC."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)  # before there was anything to record
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


def microseconds(stamp: Any) -> int | None:
    """A time as it stands in a line, UTC unless it says otherwise; None where it is none, or none that can be true."""
    if not isinstance(stamp, str):
        return None
    try:
        time = datetime.fromisoformat(stamp)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return microseconds_of(time) if _EARLIEST <= time < _LATEST else None


def microseconds_of(time: datetime) -> int:
    """An aware time as microseconds."""
    return (time - _EPOCH) // _MICROSECOND


def time_of(us: int) -> datetime:
    """The inverse of `microseconds_of`."""
    return _EPOCH + timedelta(microseconds=us)
