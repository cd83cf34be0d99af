"""What happens to files between and during imports: cut, replaced, unreadable, gone, linked, many."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id, session_span_id
from storage.opening import open_store
from storage.store import Store
from storage.vocabulary import SpanKind, Status
from tests.claude_code import captured, scripted
from tests.claude_code.scripted import AGENT, OTHER_AGENT, OTHER_SESSION, SESSION, Transcript

pytestmark = pytest.mark.anyio

DELEGATION = delegation_span_id(SESSION, AGENT)
OTHER_DELEGATION = delegation_span_id(OTHER_SESSION, OTHER_AGENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sessions with one delegation each."""
    folder = tmp_path / "projects"
    scripted.a_session(folder)
    scripted.a_session(folder, OTHER_SESSION, OTHER_AGENT)
    return folder


async def test_a_torn_last_line_is_read_when_it_is_whole(store: Store, folder: Path) -> None:
    path = scripted.agent_file(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    first = await captured.importing(store).paths([folder])
    assert (first.unreadable_lines, first.problems) == (0, [])
    assert (await captured.every_span(store))[DELEGATION].tool_sequence == ("Bash",)
    path.write_bytes(whole)
    second = await captured.importing(store).paths([folder])
    assert second.bytes_read == whole.rindex(b"\n", 0, -1) * -1 + len(whole) - 1
    assert (await captured.every_span(store))[DELEGATION].output == "Report."


@pytest.mark.parametrize(
    ("damage", "unreadable"),
    [
        pytest.param(b'{"type":"user","message":{"content":"h\xc3', 0, id="torn in the middle of a character"),
        pytest.param(b'{"type":"user","sessionId":"x","message":{"content":"h\xff\xfei"}}\n', 0, id="bad UTF-8"),
        pytest.param(b'{"type":"user","sessionId":"x","gitBranch":"\\ud800","cwd":"/\\udfff"}\n', 0, id="half pairs"),
        pytest.param(b"\0" * 4096 + b'{"type":"mode","mode":"x"}\n', 0, id="a block of NUL before a line"),
        pytest.param(b"\0" * 4096 + b"\n", 0, id="a block of NUL"),
        pytest.param(b'{"type":"user","message":{"content":"a\0b"}}\n', 0, id="NUL within a string"),
        pytest.param(b'\xef\xbb\xbf{"type":"mode"}\n', 0, id="byte order mark"),
        pytest.param(b'{"type":"mode"}\r\n', 0, id="line end of another system"),
        pytest.param(b"\n \n\n", 0, id="empty lines"),
        pytest.param(b'{"type":"never-heard-of","x":[1,{"y":null}]}\n', 0, id="unknown type"),
        pytest.param(b'{"no":"type"}\n', 0, id="no type"),
        pytest.param(b'{"type":{"a":1},"type":["b"]}\n', 0, id="a type that is no word"),
        pytest.param(b"[1,2,3]\n", 1, id="no object"),
        pytest.param(b"not JSON at all\n", 1, id="no JSON"),
        pytest.param(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}\n", 1, id="nested too deeply"),
        pytest.param(b'{"type":"user","message":{"content":NaN},"x":Infinity}\n', 0, id="numbers that are none"),
        pytest.param(b'{"type":"user","message":{"content":[{"type":"text","text":7},3,null]}}\n', 0, id="odd blocks"),
    ],
)
async def test_a_damaged_line_costs_nothing_but_itself(
    damage: bytes, unreadable: int, store: Store, folder: Path, tmp_path: Path
) -> None:
    for path in (scripted.main_file(folder), scripted.agent_file(folder)):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(
            b"".join(lines[:2]) + damage + (b"" if damage.endswith(b"\n") else b'"}}\n') + b"".join(lines[2:])
        )
    report = await captured.importing(store).paths([folder])
    assert (report.unreadable_lines, report.problems) == (2 * unreadable, [])
    spans = await captured.every_span(store)
    for span_id in (DELEGATION, OTHER_DELEGATION):
        assert (spans[span_id].status, spans[span_id].output) == (Status.OK, "Report.")
        assert spans[span_id].input_tokens == 20


async def test_another_file_under_the_same_name_is_read_from_its_start(store: Store, folder: Path) -> None:
    await captured.importing(store).paths([folder])
    other = Transcript(SESSION, agent_id=AGENT, start=scripted.START.replace(hour=15)).asked("Other.")
    other.used("toolu_o1").result("toolu_o1").used("toolu_o2").result("toolu_o2").answered("Other report.")
    scripted.write(scripted.agent_file(folder), other)
    await captured.importing(store).paths([folder])
    span = (await captured.every_span(store))[DELEGATION]
    assert (span.output, span.tool_call_count) == ("Other report.", 2)


async def test_a_file_that_has_shrunk_takes_nothing_back(store: Store, folder: Path) -> None:
    await captured.importing(store).paths([folder])
    before = await captured.contents(store)
    for path in (scripted.main_file(folder), scripted.agent_file(folder)):
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    report = await captured.importing(store).paths([folder])
    assert report.problems == []
    assert await captured.contents(store) == before


async def test_a_file_that_vanishes_meanwhile_is_named_and_the_others_are_read(store: Store, folder: Path) -> None:
    def vanish(done: int, total: int) -> None:
        if done == 0:
            scripted.main_file(folder, OTHER_SESSION).unlink()

    report = await captured.importing(store).paths([folder], vanish)
    assert [path for path, _ in report.problems] == [scripted.main_file(folder, OTHER_SESSION)]
    spans = await captured.every_span(store)
    assert session_span_id(SESSION) in spans
    assert session_span_id(OTHER_SESSION) not in spans
    assert spans[OTHER_DELEGATION].output == "Report."


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param([scripted.agent_file], id="the agent's transcript"),
        pytest.param([scripted.main_file], id="the main thread"),
        pytest.param([scripted.agent_file, scripted.main_file], id="both"),
        pytest.param([lambda folder: scripted.agent_file(folder).with_suffix(".meta.json")], id="its description"),
    ],
)
async def test_what_vanishes_later_stays_recorded(
    gone: list[Callable[[Path], Path]], store: Store, folder: Path
) -> None:
    await captured.importing(store).paths([folder])
    before = await captured.contents(store)
    for path in gone:
        path(folder).unlink()
    for _ in range(3):
        report = await captured.importing(store).paths([folder])
        assert report.problems == []
        assert await captured.contents(store) == before


