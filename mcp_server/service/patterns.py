"""Regular expressions of strangers, made fit to be matched in bounded time."""

import math
import re
import warnings
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regex import Pattern

PATTERN_LIMIT: Final = 200
_COUNT: Final = re.compile(r"\{(\d{0,99})(?:,(\d{0,99}))?\}")
_REPETITION_LIMIT: Final = 10_000  # counted repetition is unrolled when a pattern is compiled: nested, it fills memory


class BadPattern(ValueError):
    """A pattern that cannot be used; the text says why."""


def compiled(pattern: str, *, ignore_case: bool = False) -> "Pattern[str]":
    """A Python regular expression whose search takes a `timeout`, without which it may hang.

    Raises:
        BadPattern: it is too long, repeats too often, or is no regular expression.
    """
    import regex  # noqa: PLC0415 - only where a pattern is given

    if len(pattern) > PATTERN_LIMIT:
        raise BadPattern(f"it has {len(pattern)} characters; at most {PATTERN_LIMIT} are allowed")
    counts = (max(int(count) for count in pair if count) for pair in _COUNT.findall(pattern) if any(pair))
    if math.prod(max(1, count) for count in counts) > _REPETITION_LIMIT:
        raise BadPattern("it repeats too often; what it is searched in is at most a few words long")
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)  # what Python does not know is refused, although the other matcher may know it
            return regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    except (re.error, regex.error, OverflowError, RecursionError) as error:
        raise BadPattern(f"it is no regular expression ({error}); a plain name such as Explore is one") from error
