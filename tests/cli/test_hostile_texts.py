"""What others have written is shown, never obeyed: no terminal gets commands out of stored texts."""

import shlex
from pathlib import Path
from typing import Final

import pytest

from storage.vocabulary import SpanKind, Status
from tests.cli.conftest import Command
from tests.cli.histories import keep
from tests.factories import a_reward, a_span

_TRICKS: Final = "\x1b]0;PWN\x07\x1b]8;;http://x\x1b\\ \x9b31m \u202egnp\u2066 \u2028 \x7f \r \nforged row"
_SESSION: Final = f"s{_TRICKS}"
_SPAN: Final = f"span{_TRICKS}"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A history of which every text was written by somebody hostile."""
    named = {
        "session_id": _SESSION,
        "agent_type": f"q{_TRICKS}",
        "model": f"m{_TRICKS}",
        "task_type": f"t{_TRICKS}",
        "project": f"/p{_TRICKS}",
        "task": f"{_TRICKS} look for it",
        "output": _TRICKS,
    }
    path = tmp_path / "hostile.db"
    spans = [
        a_span(**named, span_id=f"{_SPAN}{number}", status=Status.ERROR, error=_TRICKS, cost_usd=1.0)
        for number in range(30)
    ]
    root = a_span(**{**named, "agent_type": "main"}, span_id=f"root{_TRICKS}", kind=SpanKind.SESSION)
    called = a_span(
        **named, span_id=f"call{_TRICKS}", kind=SpanKind.TOOL_CALL, name=_TRICKS, parent_span_id=spans[0].span_id
    )
    lost = a_span(**named, span_id=f"lost{_TRICKS}", parent_span_id=f"gone{_TRICKS}")
    keep(path, [root, *spans, called, lost], [a_reward(span_id=span.span_id, value=0.0) for span in spans[:20]])
    return path


@pytest.mark.parametrize("as_json", [pytest.param(False, id="drawn"), pytest.param(True, id="JSON")])
@pytest.mark.parametrize(
    "arguments",
    [
        ["log"],
        ["search", "look"],
        ["search", "--similar-to", "look for it"],
        ["trajectory"],
        ["trajectory", "--detail", "full"],
        ["credit"],
        ["credit", "--by-arm"],
        ["stats"],
        ["stats", "--by", "project"],
        ["stats", "--by", "agent_type", "--by", "model", "--by", "task_type"],
        ["insights", "--since", "2026-11-01", "--watch"],
        ["route", "look for it", "--task-type", f"t{_TRICKS}"],
        ["replay"],
        ["rules"],
        ["report"],
        ["report", "--session", "latest"],
        ["doctor"],
        ["reward", _SESSION, "1"],
        ["reward", f"{_SPAN}1", "1"],
        ["export"],
        ["trajectory", f"unknown{_TRICKS}"],
        ["reward", f"unknown{_TRICKS}", "1"],
    ],
    ids=lambda arguments: " ".join(one for one in arguments if one.isprintable()),
)
def test_every_command_prints_nothing_but_what_can_be_seen(
    command: Command, db: Path, arguments: list[str], *, as_json: bool
) -> None:
    if as_json and arguments[0] == "export":
        pytest.skip("it is JSON in any case")
    done = command(*arguments, "--db", db, *(["--json"] if as_json else []))
    assert done.out or done.err
    assert {one for one in done.out + done.err if one != "\n" and not one.isprintable()} == set()
    assert not [line for line in (done.out + done.err).splitlines() if line.startswith("forged")]


@pytest.mark.parametrize("span_id", ["x 1; touch it; #", "--help", "$(it)`it`'\"&", "~", "ä"], ids=repr)
def test_a_line_that_asks_for_a_verdict_is_one_command_and_nothing_else(
    command: Command, tmp_path: Path, span_id: str
) -> None:
    db = tmp_path / "ids.db"
    keep(db, [a_span(span_id=span_id, agent_type="a; touch it", task="b; touch it")])
    (line,) = [one for one in command("log", "--db", db).err.splitlines() if "telemetry reward" in one]
    words = shlex.split(line)  # a comment would be none in every shell
    assert [one for one in words if one != "--"] == [
        "delegation-telemetry",
        "reward",
        "--reason",
        "...",
        span_id,
        "VALUE",
    ]
    assert command("reward", "--db", db, *words[2:-1], "1").status == 0


def test_no_verdict_is_asked_for_by_an_id_that_cannot_be_copied(command: Command, db: Path) -> None:
    asked = command("log", "--db", db).err
    assert "did it do what was asked?" in asked
    assert "cannot be copied" in asked
    assert "delegation-telemetry reward" not in asked


def test_what_cannot_be_seen_is_told(command: Command, db: Path) -> None:
    shown = command("log", "--limit", "1", "--db", db).out
    assert r"q\x1b]0;PWN\x07" in shown
    assert r"\x9b31m \u202egnp\u2066" in shown
