"""The console script, called as a shell calls it but in this process, on a home of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import mcp_server
from mcp_server.cli.main import main

SAMPLES = Path(mcp_server.__file__).parent / "samples"


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "a home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in (
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_SESSION_ID",
        "CLAUDE_PROJECT_DIR",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("DB", "CONTENT", "SYNCHRONOUS", "SPOOL", "ROUTING"):
        monkeypatch.delenv(f"DELEGATION_TELEMETRY_{name}", raising=False)
    return folder


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr("sys.argv", ["delegation-telemetry", *map(str, arguments)])
        capsys.readouterr()
        status: int | str | None = 0
        try:
            main()
        except SystemExit as leaving:
            status = leaving.code
        out, err = capsys.readouterr()
        return Done(int(status or 0), out, err)

    return run


@pytest.fixture
def imported(command: Command) -> Command:
    """After the sample sessions were imported."""
    assert command("import", SAMPLES).status == 0
    return command
