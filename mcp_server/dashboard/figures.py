"""Figures as people read them. What is not known is a dash or a word, never 0."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis import amounts

NOTHING: Final = "\u2013"
NOT_ENOUGH: Final = "not enough data"
OUTCOMES: Final = {"success": "✓", "partial": "◐", "failure": "✗", "unknown": "?"}
"""Outcomes in the order in which they are drawn, each with the sign that stands beside its colour."""
_LEAST_USD: Final = 0.00001
_THIN: Final = "\u202f"


def money(usd: float | None) -> str:
    """US dollars."""
    if usd is None:
        return NOTHING
    if usd >= 100:  # noqa: PLR2004 - nobody counts cents there
        return f"${usd:,.0f}"
    if usd >= 1:
        return f"${usd:.2f}"
    if 0 < usd < _LEAST_USD / 2:
        return f"<${_LEAST_USD:.5f}"
    return f"${usd:.3f}" if usd >= 0.01 or not usd else f"${usd:.5f}"  # noqa: PLR2004 - a cent


def duration(ms: float | None) -> str:
    """Milliseconds in fitting units."""
    return NOTHING if ms is None else amounts.duration(ms)


def count(value: float | None) -> str:
    """A number with its thousands set apart."""
    return NOTHING if value is None else f"{value:,.0f}"


def compact(value: float | None) -> str:
    """A large number in thousands, millions or more."""
    if value is None:
        return NOTHING
    for size, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scaled = value / (1e3 if sign == "k" else size)
            return f"{scaled:.0f}{_THIN}{sign}" if scaled >= 100 else f"{scaled:.1f}{_THIN}{sign}"  # noqa: PLR2004
    return f"{value:,.0f}"


def share(value: float | None) -> str:
    """A share in per cent."""
    return NOTHING if value is None else f"{100 * value:.0f}{_THIN}%"


def between(low: float, high: float) -> str:
    """An interval of shares in per cent."""
    return f"{100 * low:.0f} to {100 * high:.0f}{_THIN}%"


def signed(value: float | None) -> str:
    """A share of credit with its sign."""
    return NOTHING if value is None else f"{value:+.2f}".replace("-", "\u2212")


def plural(n: int, one: str, many: str | None = None) -> str:
    """So many of something."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def time_of(written: str | None) -> datetime | None:
    """The time that an ISO text means; in UTC where it names no zone."""
    if written is None:
        return None
    found = datetime.fromisoformat(written)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def day(written: str | datetime | None, *, year: bool = False) -> str:
    """A day, such as 20 Nov."""
    time = time_of(written) if isinstance(written, str) else written
    if time is None:
        return NOTHING
    return f"{time.day} {time:%b}" + (f" {time.year}" if year else "")


def minute(written: str | None) -> str:
    """A time to the minute, in UTC."""
    time = time_of(written)
    return NOTHING if time is None else f"{day(time, year=True)}, {time:%H:%M}"


def one_line(text: str | None, limit: int) -> str:
    """The head of a text on one line."""
    line = " ".join((text or "").split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def tokens_of(group: Mapping[str, Any]) -> int | None:
    """All tokens of a group; None where none are known."""
    known = [n for n in (group.get("tokens") or {}).values() if n is not None]
    return sum(known) if known else None
