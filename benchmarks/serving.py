"""What does the server add to a bare server of the same SDK: at its start, in a call, in memory, at its end?

The floor is `bare_server.py`: the same SDK and interpreter, one tool that returns what it is given, started the same
way and asked in turns with ours. Both revisions of the protocol; on all cores and with client and server on one core,
which repeats better because no idle core has to be woken.

    python benchmarks/serving.py
    python benchmarks/serving.py --spans 10000 1000000 --dir /some/folder --keep     # 10 GB
"""

import argparse
import itertools
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import databases
import spans
import wire
from measuring import Clock, Floor, Report, arguments
from spans import SPANS_PER_TRAJECTORY

Call = tuple[str, dict[str, Any]]
"""Tool and arguments."""
Make = Callable[[int], Call]
"""The call of a number; it is never made twice."""

_ERAS: Final = (wire.HANDSHAKE, wire.MODERN)
_WARM_UP: Final = 50
_TURN: Final = 50  # calls between two turns
_WORK_CALLS: Final = 20
_LONG_SESSION: Final = 2_000  # spans
_STATS_CALLS: Final = 20
_LONG_S: Final = 20.0  # no question is asked for longer
_ECHO: Final[Call] = ("echo", {"text": "find it"})


@contextmanager
def cores(one: bool) -> Iterator[str]:  # noqa: FBT001 - a case of two
    """This process and those that it starts on one core, or wherever the system puts them."""
    before = os.sched_getaffinity(0)
    if one:
        os.sched_setaffinity(0, {max(before)})
    try:
        yield "one core" if one else "all cores"
    finally:
        os.sched_setaffinity(0, before)


def starts(report: Report, db: Path, times: int) -> None:
    """Report how long it takes from the start of the process to the answers, and from the end of input to exit."""
    for one, era in itertools.product((False, True), _ERAS):
        with cores(one) as where:
            ours = _Starts(f"{era}, {where}")
            bare = _Starts(f"bare server, {era}, {where}")
            for _ in range(times):
                ours.start(wire.OURS, db, era)
                bare.start(wire.BARE, None, era)
        for clock, floor in zip(ours.clocks, bare.clocks, strict=True):
            report.timing(clock, floor)
        for floor in bare.clocks:
            report.timing(floor)


class _Starts:
    """Times of the starts of one server."""

    def __init__(self, name: str) -> None:
        self.clocks = tuple(
            Clock(f"{what}, {name}")
            for what in ("start to first answer", "start to answered tools/list", "end of input to exit")
        )

    def start(self, command: Sequence[str], db: Path | None, era: wire.Era) -> None:
        """One more."""
        server = wire.Server(command, db=db, era=era)
        server.greet()
        greeted = time.perf_counter()
        first_cpu_s = server.cpu_s()
        server.tools()
        listed = time.perf_counter()
        listed_cpu_s = server.cpu_s()
        seconds = (greeted - server.started, listed - server.started, server.close())
        for clock, wall_s, cpu_s in zip(self.clocks, seconds, (first_cpu_s, listed_cpu_s, 0), strict=True):
            clock.seconds.append(wall_s)
            clock.cpu_s += cpu_s


