"""How fast is a history of Claude Code imported, and how much memory does that take?

The history is made of the captured sessions that the package ships, each many times over with ids of its own; their
texts are scripted and short, so there are more messages in a megabyte than in real life. The floor reads the same files
and parses each line as JSON, nothing else. Both run in processes of their own, as `delegation-telemetry import` does.

    python benchmarks/importing.py
    python benchmarks/importing.py --megabytes 500
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from measuring import Clock, Floor, Report, arguments

_PROGRAM: Final = str(Path(sysconfig.get_path("scripts")) / "delegation-telemetry")
_IDS: Final = re.compile(
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<prefix>(?:toolu|msg|req)_)[0-9A-Za-z]{16,}|\b(?P<agent>a)[0-9a-f]{16}\b"
)
_READ_AND_PARSE: Final = """
import json, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).rglob("*.jsonl")):
    with path.open("rb") as lines:
        for line in lines:
            json.loads(line)
"""
_MESSAGES: Final = frozenset({"user", "assistant"})


@dataclass(slots=True)
class History:
    """What was written."""

    sessions: int = 0
    files: int = 0
    lines: int = 0
    messages: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a captured session."""

    path: str
    text: str


def write_history(folder: Path, megabytes: float) -> History:
    """Write at least so many megabytes of transcripts below a folder."""
    with resources.as_file(resources.files("mcp_server") / "samples") as root:
        samples = [
            Sample(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
            for path in sorted(root.rglob("*"))
            if path.suffix in (".jsonl", ".json")
        ]
    history = History()
    once = _counted(samples)
    for number in range(max(1, round(megabytes * 1e6 / once.size_bytes))):
        for sample in samples:
            path = folder / f"copy-{number}" / _fresh(sample.path, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_fresh(sample.text, number), encoding="utf-8")
        history.sessions += once.sessions
        history.files += once.files
        history.lines += once.lines
        history.messages += once.messages
        history.size_bytes += once.size_bytes
    return history


def _counted(samples: Sequence[Sample]) -> History:
    history = History()
    for sample in samples:
        if not sample.path.endswith(".jsonl"):
            continue
        lines = [json.loads(line) for line in sample.text.splitlines()]
        history.sessions += "subagents" not in sample.path
        history.files += 1
        history.lines += len(lines)
        history.messages += sum(line.get("type") in _MESSAGES for line in lines)
        history.size_bytes += len(sample.text.encode())
    return history


def _fresh(text: str, number: int) -> str:
    """The text with every id in it replaced by another one, the same one in every place."""

    def another(found: re.Match[str]) -> str:
        digest = hashlib.md5(f"{number} {found[0]}".encode()).hexdigest()
        if found["uuid"]:
            return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"
        if found["agent"]:
            return f"a{digest[:16]}"
        return f"{found['prefix']}01{digest[:22]}"

    return _IDS.sub(another, text)


class Child:
    """Times and peak memory of commands, each in a process of its own."""

    def __init__(self, name: str, config: Path) -> None:
        """Nothing has run yet; `config` stands for Claude Code's own folder."""
        self.clock = Clock(name)
        self.peak_mb = 0.0
        self._environment = {**os.environ, "CLAUDE_CONFIG_DIR": str(config)}

    def run(self, command: Sequence[str]) -> Any:
        """Run a command; returns what it printed, read as JSON."""
        with tempfile.TemporaryFile() as output:
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, env=self._environment)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.clock.seconds.append(time.perf_counter() - started)
            if process.returncode:
                raise SystemExit(f"{command[0]} ended with exit status {process.returncode}")
            self.clock.cpu_s += used.ru_utime + used.ru_stime
            self.peak_mb = max(self.peak_mb, used.ru_maxrss * 1024 / 1e6)
            output.seek(0)
            return json.loads(output.read() or b"null")


def measure(report: Report, given: argparse.Namespace, folder: Path) -> None:
    """All questions of this file."""
    config = folder / "config"
    config.mkdir()
    history = write_history(folder / "history", given.megabytes)
    megabytes = history.size_bytes / 1e6
    report.note(
        f"{history.sessions:,} sessions in {history.files:,} files, {history.lines:,} lines,"
        f" {history.messages:,} messages, {megabytes:.1f} MB"
    )
    ours = Child("delegation-telemetry import", config)
    again = Child("delegation-telemetry import, again, nothing new", config)
    idle = Child("delegation-telemetry import, of an empty folder", config)
    floor = Child("reading and parsing the same files", config)
    for db in _databases(folder, given.rounds):
        floor.run([sys.executable, "-c", _READ_AND_PARSE, str(folder / "history")])
        found = ours.run([_PROGRAM, "import", "--json", "--db", str(db), str(folder / "history")])
        again.run([_PROGRAM, "import", "--json", "--db", str(db), str(folder / "history")])
        idle.run([_PROGRAM, "import", "--json", "--db", str(db), str(config)])
        size = db.stat().st_size
    report.note(f"made {found['created']:,} spans; {found['unreadable_lines']} lines could not be read")
    for child in (ours, again, idle):
        report.timing(child.clock, floor.clock)
    report.timing(floor.clock)
    for name, amount in (("MB", megabytes), ("messages", history.messages), ("spans", found["created"])):
        rates = [amount / (child.clock.quantile_ms(0.5) / 1e3) for child in (ours, floor)]
        report.amount(f"imported {name}", rates[0], f"{name}/s", Floor(floor.clock.name, rates[1]))
    report.amount("CPU time", ours.clock.cpu_ms / history.messages, "ms/message")
    report.amount("peak memory of the import", ours.peak_mb, "MB", Floor(floor.clock.name, floor.peak_mb))
    report.amount("database for each byte of transcript", size / history.size_bytes, "bytes")


def _databases(folder: Path, count: int) -> Iterator[Path]:
    for number in range(count):
        yield folder / f"{number}.db"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--megabytes", type=float, default=20.0, help="of transcripts (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="imports, each into a new database (default %(default)s)")
    given = parser.parse_args()
    report = Report(given, "How fast is a history of Claude Code imported, and how much memory does that take?")
    with tempfile.TemporaryDirectory(dir=given.dir, prefix="importing-") as folder:
        measure(report, given, Path(folder))
    report.save()


if __name__ == "__main__":
    main()
