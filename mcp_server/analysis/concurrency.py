"""How many agents ran at once."""

from collections import Counter
from collections.abc import Iterable


def at_once(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The times at which the number of open intervals changes, ascending, each with the number from then on.

    An interval holds its start and not its end; one without length is left out. The last number is 0.

    Args:
        intervals: start and end of each, in any unit; start <= end.
    """
    changes: Counter[int] = Counter()
    for start, end in intervals:
        changes[start] += 1
        changes[end] -= 1
    steps: list[tuple[int, int]] = []
    n = 0
    for time in sorted(changes):
        if changes[time]:
            n += changes[time]
            steps.append((time, n))
    return steps
