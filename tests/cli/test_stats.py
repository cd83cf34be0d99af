"""The report of statistics: good to read on a terminal and in a pipe, whatever is known."""

import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcp_server.analysis.plurals import counted
from mcp_server.cli.rendering import money, print_table, share
from tests.cli.conftest import Command

NESTED = "58f86e92-a4e4-4f11-b80b-20fb1dba6c52"


def recorded(command: Command, folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Delegations as another program exports them, each with a verdict where it has one."""
    spans = folder / "spans.jsonl"
    start = {"session_id": "s", "status": "ok", "started_at": "2026-11-20T09:00:00Z", "kind": "delegation"}
    spans.write_text(
        "".join(json.dumps(start | {"span_id": f"span-{n}"} | dict(row)) + "\n" for n, row in enumerate(rows))
    )
    assert command("import", spans).status == 0


def judged(agent: str, good: int, bad: int, cost_usd: float | None = None) -> list[dict[str, Any]]:
    verdict = {"reward_source": "human", "agent_type": agent, "model": "small", "cost_usd": cost_usd}
    return [{**verdict, "reward": 1.0}] * good + [{**verdict, "reward": 0.0}] * bad


def test_a_report_begins_with_what_it_all_adds_up_to(imported: Command) -> None:
    told = imported("stats").out.splitlines()
    assert told[0].startswith("9 delegations (7 ok, 1 error, 1 cancelled).")
    assert "None of them is judged" in told[0]
    assert told[1].startswith("$0.3035 in all")
    assert sum("not enough data" in line for line in told) == 5


def test_a_report_names_who_stands_out(command: Command, tmp_path: Path) -> None:
    rows = judged("good", 40, 2, 0.5) + judged("bad", 5, 40, 0.1) + judged("rare", 2, 0, 9.0)
    recorded(command, tmp_path, rows)
    told = command("stats").out
    assert re.search(r"^best:  good / small: 95% .* of 42 judged$", told, re.MULTILINE)
    assert re.search(r"^worst: bad / small: 11% \(.* of 45 judged$", told, re.MULTILINE)
    assert re.search(r"^most efficient: good / small: \$0\.5250 for each success", told, re.MULTILINE)
    assert re.search(r"^most wasteful:  bad / small: \$0\.9000 for each success", told, re.MULTILINE)
    assert re.search(r"^rare +small +2 .* 2 +not enough data +\$18\.00", told, re.MULTILINE)
    assert command("stats", "--limit", "1").out.count("small: ") == 4, "among all groups, whatever is shown"


def test_what_may_be_chance_is_said_to_be(command: Command, tmp_path: Path) -> None:
    recorded(command, tmp_path, judged("one", 6, 2) + judged("other", 5, 3))
    told = command("stats").out
    assert "it may be chance" in told
    assert "about " in told
    assert "cost unknown" in told
    assert "most efficient" not in told


def test_one_delegation_alone_is_reported_as_well(command: Command, tmp_path: Path) -> None:
    recorded(command, tmp_path, [{"agent_type": "one", "status": "running"}])
    told = command("stats", "--by", "complexity").out
    assert told.startswith("1 delegation (1 running).")
    assert "duration unknown" in told
    assert " 0%" not in told
    assert "$0" not in told


def test_a_report_compares_with_the_window_before(command: Command, tmp_path: Path) -> None:
    before = [row | {"started_at": "2026-11-12T09:00:00Z"} for row in judged("one", 0, 10, 0.5)]
    recorded(command, tmp_path, before + judged("one", 20, 0, 0.5))
    told = command("stats", "--since", "2026-11-16", "--until", "2026-11-21").out
    changes = (
        r"from 2026-11-11 00:00\): \+10 delegations \(then 10\), \+\$5\.00, success \+100 points \(\+\d+ to \+100\)"
    )
    assert re.search(changes, told)
    assert re.search(r"^one .* \+10$", told, re.MULTILINE)


def test_json_is_the_tools_object_with_as_many_groups_as_asked_for(imported: Command) -> None:
    answer = json.loads(imported("stats", "--json", "--limit", "2").out)
    assert (answer["returned"], answer["total"], answer["compared_with"]) == (2, 4, None)


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, columns: Sequence[str], row: Sequence[str], **how: Any) -> str:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setitem(os.environ, "COLUMNS", str(width))
    monkeypatch.setitem(os.environ, "NO_COLOR", "1")
    print_table(columns, [row], **how)
    return re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())


def test_a_narrow_terminal_leaves_columns_out_and_breaks_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, row = ("agent", "calls", "session", "task"), ("general-purpose", "1,234", NESTED, "look for it " * 9)
    how: dict[str, Any] = {"texts": frozenset({"task"}), "spare": ("calls",)}
    assert "calls" in drawn(monkeypatch, 120, columns, row, **how)
    narrow = drawn(monkeypatch, 70, columns, row, **how)
    assert "calls" not in narrow
    for width in (70, 30):
        assert NESTED in drawn(monkeypatch, width, columns, row, **how)
        assert "general-purpose" in drawn(monkeypatch, width, columns, row, **how)


def test_figures_read_as_people_write_them() -> None:
    assert (share(0.001), share(0.0), share(None)) == ("<1%", "0%", "-")
    assert (counted(1, "span"), counted(1200, "span")) == ("1 span", "1,200 spans")
    assert (money(12345.6), money(0.01234), money(None)) == ("$12,345.60", "$0.0123", "-")


@pytest.mark.parametrize("letter", ["a", "\u6f22"], ids=["of one column", "of two columns"])
def test_a_pipe_gets_every_figure_however_long_the_names(command: Command, tmp_path: Path, letter: str) -> None:
    agent, model, project = letter * 200, f"m{letter * 199}", f"/{letter * 300}"
    rows = [{"agent_type": agent, "model": model, "project": project, "cost_usd": 1.5}] * 3
    recorded(command, tmp_path, rows)
    group, whole = command("stats", "--by", "agent_type", "--by", "model", "--by", "project").out.splitlines()[-2:]
    for name in (agent, model, project):
        assert name in group
    assert re.match(r"all +3 +3 ok +0 +not enough data +\$4\.50", whole)


def test_one_of_a_kind_is_told_in_the_singular(command: Command, tmp_path: Path) -> None:
    one = {"agent_type": "one", "status": "error", "outcome": "failure", "reward": 0.0, "reward_source": "human"}
    recorded(command, tmp_path, [one | {"started_at": datetime.now(UTC).isoformat()}])
    assert "(1 failure)" in command("insights", "--kind", "waste").out
    assert "1 delegation (1 error)." in command("stats").out
    assert "1 delegation (1 error; outcomes 1 failure), cost unknown, tokens unknown" in command("trajectory").out
    assert ": 1 span in 1 session, " in command("doctor").out
    assert command("import", tmp_path / "spans.jsonl").out.startswith("0 spans new, 0 updated; ")
    pruned = command("prune", "--max-size", "1", "--yes").out
    assert re.match(r"removed 1 session with 1 span and (1 judgement|\d judgements);", pruned)


def test_several_failures_are_failures(command: Command, tmp_path: Path) -> None:
    failed = {"agent_type": "one", "status": "error", "reward": 0.0, "reward_source": "human"}
    recorded(command, tmp_path, [failed, failed])
    assert "2 delegations (2 errors; outcomes 2 failures)" in command("trajectory", "s").out


@pytest.mark.parametrize(("n", "told"), [(19, False), (20, True)])
def test_one_in_twenty_is_told_of_twenty(command: Command, tmp_path: Path, n: int, *, told: bool) -> None:
    took = {"agent_type": "one", "duration_ms": 1100, "ended_at": "2026-11-20T09:00:01.1Z"}
    lost = {"agent_type": "one", "status": "lost"}
    recorded(command, tmp_path, [took] * n + [lost] * 5)
    report = command("stats").out
    assert "half took up to 1.1 s" in report
    assert (("one in twenty over 1.1 s" in report), ("p95" in report)) == (told, told)


def test_days_go_newest_first_whatever_their_size(command: Command, tmp_path: Path) -> None:
    days = [("2026-11-18", 1), ("2026-11-20", 2), ("2026-11-19", 3)]
    rows = [{"agent_type": "one", "started_at": f"{day}T09:00:00Z"} for day, n in days for _ in range(n)]
    recorded(command, tmp_path, rows)
    told = command("stats", "--by", "day").out
    assert re.findall(r"^2026-11-\d\d", told, re.MULTILINE) == ["2026-11-20", "2026-11-19", "2026-11-18"]
    first = json.loads(command("stats", "--by", "day", "--json", "--limit", "1").out)["groups"][0]
    assert first["key"] == {"day": "2026-11-20"}
    assert (first["tool_calls"], first["tool_errors"]) == (None, None)


def test_among_many_groups_the_ends_are_said_to_exaggerate(command: Command, tmp_path: Path) -> None:
    recorded(command, tmp_path, [row for number in range(11) for row in judged(f"agent-{number}", 5, 3)])
    assert "(of 11 groups compared, the best looks better than it is, and the worst worse)" in command("stats").out


def test_a_duration_has_no_false_digits_and_calls_that_nobody_counted_are_no_zero(
    command: Command, tmp_path: Path
) -> None:
    recorded(command, tmp_path, [{"agent_type": "one", "duration_ms": 20_000, "ended_at": "2026-11-20T09:00:20Z"}])
    median = json.loads(command("stats", "--json").out)["totals"]["duration_ms"]["median"]
    assert isinstance(median, int)
    assert median == pytest.approx(20_000, rel=0.02)
    assert "tool calls not counted" in command("stats").out