async def test_a_session_goes_on_after_an_agents_transcript_is_gone(store: Store, folder: Path) -> None:
    await captured.importing(store).paths([folder])
    before = (await captured.every_span(store))[DELEGATION]
    scripted.agent_file(folder).unlink()
    for number in range(3):
        more = Transcript(start=scripted.START.replace(hour=13 + number)).asked("More.").answered("More done.")
        with scripted.main_file(folder).open("ab") as file:
            file.write(more.bytes().replace(b'"msg_', f'"msg_{number}'.encode()))
        await captured.importing(store).paths([folder])
        assert (await captured.every_span(store))[DELEGATION] == before


async def test_when_the_whole_folder_is_gone_everything_stays(store: Store, folder: Path) -> None:
    await captured.importing(store).paths([folder])
    before = await captured.contents(store)
    shutil.rmtree(folder)
    report = await captured.importing(store).paths([folder])
    assert report.problems == [(folder, "No such file or directory")]
    assert await captured.contents(store) == before


async def test_the_order_of_sessions_and_folders_makes_no_difference(tmp_path: Path) -> None:
    folders = [captured.projects(name) for name in ("fork_of_fork", "success", "branch_while_bg", "parallel_five")]
    found = []
    for number, order in enumerate([folders, folders[::-1], [*folders[2:], *folders[:2], *folders]]):
        store = open_store(str(tmp_path / f"{number}.db"))
        for folder in order:
            await captured.importing(store).paths([folder])
        found.append(await captured.contents(store))
        await store.close()
    at_once = open_store(str(tmp_path / "at_once.db"))
    await captured.importing(at_once).paths(folders)
    found.append(await captured.contents(at_once))
    await at_once.close()
    assert found[0].told() == found[1].told() == found[2].told() == found[3].told()


async def test_links_are_followed_once(store: Store, folder: Path, tmp_path: Path) -> None:
    (folder / "loop").symlink_to(folder)
    (folder / "-home-user-project" / "loop").symlink_to(folder / "-home-user-project")
    (folder / "alias.jsonl").symlink_to(scripted.main_file(folder))
    (folder / "-home-user-project" / "agent-alias.jsonl").symlink_to(scripted.agent_file(folder))
    (folder / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    (folder / "self").symlink_to(folder / "self")
    (tmp_path / "linked").symlink_to(folder)
    report = await captured.importing(store).paths([folder, tmp_path / "linked", scripted.main_file(folder)])
    assert (report.files, report.sessions_read, report.problems) == (4, 2, [])
    assert len((await captured.every_span(store)).values()) == 2 * 8


async def test_a_copy_under_another_name_is_the_same_session(store: Store, folder: Path) -> None:
    await captured.importing(store).paths([folder])
    before = await captured.contents(store)
    copy = folder / "-home-user-project" / "backup of it.jsonl"
    shutil.copy(scripted.main_file(folder), copy)
    assert (await captured.importing(store).paths([folder, copy])).problems == []
    assert await captured.contents(store) == before


async def test_odd_things_that_end_in_jsonl(store: Store, folder: Path) -> None:
    inner = folder / "a folder.jsonl"
    scripted.a_session(inner, "33333333-3333-4333-8333-333333333333", "a3333333333333333")
    (folder / "empty.jsonl").touch()
    scripted.main_file(folder, "44444444-4444-4444-8444-444444444444").touch()
    scripted.agent_file(folder, "a4444444444444444").touch()
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "notes.jsonl").write_text('{"hello":"world"}\n')
    (folder / "journal.jsonl").write_text('{"type":"result","agentId":"a1"}\n')
    (folder / "agent-.jsonl").write_text("{}\n")
    report = await captured.importing(store).paths([folder])
    assert (report.problems, report.unreadable_lines) == ([], 0)
    kinds = [span.kind for span in (await captured.every_span(store)).values()]
    assert (kinds.count(SpanKind.SESSION), kinds.count(SpanKind.DELEGATION)) == (3, 3)


