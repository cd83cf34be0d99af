"""Whatever stands in a transcript, importing never fails, never loses another session and never needs much memory."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.ingest.claude_code.identity import delegation_span_id
from storage.store import Store
from storage.vocabulary import Status
from tests import strategies
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import OTHER_AGENT, OTHER_SESSION, SESSION, Transcript
from tests.stores import new_folder, open_empty

pytestmark = pytest.mark.anyio

INTACT: Final = delegation_span_id(OTHER_SESSION, OTHER_AGENT)
WRONG: Final[dict[str, Any]] = {
    "nothing": None,
    "yes": True,
    "zero": 0,
    "less than nothing": -1,
    "too large for a count": 2**63,
    "too large for anything": 10**400,
    "a fraction": 0.5,
    "no number": float("nan"),
    "an empty word": "",
    "a long word": "word" * 20_000,
    "half a pair and a NUL": "\ud83d\0\udc00",
    "what looks like a path": "../../../../etc/passwd\0",
    "an empty list": [],
    "a list of lists": [[["x"]], [None], {}],
    "an empty object": {},
    "an object of objects": {"": {"type": {"type": "text"}}, "content": [{}], "\ud800": 1},
}

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """One value in a line of a captured session."""

    scenario: str
    file: Path
    number: int
    place: Place

    def mutated(self, value: Any) -> dict[Path, bytes]:
        """The session's files with another value there."""
        files = dict(_files(self.scenario))
        if self.file.suffix == ".jsonl":
            lines = files[self.file].split(b"\n")
            lines[self.number] = _dumped(_put(json.loads(lines[self.number]), self.place, value))
            files[self.file] = b"\n".join(lines)
        else:
            files[self.file] = _dumped(_put(json.loads(files[self.file]), self.place, value))
        return files


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _put(whole: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    whole[place[0]] = _put(whole[place[0]], place[1:], value)
    return whole


@cache
def _files(scenario: str) -> tuple[tuple[Path, bytes], ...]:
    origin = captured.projects(scenario)
    paths = sorted(path for path in origin.rglob("*") if path.is_file())
    return tuple((path.relative_to(origin), path.read_bytes()) for path in paths)


def _places(value: Any, before: Place = ()) -> Iterator[Place]:
    yield before
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*before, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _places(inner, (*before, number))


@cache
def _spots() -> tuple[Spot, ...]:
    """One of each: every field of every type of line, and of the files beside transcripts."""
    found: dict[Any, Spot] = {}
    for scenario in sorted(captured.SCENARIOS, key=lambda name: sum(len(content) for _, content in _files(name))):
        for file, content in _files(scenario):
            if file.suffix not in (".jsonl", ".json"):
                continue
            parts = content.split(b"\n") if file.suffix == ".jsonl" else [content]
            for number, part in enumerate(parts):
                if not part.strip() or b"api-request" in part[:40]:
                    continue
                line = json.loads(part)
                for place in _places(line):
                    kind = (line.get("type"), *("*" if isinstance(step, int) else step for step in place))
                    found.setdefault((file.suffix, *kind), Spot(scenario, file, number, place))
    return tuple(found.values())


def _write(folder: Path, files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        scripted.write(folder / path, content)


async def _survives(store: Store, folder: Path) -> None:
    scripted.a_session(folder / "intact", OTHER_SESSION, OTHER_AGENT)
    for _ in range(2):
        report = await captured.importing(store).paths([folder])
        assert report.problems == []
    span = (await store.spans([INTACT]))[INTACT]
    assert (span.status, span.output, span.input_tokens) == (Status.OK, "Report.", 20)


@pytest.mark.parametrize("count", [20, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", WRONG)
async def test_any_field_may_hold_anything(what: str, count: int, store: Store, tmp_path: Path) -> None:
    for number, spot in enumerate(random.Random(what).sample(_spots(), count)):
        _write(tmp_path / "projects" / str(number), spot.mutated(WRONG[what]))
    await _survives(store, tmp_path / "projects")


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
async def test_hundreds_of_fields_may_hold_anything(what: str, store: Store, tmp_path: Path) -> None:
    for number, spot in enumerate(_spots()[::4]):
        _write(tmp_path / "projects" / str(number), spot.mutated(WRONG[what]))
    await _survives(store, tmp_path / "projects")


ANYTHING: Final[st.SearchStrategy[Any]] = strategies.json_values | st.sampled_from(list(WRONG.values()))


@st.composite
def _mutations(draw: st.DrawFn) -> dict[Path, bytes]:
    """A captured session with some values changed, some keys renamed or taken away, and lines in another order."""
    scenario = draw(st.sampled_from(["taskstop_nested", "workflow", "background_one_v2.0.77", "max_turns", "subtask"]))
    files: dict[Path, bytes] = {}
    for path, content in _files(scenario):
        if path.suffix not in (".jsonl", ".json"):
            continue
        parts = content.split(b"\n") if path.suffix == ".jsonl" else [content]
        parsed = [json.loads(part) for part in parts if part.strip() and b"api-request" not in part[:40]]
        for line in draw(st.lists(st.sampled_from(parsed), max_size=4)):
            keys = draw(st.lists(st.sampled_from(sorted(line)), max_size=3, unique=True)) if line else []
            for key in keys:
                name = draw(st.sampled_from([key, "type", "message", "content", draw(strategies.names)]))
                line[name] = draw(ANYTHING)
            if draw(st.booleans()) and keys:
                line.pop(keys[0], None)
        if path.suffix == ".jsonl" and draw(st.booleans()):
            parsed = draw(st.permutations(parsed))
        ending = b"\n" if path.suffix == ".jsonl" else b""
        files[path] = b"".join(_dumped(line) + ending for line in parsed)
    return files


@given(files=_mutations())
@settings(max_examples=60)
def test_a_shuffled_and_mangled_session_is_survived(files: dict[Path, bytes]) -> None:
    async def importing(folder: Path) -> None:
        store = open_empty(folder / "x.db")
        try:
            await _survives(store, folder / "projects")
        finally:
            await store.close()

    with new_folder() as folder:
        _write(folder / "projects", files)
        anyio.run(importing, folder, backend="asyncio")


MEGABYTE: Final = 1024 * 1024
_UNITS: Final = {
    "one huge string": (b'"', b"y" * 1024, b'"'),
    "millions of numbers": (b"[", b"1," * 512, b"1]"),
    "millions of objects": (b"[", b"{}," * 341, b"{}]"),
    "millions of strings": (b"[", b'"%05d",' * 128 % tuple(range(128)), b'"x"]'),
    "one key after another": (b"{", b"".join(b'"k%07d":0,' % number for number in range(85)), b'"x":0}'),
    "brackets that never close": (b"", b"[" * 1024, b""),
    "a string of escapes": (b'"', b"\\u00e4" * 170, b'"'),
}
_MEASURED: Final = """
import asyncio, resource, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from storage.opening import open_store
from tests.claude_code import captured

async def imported(folder, database):
    store = open_store(database)
    report = await captured.importing(store).paths([folder])
    spans = await captured.every_span(store)
    await store.close()
    return report, spans

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

asyncio.run(imported(captured.projects("success"), sys.argv[2] + ".first"))
before = peak()
report, spans = asyncio.run(imported(Path(sys.argv[1]), sys.argv[2]))
outputs = [span.output for span in spans.values() if span.kind == "session"]
print(peak() - before, report.unreadable_lines, len(report.problems), outputs)
"""


def _peak_of_import(folder: Path) -> tuple[int, int, int, str]:
    """Megabytes that an import takes over one of a small session, unreadable lines, problems, last answers."""
    program = [sys.executable, "-W", "ignore", "-c", _MEASURED, str(folder), str(folder / "x.db"), *sys.path]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=300)
    peak, unreadable, problems, outputs = done.stdout.split(maxsplit=3)
    return int(peak), int(unreadable), int(problems), outputs.strip()


def _with_a_line(folder: Path, start: bytes, unit: bytes, end: bytes, size: int) -> Path:
    lines = Transcript(SESSION).asked("Do it.").answered("Done.")
    first, last = map(scripted.dumped, lines.lines)
    path = scripted.main_file(folder)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(first)
        file.write(start)
        for _ in range(0, size, 64 * len(unit)):
            file.write(64 * unit)
        file.write(end + b"\n" + last)
    return path


@pytest.mark.parametrize(
    ("what", "size"),
    [
        pytest.param("one huge string", 100 * MEGABYTE, id="100 MB in one string"),
        pytest.param("millions of objects", 7 * MEGABYTE, id="7 MB of objects, just not too many"),
        *(pytest.param(what, 100 * MEGABYTE, id=f"100 MB: {what}", marks=pytest.mark.slow) for what in _UNITS),
    ],
)
async def test_a_line_of_any_length_takes_less_than_300_mb(what: str, size: int, tmp_path: Path) -> None:
    start, unit, end = _UNITS[what]
    head = scripted.dumped(Transcript(SESSION).line("user").lines[0])[:-2]
    _with_a_line(
        tmp_path / "projects",
        head + b',"message":{"role":"user","content":"x"},"toolUseResult":' + start,
        unit,
        end + b"}",
        size,
    )
    peak, unreadable, problems, outputs = _peak_of_import(tmp_path / "projects")
    assert (problems, outputs) == (0, "['Done.']")
    assert unreadable == (what not in ("one huge string", "a string of escapes") and size > 8 * MEGABYTE)
    assert peak < 300


async def test_a_whole_request_of_100_mb_takes_less_than_20_mb(tmp_path: Path) -> None:
    _with_a_line(tmp_path / "projects", b'{"type":"api-request","x":"', b"x" * 1024, b'"}', 100 * MEGABYTE)
    peak, unreadable, problems, outputs = _peak_of_import(tmp_path / "projects")
    assert (unreadable, problems, outputs) == (0, 0, "['Done.']")
    assert peak < 20


async def test_a_long_transcript_of_short_lines_takes_less_than_150_mb(tmp_path: Path) -> None:
    unit = b"".join(
        scripted.dumped(line)
        for line in Transcript(SESSION).used("toolu_1", command="x" * 1000).result("toolu_1", "y" * 4000).lines
    )
    _with_a_line(tmp_path / "projects", b"", unit, b"", 60 * MEGABYTE)
    peak, _, problems, outputs = _peak_of_import(tmp_path / "projects")
    assert (problems, outputs) == (0, "['Done.']")
    assert peak < 150


async def test_a_wrong_encoding_of_everything(store: Store, tmp_path: Path) -> None:
    scripted.a_session(tmp_path / "projects")
    for path in (tmp_path / "projects").rglob("*.jsonl"):
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    await _survives(store, tmp_path / "projects")


async def test_random_bytes(store: Store, tmp_path: Path) -> None:
    for number in range(20):
        content = random.Random(number).randbytes(100_000)
        scripted.write(scripted.main_file(tmp_path / str(number) / "projects"), content)
        scripted.write(scripted.agent_file(tmp_path / str(number) / "projects"), content)
    await _survives(store, tmp_path)
