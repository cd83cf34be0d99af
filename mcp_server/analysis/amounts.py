"""Money and time as people read them: the same figure looks the same wherever it is told."""

from collections.abc import Callable
from typing import Final

_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_MOST_DIGITS: Final = 6


def money(usd: float, digits: int = 0) -> str:
    """US dollars with cents, below one dollar with four decimals; what is above 0 never looks like 0.

    Args:
        usd: any amount.
        digits: so many more decimals than usual.
    """
    size, sign = abs(usd), "-" if usd < 0 else ""
    if size >= 1:
        return f"{sign}${size:,.{2 + digits}f}"
    decimals = 4 + digits
    least = 10.0**-decimals
    return f"<${least:.{decimals}f}" if 0 < size < least / 2 else f"{sign}${size:.{decimals}f}"


def duration(ms: float, digits: int = 0) -> str:
    """A time in its fitting unit.

    Args:
        ms: at least 0.
        digits: so many more decimals than usual, below a minute.
    """
    if ms < _SECOND_MS:
        return f"{ms:.{digits}f} ms"
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.{1 + digits}f} s"
    if ms < _HOUR_MS:
        return _two(ms, _MINUTE_MS, "min", _SECOND_MS, "s")
    if ms < 2 * _DAY_MS:
        return _two(ms, _HOUR_MS, "h", _MINUTE_MS, "min")
    return _two(ms, _DAY_MS, "d", _HOUR_MS, "h")


def told_apart(value: float, other: float, written: Callable[[float, int], str]) -> tuple[str, str]:
    """Two different values with as many more decimals as it takes to see that."""
    pairs = ((written(value, digits), written(other, digits)) for digits in range(_MOST_DIGITS + 1))
    return next((pair for pair in pairs if pair[0] != pair[1]), (written(value, 0), written(other, 0)))


def _two(ms: float, large_ms: int, large: str, small_ms: int, small: str) -> str:
    rest = int(ms % large_ms // small_ms)
    return f"{int(ms // large_ms)} {large}" + (f" {rest} {small}" if rest else "")
