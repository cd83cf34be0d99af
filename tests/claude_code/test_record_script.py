"""The script that hooks run: it leaves an event in the spool, or nothing, and never disturbs a session."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest import spool
from mcp_server.ingest.spool import Letter
from mcp_server.settings import load

SCRIPT: Final = Path(__file__).parents[2] / "claude_config" / "hooks" / "record.sh"
EVENT: Final = {"session_id": "s", "hook_event_name": "Stop", "last_assistant_message": "Ünïcödé \\ % %s \n done."}
NOBODY: Final = 65534
SYSTEM_PATH: Final = "/usr/bin:/bin"
_AS_ROOT: Final = os.geteuid() == 0


def ran(
    environment: Mapping[str, str], given: bytes | None = None, *, user: int | None = None, script: Path = SCRIPT
) -> None:
    """Run the script to its end, which must be a silent success."""
    done = subprocess.run(
        ["sh", str(script)],
        env={"PATH": SYSTEM_PATH, **environment},
        input=json.dumps(EVENT, ensure_ascii=False).encode() if given is None else given,
        capture_output=True,
        check=False,
        timeout=60,
        cwd="/",
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def there(*folders: Path) -> list[Letter]:
    return spool.letters(folders, datetime.now(UTC) + timedelta(hours=1), 1000)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["plain", "with two  spaces", "ünïcödé 文件夹", "$(touch x) `y` 'z' \"w\" \\", "-n"])
def test_an_event_is_found_whatever_the_home_is_called(name: str, tmp_path: Path) -> None:
    home = tmp_path / name
    home.mkdir()
    script = Path(shutil.copy(SCRIPT, home / "record it.sh"))
    ran({"HOME": str(home), "CLAUDE_PID": "4711"}, script=script)
    (letter,) = there(home / ".local/share/delegation-telemetry/spool")
    assert (letter.payload, letter.process_id) == (EVENT, 4711)
    assert letter.path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert letter.path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lambda home: {"HOME": str(home)}, id="by default"),
        pytest.param(lambda home: {"HOME": str(home), "XDG_DATA_HOME": str(home / "x data")}, id="a data folder"),
        pytest.param(lambda home: {"HOME": str(home), "DELEGATION_TELEMETRY_SPOOL": str(home / "s p")}, id="a setting"),
        pytest.param(lambda home: {"HOME": "/proc/nowhere", "TMPDIR": str(home)}, id="a home that cannot be written"),
        pytest.param(
            lambda home: {"HOME": "/proc/nowhere", "TMPDIR": str(home), "USER": "some one"}, id="and a user's name"
        ),
        pytest.param(lambda home: {"TMPDIR": str(home)}, id="no home at all"),
    ],
)
def test_the_reader_looks_where_the_script_writes(
    told: Callable[[Path], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = told(tmp_path)
    ran(environment)
    for name in ("HOME", "XDG_DATA_HOME", "DELEGATION_TELEMETRY_SPOOL", "TMPDIR", "USER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load({"db": "x.db"})
    assert [letter.payload for letter in there(*(Path(folder) for folder in settings.spools))] == [EVENT]


def test_without_a_process_id_the_event_is_found_all_the_same(tmp_path: Path) -> None:
    ran({"HOME": str(tmp_path)})
    (letter,) = there(tmp_path / ".local/share/delegation-telemetry/spool")
    assert (letter.payload, letter.process_id) == (EVENT, None)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(bytes(range(256)) * 64, id="bytes"),
        pytest.param(b"\0" * 4096, id="NUL"),
        pytest.param(b"%s%n\\c\\0 $HOME `id`", id="what a shell might take for its own"),
    ],
)
def test_what_is_no_event_does_no_harm(given: bytes, tmp_path: Path) -> None:
    ran({"DELEGATION_TELEMETRY_SPOOL": str(tmp_path / "spool")}, given)
    (letter,) = there(tmp_path / "spool")
    assert letter.path.read_bytes() == b"event 1 \n" + given + b"\n.\n"
    assert letter.payload is None


def test_a_large_event_arrives_whole(tmp_path: Path) -> None:
    large = EVENT | {"prompt": "x" * 5_000_000}
    ran({"DELEGATION_TELEMETRY_SPOOL": str(tmp_path)}, json.dumps(large).encode())
    assert [letter.payload for letter in there(tmp_path)] == [large]


def test_fifty_at_once_leave_fifty_events(tmp_path: Path) -> None:
    environment = {"PATH": SYSTEM_PATH, "DELEGATION_TELEMETRY_SPOOL": str(tmp_path / "spool")}
    running = [
        subprocess.Popen(
            ["sh", str(SCRIPT)],
            env=environment | {"CLAUDE_PID": str(number)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for number in range(50)
    ]
    for number, one in enumerate(running):
        output, _ = one.communicate(json.dumps(EVENT | {"number": number}).encode(), timeout=60)
        assert (one.returncode, output) == (0, b"")
    told = [(letter.process_id, letter.payload["number"]) for letter in there(tmp_path / "spool") if letter.payload]
    assert sorted(told) == [(number, number) for number in range(50)]


def test_a_name_that_is_taken_is_never_overwritten(tmp_path: Path) -> None:
    for _ in range(3):  # each in a shell of its own that believes to have the same number
        script = tmp_path / "same number.sh"
        script.write_text(SCRIPT.read_text(encoding="utf-8").replace("$$", "7"), encoding="utf-8")
        ran({"DELEGATION_TELEMETRY_SPOOL": str(tmp_path / "spool")}, script=script)
    assert [path.name for path in files(tmp_path / "spool")] == ["7-0.event", "7-1.event", "7-2.event"]


@pytest.fixture
def public_place() -> Iterator[Path]:
    """A folder that another user may enter; those of pytest belong to its user alone."""
    place = Path(f"/tmp/record-script-{os.getpid()}")
    (place / "tmp").mkdir(parents=True)
    shutil.copy(SCRIPT, place / "record.sh")
    for path in (place, place / "tmp", place / "record.sh"):
        path.chmod(0o777)
    yield place
    shutil.rmtree(place)


@pytest.mark.skipif(not _AS_ROOT, reason="only root can become another user")
def test_a_home_that_may_not_be_written_sends_events_to_the_temporary_folder(public_place: Path) -> None:
    home = public_place / "home"
    home.mkdir(mode=0o555)
    environment = {"HOME": str(home), "TMPDIR": str(public_place / "tmp"), "USER": "nobody", "CLAUDE_PID": "9"}
    for _ in range(2):
        ran(environment, user=NOBODY, script=public_place / "record.sh")
    assert files(home) == []
    folder = public_place / "tmp" / "delegation-telemetry-spool-nobody"
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o077) == (NOBODY, 0)
    assert len(files(folder)) == 2
    assert all(path.read_bytes().endswith(b"\n.\n") for path in files(folder))


@pytest.mark.skipif(not _AS_ROOT, reason="only root can become another user")
def test_what_another_user_put_into_the_temporary_folder_is_not_written_to(public_place: Path) -> None:
    trap = public_place / "tmp" / "delegation-telemetry-spool-nobody"
    trap.mkdir()
    trap.chmod(0o777)
    environment = {"HOME": "/proc/nowhere", "TMPDIR": str(public_place / "tmp"), "USER": "nobody"}
    ran(environment, user=NOBODY, script=public_place / "record.sh")
    assert files(trap) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="needs `mount`")
def test_a_full_disk_leaves_at_most_a_torn_file_that_is_removed_later(tiny_disk: Path) -> None:
    environment = {"DELEGATION_TELEMETRY_SPOOL": str(tiny_disk / "spool")}
    ran(environment)
    ran(environment, json.dumps(EVENT | {"prompt": "x" * 200_000}).encode())
    with suppress(OSError):
        (tiny_disk / "filling").write_bytes(b"x" * 200_000)
    ran(environment)
    letters = there(tiny_disk / "spool")
    assert [letter.payload for letter in letters if letter.payload] == [EVENT]
    spool.discard(letters)
    assert files(tiny_disk / "spool") == []


def test_nowhere_to_write_is_silent(tmp_path: Path) -> None:
    ran({"HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"})
    (tmp_path / "file").write_text("")
    ran({"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path / "file")})


def test_nobody_who_hands_over_an_event_is_left_waiting() -> None:
    """A client that never closes the pipe is the client's time limit to bear; one without a pipe is not."""
    with Path("/dev/null").open("rb") as nothing:
        done = subprocess.run(
            ["sh", str(SCRIPT)], env=_nowhere(), stdin=nothing, capture_output=True, check=False, timeout=60
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def _nowhere() -> dict[str, Any]:
    return {"PATH": SYSTEM_PATH, "HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