def calls(report: Report, db: Path, count: int, times: int) -> None:
    """Report what a call costs over the echo of the bare server."""
    chance = random.Random(count)
    wanted = [spans.session_id(chance.randrange(count // SPANS_PER_TRAJECTORY)) for _ in range(_TURN)]
    plain: list[tuple[str, Make]] = [("record_spans, one minimal span", _minimal)]
    more: list[tuple[str, Make]] = [
        ("record_spans, one span of 6 KB", _whole),
        ("get_trajectory, skeleton", _trajectory(wanted)),
        ("search_delegations, five of one agent", _search),
    ]
    for one, era in itertools.product((False, True), _ERAS):
        with (
            cores(one) as where,
            wire.Server(wire.OURS, db=db, era=era) as server,
            wire.Server(wire.BARE, era=era) as bare,
        ):
            everything = era == wire.HANDSHAKE and not one
            for name, make in plain + more if everything else plain:
                clock, echo = Clock(f"{name}, {era}, {where}, {count:,} spans"), Clock("echo")
                _in_turns((server, make, clock), (bare, lambda _: _ECHO, echo), times)
                report.timing(clock, echo)
            echo.name = f"echo, {era}, {where}"
            report.timing(echo)


Contestant = tuple[wire.Server, Make, Clock]


def _in_turns(ours: Contestant, floor: Contestant, times: int) -> None:
    for server, make, _ in (ours, floor):
        for number in range(_WARM_UP):
            server.call(*make(-1 - number))
    for start in range(0, times, _TURN):
        for server, make, clock in (ours, floor):
            before = server.cpu_s()
            for number in range(start, min(times, start + _TURN)):
                server.time_call(clock, *make(number))
            clock.cpu_s += server.cpu_s() - before


def _minimal(number: int) -> Call:
    return "record_spans", {"spans": [{"agent_type": "Explore", "task": "find it", **_place(number)}]}


def _whole(number: int) -> Call:
    row = spans.trajectory(abs(number) // (SPANS_PER_TRAJECTORY - 1))[1 + abs(number) % (SPANS_PER_TRAJECTORY - 1)]
    stated = ("name", "agent_type", "model", "task", "task_type", "output", "status", "duration_ms", "tool_sequence",
              "input_tokens", "output_tokens", "cache_read_tokens", "cost_usd", "project")  # fmt: skip
    return "record_spans", {"spans": [{**{name: row[name] for name in stated}, **_place(number)}]}


def _place(number: int) -> dict[str, str]:
    """An id of its own, in a session that has twenty spans at last."""
    unique = time.monotonic_ns()
    return {"span_id": f"benchmark-{unique}", "session_id": f"benchmark-{os.getpid()}-{number // SPANS_PER_TRAJECTORY}"}


def _trajectory(wanted: Sequence[str]) -> Make:
    return lambda number: ("get_trajectory", {"session_id": wanted[number % len(wanted)], "detail": "skeleton"})


def _search(_: int) -> Call:
    return "search_delegations", {"agent_type": "Plan", "limit": 5}


def long_session(report: Report, db: Path) -> None:
    """Report what recording costs when everything is recorded into one session."""
    clock, echo = Clock(f"record_spans into a session of {_LONG_SESSION:,} spans"), Clock("echo")

    def into_one(_: int) -> Call:
        tool, given = _minimal(0)
        given["spans"][0]["session_id"] = "benchmark-long"
        return tool, given

    with wire.Server(wire.OURS, db=db) as server, wire.Server(wire.BARE) as bare:
        for _ in range(0, _LONG_SESSION - _TURN, 10):
            server.call("record_spans", {"spans": [into_one(0)[1]["spans"][0] for _ in range(10)]})
        _in_turns((server, into_one, clock), (bare, lambda _: _ECHO, echo), _TURN)
    report.timing(clock, echo)


_ADVICE: Final[Sequence[Call]] = (
    ("suggest_routing", {"task": spans.trajectory(0)[1]["task"]}),
    ("get_insights", {"since": "2025-01-01"}),
)


def statistics_and_memory(report: Report, db: Path, count: int) -> None:
    """Report what the server holds in memory, and how long `get_stats` takes."""
    chance = random.Random(count)
    wanted = [spans.session_id(chance.randrange(count // SPANS_PER_TRAJECTORY)) for _ in range(_WORK_CALLS)]
    clock = Clock(f"get_stats over stdio, {count:,} spans")
    with wire.Server(wire.BARE) as bare:
        bare.tools()
        for _ in range(_WORK_CALLS):
            bare.call(*_ECHO)
        floor = Floor("bare server", bare.memory_mb()[1])
    server = wire.Server(wire.OURS, db=db)
    server.greet()
    server.tools()
    report.amount(f"memory after the start, {count:,} spans", server.memory_mb()[0], "MB", floor)
    for number, session_id in enumerate(wanted):
        server.call(*_whole(number))
        server.call("get_trajectory", {"session_id": session_id})
        server.call("search_delegations", {"words": "rollback", "limit": 20})
    report.amount(f"memory after {3 * _WORK_CALLS} calls, {count:,} spans", server.memory_mb()[0], "MB", floor)
    report.amount(f"peak memory until then, {count:,} spans", server.memory_mb()[1], "MB", floor)
    before = server.cpu_s()
    for _ in range(_STATS_CALLS):
        server.time_call(clock, "get_stats", {})
        if sum(clock.seconds) > _LONG_S:
            break
    clock.cpu_s = server.cpu_s() - before
    report.timing(clock)
    report.amount(f"memory after get_stats, {count:,} spans", server.memory_mb()[0], "MB", floor)
    report.amount(f"peak memory with get_stats, {count:,} spans", server.memory_mb()[1], "MB", floor)
    for tool, given in _ADVICE:
        before, started = server.cpu_s(), time.perf_counter()
        server.call(tool, given)
        report.amount(f"the first {tool}, {count:,} spans", (time.perf_counter() - started) * 1e3, "ms")
        report.amount(f"CPU of the first {tool}, {count:,} spans", (server.cpu_s() - before) * 1e3, "ms")
        report.amount(f"peak memory with {tool}, {count:,} spans", server.memory_mb()[1], "MB", floor)
    for tool, given in (*_ADVICE, *_ADVICE):
        server.call(tool, given)
    report.amount(f"peak memory with everything twice more, {count:,} spans", server.memory_mb()[1], "MB", floor)
    report.amount(f"end of input to exit after all that, {count:,} spans", server.close() * 1e3, "ms")


def measure(report: Report, given: argparse.Namespace, folder: Path) -> None:
    """All questions of this file."""
    for place, count in enumerate(sorted(given.spans)):
        with databases.database(report, folder, count, keep=given.keep, delegations=given.delegations) as kept:
            databases.need_room(folder, count)
            db = kept.with_suffix(".copy")  # it is written to
            shutil.copyfile(kept, db)
            os.sync()
            try:
                if not place:
                    starts(report, db, given.starts)
                    long_session(report, db)
                calls(report, db, count, given.calls)
                statistics_and_memory(report, db, count)
            finally:
                databases.remove(db)


def main() -> None:
    parser = arguments(__doc__)
    databases.add_options(parser)
    parser.add_argument("--starts", type=int, default=10, help="of each server in each way (default %(default)s)")
    parser.add_argument("--calls", type=int, default=500, help="of each tool in each way (default %(default)s)")
    given = parser.parse_args()
    report = Report(given, "What does the server add to a bare server of the same SDK?")
    with databases.folder_of(given) as folder:
        measure(report, given, folder)
    report.save()


if __name__ == "__main__":
    main()
