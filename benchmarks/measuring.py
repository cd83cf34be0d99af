"""Timing, comparing with a named floor, and keeping what was found.

A benchmark runs what it measures and the floor under it in turns, in one process and on one machine: other load then
meets both alike. Every ratio is a time of ours divided by the same time of the floor, so 1 is perfect and 2 is half
as fast.
"""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
LOCAL_RESULTS: Final = HERE / "results" / "local"
_MEASURED: Final = ("storage", "mcp_server")
_WIDTH: Final = 66


class Clock:
    """Wall time of each of many operations, and the CPU time of all of them together."""

    def __init__(self, name: str, cpu_s: Callable[[], float] = time.process_time) -> None:
        """A clock that shows nothing yet.

        Args:
            name: what is timed, in the words of the table.
            cpu_s: CPU seconds used so far, in all threads, by the process that does the work.
        """
        self.name = name
        self.seconds: list[float] = []
        self.cpu_s = 0.0
        self._cpu_now = cpu_s

    @contextmanager
    def lap(self) -> Iterator[None]:
        """Time one operation."""
        cpu, wall = self._cpu_now(), time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - wall)
        self.cpu_s += self._cpu_now() - cpu

    def quantile_ms(self, share: float) -> float:
        """The wall time that this share of the operations does not exceed."""
        return quantile(self.seconds, share) * 1e3

    @property
    def mean_ms(self) -> float:
        """Wall time of one operation."""
        return sum(self.seconds) / len(self.seconds) * 1e3

    @property
    def cpu_ms(self) -> float:
        """CPU time of one operation."""
        return self.cpu_s / len(self.seconds) * 1e3


@dataclass(frozen=True, slots=True)
class Floor:
    """What an amount cannot beat, or is not meant to."""

    name: str
    value: float


class Report:
    """Prints what is found as it is found, and keeps it as JSON."""

    def __init__(self, given: argparse.Namespace, question: str) -> None:
        """Begin a report.

        Args:
            given: from `arguments`.
            question: what the benchmark answers, in a sentence.
        """
        self._folder: Path = given.results
        self._benchmark = Path(sys.argv[0]).stem
        self._load_before = _load()
        self._findings: list[dict[str, Any]] = []
        self._head: dict[str, Any] = {
            "benchmark": self._benchmark,
            "question": question,
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z",
            **_context(),
            "arguments": {
                name: value for name, value in vars(given).items() if isinstance(value, int | float | list | bool)
            },
        }
        print(f"{self._benchmark}: {question}")
        print(f"{'':{_WIDTH}} {'n':>6} {'median':>10} {'p95':>10} {'CPU':>10} {'per s':>9}  ratios: median, mean, CPU")

    def timing(self, clock: Clock, floor: Clock | None = None, *, items: int = 1) -> None:
        """Report times of operations.

        Args:
            clock: what was measured.
            floor: what the same work costs at least.
            items: how many things one operation handles; the rate is that of the things.
        """
        found: dict[str, Any] = {
            "what": clock.name,
            "n": len(clock.seconds),
            "median_ms": clock.quantile_ms(0.5),
            "p95_ms": clock.quantile_ms(0.95),
            "mean_ms": clock.mean_ms,
            "cpu_ms": clock.cpu_ms,
            "per_s": items * 1e3 / clock.mean_ms,
        }
        shown = ""
        if floor is not None:
            found |= {
                "floor": floor.name,
                "median_ratio": clock.quantile_ms(0.5) / floor.quantile_ms(0.5),
                "mean_ratio": clock.mean_ms / floor.mean_ms,
                "cpu_ratio": clock.cpu_ms / floor.cpu_ms if floor.cpu_s else None,
                "median_over_floor_ms": clock.quantile_ms(0.5) - floor.quantile_ms(0.5),
                "cpu_over_floor_ms": clock.cpu_ms - floor.cpu_ms,
            }
            ratios = [found[name] for name in ("median_ratio", "mean_ratio", "cpu_ratio")]
            shown = f"{' '.join('   -' if ratio is None else f'{ratio:.2f}' for ratio in ratios)} of {floor.name}"
        print(
            f"  {clock.name:{_WIDTH - 2}} {found['n']:>6} {found['median_ms']:>7.3f} ms {found['p95_ms']:>7.3f} ms"
            f" {found['cpu_ms']:>7.3f} ms {found['per_s']:>9,.0f}  {shown}",
            flush=True,
        )
        self._keep(found)

    def amount(self, what: str, value: float, unit: str, floor: Floor | None = None) -> None:
        """Report one number."""
        found: dict[str, Any] = {"what": what, "value": value, "unit": unit}
        shown = ""
        if floor is not None:
            found |= {"floor": floor.name, "floor_value": floor.value, "ratio": value / floor.value}
            shown = f"  {found['ratio']:.2f} of {floor.name} ({floor.value:,.4g})"
        print(f"  {what:{_WIDTH - 2}} {value:>10,.4g} {unit}{shown}", flush=True)
        self._keep(found)

    def note(self, text: str) -> None:
        """Say something that is no number."""
        print(f"  {text}", flush=True)
        self._findings.append({"note": text})

    def save(self) -> None:
        """Write the report to the folder of results."""
        self._folder.mkdir(parents=True, exist_ok=True)
        whole = self._head | {"load": {"before": self._load_before, "after": _load()}, "findings": self._findings}
        path = self._folder / f"{self._benchmark}.json"
        path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _keep(self, found: dict[str, Any]) -> None:
        self._findings.append(
            {name: float(f"{value:.5g}") if isinstance(value, float) else value for name, value in found.items()}
        )


def arguments(doc: str) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark has; `doc` is the docstring of its module."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--results", type=Path, default=LOCAL_RESULTS, metavar="FOLDER", help="where NAME.json goes (default: local)"
    )
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="FOLDER",
        help="where databases go (default: a temporary folder)",
    )
    return parser


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that is not exceeded by this share of the values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def _context() -> dict[str, Any]:
    return {
        "machine": {
            "processor": _first(Path("/proc/cpuinfo"), "model name"),
            "cores": len(os.sched_getaffinity(0)),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changed_since_commit": _git("status", "--porcelain", "--", *_MEASURED) != "",
    }


def _first(path: Path, name: str) -> str | None:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _git(*words: str) -> str | None:
    done = subprocess.run(["git", "-C", str(HERE.parent), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
