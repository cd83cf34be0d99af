"""How many agents ran at once."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.concurrency import at_once

intervals = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair))))


@given(intervals)
def test_at_each_time_it_is_the_number_of_open_intervals(runs: list[tuple[int, int]]) -> None:
    steps = at_once(runs)
    for time in range(31):
        held = [n for since, n in steps if since <= time]
        assert (held[-1] if held else 0) == sum(begin <= time < end for begin, end in runs)


@given(intervals)
def test_only_changes_are_told_and_it_ends_with_none(runs: list[tuple[int, int]]) -> None:
    steps = at_once(runs)
    assert [time for time, _ in steps] == sorted({time for time, _ in steps})
    numbers = [0, *(n for _, n in steps)]
    assert all(before != after for before, after in pairwise(numbers))
    assert numbers[-1] == 0
