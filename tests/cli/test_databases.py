"""Which database a command means, and what happens where there is none."""

from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLES, Command

READING = [
    ["log"], ["trajectory"], ["search", "x"], ["credit"], ["credit", "--by-arm"], ["stats"], ["route", "x"],
    ["insights"], ["report"], ["replay"], ["rules"], ["export"], ["doctor"], ["prune", "--older-than", "90d", "--yes"],
    ["reward", "x", "1"],
]  # fmt: skip


@pytest.mark.parametrize("arguments", [*READING, ["backup", "copy.db"]], ids=" ".join)
def test_a_mistyped_database_is_an_error_and_nothing_is_made(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = command(*arguments, "--db", tmp_path / "no folder" / "typo.db")
    assert (done.status, done.out) == (1, "")
    assert f"no database at {tmp_path / 'no folder' / 'typo.db'}; " in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_error_says_how_an_address_was_understood(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = command("log", "--db", "sqlite:///data/x.db").err
    assert f"no database at {tmp_path / 'data' / 'x.db'} (of 'sqlite:///data/x.db'; three slashes" in told
    assert f"no database at {tmp_path / 'x.db'} " in command("log", "--db", f"sqlite:///{tmp_path}/x.db").err


@pytest.mark.parametrize("address", ["", " ", "sqlite:///", "sqlite://x.db"])
@pytest.mark.parametrize("arguments", [["log"], ["import", SAMPLES]], ids=["reading", "writing"])
def test_an_address_that_names_nothing_is_refused(command: Command, arguments: list[str | Path], address: str) -> None:
    done = command(*arguments, "--db", address)
    assert (done.status, done.out) == (1, "")
    assert f"no store for {address!r}" in done.err


def test_import_makes_the_database_that_is_named(command: Command, tmp_path: Path) -> None:
    db = tmp_path / "new folder" / "new.db"
    assert command("import", SAMPLES, "--db", db).status == 0
    assert command("log", "--db", f"sqlite:///{db}").status == 0


@pytest.mark.parametrize("arguments", [["log"], ["stats"], ["insights"], ["doctor"]], ids=" ".join)
def test_a_first_run_is_no_error(command: Command, arguments: list[str]) -> None:
    assert "no database" not in command(*arguments).err


@pytest.mark.parametrize("arguments", [["trajectory"], ["credit"], ["report", "--session", "latest"]], ids=" ".join)
def test_before_anything_is_recorded_no_session_is_named(command: Command, arguments: list[str]) -> None:
    done = command(*arguments)
    assert done.status == 1
    assert "no session is recorded yet; run `delegation-telemetry import`" in done.err
