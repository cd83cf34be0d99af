"""The README's walk-through is what happens: every line of output that it shows is printed by the command above it."""

import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Command

ROOT: Final = Path(__file__).parents[2]
PROMPT: Final = "$ delegation-telemetry "


def steps() -> list[tuple[str, list[str]]]:
    """Each command with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith(PROMPT):
                found.append((line.removeprefix(PROMPT), []))
            elif line.strip():
                found[-1][1].append(" ".join(line.split()))
    return found


def test_each_step_prints_what_is_shown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = steps()
    assert [line.split()[0] for line, _ in shown] == ["import", "stats", "route", "import", "reward", "stats", "route"]
    for line, expected in shown:
        done = command(*shlex.split(line))
        printed = [" ".join(one.split()) for one in f"{done.out}{done.err}".splitlines()]
        assert (done.status, [one for one in expected if one not in printed]) == (0, []), line
