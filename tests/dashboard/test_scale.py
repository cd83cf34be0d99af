"""Where a time stands on the timeline."""

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.analysis.concurrency import at_once
from mcp_server.dashboard.scale import scale

MINUTE = 60_000
intervals = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda pair: (min(pair), max(pair))), max_size=8
)


@given(runs=intervals, length=st.integers(0, 2000), times=st.lists(st.integers(0, 2000), min_size=2, max_size=8))
def test_later_times_never_stand_further_left(runs: list[tuple[int, int]], length: int, times: list[int]) -> None:
    length = max([length, *(end for _, end in runs)])
    along = scale(length, at_once(runs))
    places = [along.at(time) for time in sorted(times)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)
    assert length == 0 or (along.at(0), round(along.at(length), 6)) == (0, 1)


def test_a_day_of_waiting_does_not_squeeze_the_work() -> None:
    day, work = 24 * 60 * MINUTE, 10 * MINUTE
    along = scale(day + 2 * work, at_once([(0, work), (day + work, day + 2 * work)]))
    assert along.at(work) > 0.4
    assert along.at(day + work) - along.at(work) < 0.1


def test_a_session_that_mostly_works_is_drawn_true_to_time() -> None:
    along = scale(100, at_once([(0, 40), (60, 100)]))
    assert [along.at(time) for time in (0, 25, 50, 75, 100)] == [0, 0.25, 0.5, 0.75, 1]


@given(runs=intervals)
def test_ticks_are_few_and_in_order(runs: list[tuple[int, int]]) -> None:
    length = max((end for _, end in runs), default=0)
    ticks = scale(length, at_once(runs)).ticks()
    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 9