async def test_a_file_that_is_not_ours_is_named_where_it_was_asked_for(store: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"hello":"world"}\n')
    os.mkfifo(tmp_path / "pipe")
    report = await captured.importing(store).paths([tmp_path / "notes.jsonl", tmp_path / "pipe", tmp_path / "no"])
    assert [path.name for path, _ in report.problems] == ["notes.jsonl", "pipe", "no"]


async def test_a_folder_whose_name_is_no_text(store: Store, folder: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.rename(odd)
    first = await captured.importing(store).paths([odd])
    again = await captured.importing(store).paths([odd])
    assert (first.created, first.problems) == (16, [])
    assert (again.sessions_read, again.sessions_unchanged) == (0, 2)


@pytest.mark.parametrize("name", ["x" * 240, "..", "-", "a b", "é" * 100])
async def test_a_session_under_a_strange_name(name: str, store: Store, folder: Path) -> None:
    path = folder / "-home-user-project" / f"{name}.jsonl"
    lines = Transcript(f"{name}/../..").asked("Hello.").answered("Hello to you.", message_id="msg_strange")
    path.write_bytes(lines.bytes())
    report = await captured.importing(store).paths([folder])
    assert report.problems == []
    assert DELEGATION in await captured.every_span(store)


_AS_NOBODY = """
import asyncio, os, sys
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

# Once as somebody who may read it all: later not even Python's own modules may be.
asyncio.run(imported(captured.projects("success"), sys.argv[2] + ".first"))
os.setgroups([]); os.setgid(65534); os.setuid(65534)
report, spans = asyncio.run(imported(Path(sys.argv[1]), sys.argv[2]))
for path, reason in report.problems:
    print("problem", path.name, reason)
for span in spans.values():
    if span.kind == "delegation":
        print("delegation", span.session_id, span.output)
"""


def _import_as_nobody(folder: Path, database: Path) -> list[str]:
    program = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(_AS_NOBODY), str(folder), str(database), *sys.path]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
async def test_what_may_not_be_read_is_named_and_read_once_it_may(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = Path(f"/tmp/unreadable-{os.getpid()}")  # every folder above pytest's own belongs to its user alone
    shutil.copytree(folder, place / "projects")
    try:
        for path in (place, *place.rglob("*")):
            path.chmod(0o777)
        secret = scripted.main_file(place / "projects", OTHER_SESSION)
        secret.chmod(0)
        hidden = place / "projects" / "hidden"
        hidden.mkdir(mode=0)
        first = _import_as_nobody(place / "projects", place / "x.db")
        assert sorted(line for line in first if line.startswith("problem")) == [
            f"problem {secret.name} Permission denied",
            "problem hidden Permission denied",
        ]
        assert len([line for line in first if line.startswith("delegation")]) == 2
        secret.chmod(0o777)
        hidden.chmod(0o777)
        (place / "x.db.first").unlink()
        second = _import_as_nobody(place / "projects", place / "x.db")
        assert [line for line in second if line.startswith("problem")] == []
        assert f"delegation {OTHER_SESSION} Report." in second
    finally:
        shutil.rmtree(place)


async def _tiny_sessions(folder: Path, count: int) -> None:
    for number in range(count):
        session_id = f"{number:08x}-0000-4000-8000-000000000000"
        lines = Transcript(session_id).asked("Hello.").answered("Hello to you.")
        scripted.write(folder / f"-p{number % 40}" / f"{session_id}.jsonl", lines)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_many_tiny_sessions(count: int, store: Store, tmp_path: Path) -> None:
    await _tiny_sessions(tmp_path / "projects", count)
    seen: list[tuple[int, int]] = []
    report = await captured.importing(store).paths(
        [tmp_path / "projects"], lambda done, total: seen.append((done, total))
    )
    assert (report.sessions_read, report.created, report.problems) == (count, 2 * count, [])
    assert seen == [(done, count) for done in range(count + 1)]
    again = await captured.importing(store).paths([tmp_path / "projects"])
    assert (again.sessions_unchanged, again.bytes_read) == (count, 0)
