"""`report`: where its page goes, and what it prints without one."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Command

NESTED = "58f86e92-a4e4-4f11-b80b-20fb1dba6c52"


def test_a_page_is_written_for_this_user_only(imported: Command, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    done = imported("report", "--html", target)
    assert (done.status, done.err) == (0, "")
    assert str(target) in done.out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_an_earlier_report_is_overwritten(imported: Command, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert imported("report", "--html", target).status == 0
    assert imported("report", "--session", NESTED, "--html", target).status == 0
    assert NESTED in target.read_text(encoding="utf-8")


def test_no_other_file_is_overwritten_without_force(imported: Command, tmp_path: Path) -> None:
    target = tmp_path / "notes.html"
    target.write_text("mine")
    done = imported("report", "--html", target)
    assert (done.status, done.out) == (1, "")
    assert str(target) in done.err
    assert "--force" in done.err
    assert target.read_text() == "mine"
    assert imported("report", "--html", target, "--force").status == 0
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_is_no_file_stays_what_it_is(imported: Command, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = imported("report", "--html", pipe, "--force")
    assert done.status == 1
    assert "is no file" in done.err
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_is_followed_and_stays(imported: Command, tmp_path: Path) -> None:
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    assert imported("report", "--html", tmp_path / "link.html").status == 0
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").stat().st_size > 1000


def test_a_write_that_fails_leaves_the_earlier_page_and_nothing_else(
    imported: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    target = folder / "report.html"
    assert imported("report", "--html", target).status == 0
    before = target.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = imported("report", "--html", target)
    assert done.status == 1
    assert "No space left" in done.err
    assert (target.read_bytes(), list(folder.iterdir())) == (before, [target])


def test_a_missing_folder_is_named(imported: Command, tmp_path: Path) -> None:
    done = imported("report", "--html", tmp_path / "gone" / "report.html")
    assert done.status == 1
    assert "gone" in done.err
    assert "Traceback" not in done.err


def test_a_dash_is_stdout(imported: Command) -> None:
    done = imported("report", "--session", "latest", "--html", "-")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("<!doctype html>")
    assert done.out.endswith("</html>\n")


def test_without_a_page_the_figures_are_printed(imported: Command) -> None:
    period = imported("report")
    assert period.status == 0
    assert period.out.splitlines()[0].split()[:2] == ["agent", "model"]
    assert "the dearest" in period.out
    assert "--html" in period.err
    session = imported("report", "--session", NESTED)
    assert session.out.splitlines()[0] == f"session {NESTED}"
    assert "likely cause" in session.out


def test_json_is_what_a_page_would_show(imported: Command) -> None:
    period = json.loads(imported("report", "--json", "--agent-match", "^Explore$").out)
    assert {arm["key"]["agent_type"] for arm in period["arms"]} == {"Explore"}
    session = json.loads(imported("report", "--session", NESTED, "--json").out)
    assert [run["depth"] for run in session["runs"]] == [0, 1, 2]
    assert session["runs"][0]["to_ms"] == session["length_ms"]


def test_an_empty_database_gives_a_page_too(command: Command, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    assert command("report", "--html", target).status == 0
    assert "delegation-telemetry import" in target.read_text(encoding="utf-8")
    plain = command("report")
    assert (plain.status, plain.out) == (0, "")
    assert "import" in plain.err


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        pytest.param(["--session", "nope"], 1, "no session 'nope'", id="an unknown session"),
        pytest.param(["--since", "soon"], 1, "ISO 8601", id="a time in words"),
        pytest.param(["--agent-match", "("], 1, "no regular expression", id="a bad pattern"),
        pytest.param(["--session", NESTED, "--since", "7d"], 2, "leave --session out", id="a session and a period"),
        pytest.param(["--json", "--html", "x.html"], 2, "leave --html out", id="a page and JSON"),
        pytest.param(["--html", "."], 2, "directory", id="a folder"),
    ],
)
def test_what_cannot_be_done_is_said(imported: Command, arguments: list[str], status: int, complaint: str) -> None:
    done = imported("report", *arguments)
    assert (done.status, done.out) == (status, "")
    assert complaint in done.err
    assert "Traceback" not in done.err
