"""The console script, called as a shell calls it but in this process, on a home of its own."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import mcp_server
from mcp_server.cli.main import main
from tests.stores import new_folder

SAMPLES = Path(mcp_server.__file__).parent / "samples"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


def _move_to(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Let all that is read from the environment lead to this home."""
    patch.setenv("HOME", str(home))
    patch.setenv("TMPDIR", str(home.parent))
    for name in (
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_PROJECT_DIR",
    ):
        patch.delenv(name, raising=False)
    for name in ("DB", "CONTENT", "SYNCHRONOUS", "SPOOL", "ROUTING"):
        patch.delenv(f"DELEGATION_TELEMETRY_{name}", raising=False)


def _status(patch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    patch.setattr("sys.argv", ["delegation-telemetry", *map(str, arguments)])
    try:
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a home"
    folder.mkdir()
    _move_to(folder, monkeypatch)
    return folder


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        status = _status(monkeypatch, *arguments)
        out, err = capsys.readouterr()
        return Done(status, out, err)

    return run


@pytest.fixture(scope="session")
def home_with_samples() -> Iterator[Path]:
    """What importing the sample sessions leaves in a home."""
    with new_folder() as folder, pytest.MonkeyPatch.context() as patch:
        home = folder / "a home"
        home.mkdir()
        _move_to(home, patch)
        assert _status(patch, "import", SAMPLES) == 0
        yield home


@pytest.fixture
def imported(home_with_samples: Path, home: Path, command: Command) -> Command:
    """After the sample sessions were imported, which is done once and copied."""
    shutil.copytree(home_with_samples, home, dirs_exist_ok=True)
    return command
