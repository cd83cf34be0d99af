"""The folder in which hooks leave events: what is taken from it, and what is left alone."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from mcp_server.ingest import spool
from mcp_server.ingest.spool import Letter
from tests.claude_code import telling
from tests.claude_code.telling import Event
from tests.factories import NOON, at

PAYLOAD: Final = {"session_id": "s", "hook_event_name": "Stop"}
SOON: Final = at(2)
MUCH_LATER: Final = at(3600)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir(mode=0o700)
    return tmp_path / "spool"


def left(folder: Path, content: bytes, name: str = "1-0.event") -> Path:
    """A file as somebody left it at noon."""
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    return path


def found(*folders: Path, now: Any = SOON, limit: int = 100) -> list[Letter]:
    return spool.letters(folders, now, limit)


def test_a_whole_file_tells_what_when_and_of_which_process(folder: Path) -> None:
    path = left(folder, telling.letter(PAYLOAD, 4711))
    assert found(folder) == [Letter(path, NOON, PAYLOAD, 4711)]


def test_the_oldest_come_first_from_all_folders_and_no_more_than_are_asked_for(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for number, place in enumerate((folder, other, folder, other)):
        telling.leave(place, Event(at(9 - number), PAYLOAD | {"number": number}))
    numbers = [letter.payload["number"] for letter in found(folder, other, limit=3) if letter.payload]
    assert numbers == [3, 2, 1]


def test_folders_that_are_not_there_are_empty(tmp_path: Path) -> None:
    assert found(tmp_path / "nowhere", left(tmp_path, b"a file")) == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing yet"),
        pytest.param(b"event 1 4711\n", id="no event yet"),
        pytest.param(telling.letter(PAYLOAD)[:-1], id="a byte is missing"),
        pytest.param(telling.letter(PAYLOAD)[:-12], id="half an event"),
        pytest.param(b"event 2 4711\n{}\n.\n", id="the form of another version"),
        pytest.param(b"{}\n.\n", id="no first line"),
    ],
)
def test_a_torn_file_is_left_while_it_may_be_written_and_later_given_up(content: bytes, folder: Path) -> None:
    path = left(folder, content)
    assert found(folder) == []
    later = found(folder, now=MUCH_LATER)
    assert later == [Letter(path, NOON, None, None)]
    spool.discard(later)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no JSON", id="no JSON"),
        pytest.param(b"[1]", id="no object"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="nested too deeply"),
        pytest.param(bytes(range(256)), id="bytes"),
    ],
)
def test_a_whole_file_without_an_object_tells_nothing_and_can_go(text: bytes, folder: Path) -> None:
    path = left(folder, b"event 1 1\n" + text + b"\n.\n")
    assert found(folder) == [Letter(path, NOON, None, 1)]


def test_bytes_that_are_no_text_cost_only_themselves(folder: Path) -> None:
    left(folder, b'event 1 1\n{"session_id":"s","prompt":"caf\xe9"}\n.\n')
    (letter,) = found(folder)
    assert letter.payload == {"session_id": "s", "prompt": "caf\ufffd"}


@pytest.mark.parametrize("told", ["", "x", "-1", "1" * 30, "²", "4 5"])
def test_a_process_id_that_is_none_is_unknown(told: str, folder: Path) -> None:
    left(folder, telling.letter(PAYLOAD, told))
    (letter,) = found(folder)
    assert (letter.payload, letter.process_id) == (PAYLOAD, None)


def test_what_is_no_event_is_left_alone(folder: Path, tmp_path: Path) -> None:
    whole = telling.letter(PAYLOAD)
    left(folder, whole, "notes.txt")
    left(folder, whole, "1.event.tmp")
    (folder / "folder.event").mkdir()
    (folder / "link.event").symlink_to(left(tmp_path, whole))
    (folder / "dangling.event").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.event")
    assert found(folder, now=MUCH_LATER) == []
    assert len(list(folder.iterdir())) == 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["folder", "file"])
def test_what_belongs_to_another_user_is_left_alone(whose: str, folder: Path) -> None:
    path = left(folder, telling.letter(PAYLOAD))
    os.chown({"folder": folder, "file": path}[whose], 65534, 65534)
    assert found(folder, now=MUCH_LATER) == []
    assert path.exists()


def test_a_file_that_another_process_takes_away_meanwhile_hides_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = (telling.leave(folder, Event(NOON, PAYLOAD | {"number": number})) for number in range(2))
    listed = os.scandir

    class Late:
        """What was listed a moment ago."""

        def __init__(self, path: Path) -> None:
            with listed(path) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name)
            gone.unlink(missing_ok=True)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self._entries)

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(os, "scandir", Late)
    assert [letter.path for letter in found(folder)] == [kept]


def test_what_another_process_removed_first_is_no_error(folder: Path) -> None:
    telling.leave(folder, Event(NOON, PAYLOAD))
    letters = found(folder)
    spool.discard(letters)
    spool.discard(letters)
    assert found(folder) == []


def test_a_file_from_a_clock_that_runs_ahead_is_read(folder: Path) -> None:
    telling.leave(folder, Event(NOON + timedelta(days=400), PAYLOAD))
    assert len(found(folder)) == 1
