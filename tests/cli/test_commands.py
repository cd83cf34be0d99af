"""The commands as people use them, over the sample sessions that the package ships."""

import json
import os
import re
import sqlite3
import stat
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcp_server import __version__
from mcp_server.cli.main import COMMANDS
from tests.cli.conftest import SAMPLES, Command

NESTED = "58f86e92-a4e4-4f11-b80b-20fb1dba6c52"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_takes_a_database(command: Command, name: str) -> None:
    done = command(name, "--help")
    assert done.status == 0
    assert "--db" in done.out or name == "demo"


def test_the_version_can_be_asked_for(command: Command) -> None:
    assert command("--version").out.strip().endswith(__version__)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["no-such-command"], id="an unknown command"),
        pytest.param(["log", "--no-such-option"], id="an unknown option"),
        pytest.param(["log", "--limit", "many"], id="a value of the wrong kind"),
        pytest.param(["stats", "--by", "mood"], id="an unknown dimension"),
        pytest.param(["prune"], id="nothing to do"),
        pytest.param(["reward", "x", "2"], id="a value out of range"),
    ],
)
def test_wrong_usage_is_status_2_and_says_so_on_stderr(command: Command, arguments: list[str]) -> None:
    done = command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["trajectory", "nope"], "no session 'nope'", id="an unknown session"),
        pytest.param(["log", "--since", "soon"], "ISO 8601", id="a time in words"),
        pytest.param(
            ["credit", "--by-arm", "--since", "1d", "--until", "7d"], "after until '7d'", id="a time that ends too soon"
        ),
        pytest.param(["stats", "--agent-match", "("], "no regular expression", id="a bad pattern"),
        pytest.param(["reward", "nope", "1"], "'nope'", id="an unknown target"),
        pytest.param(["log", "--db", "mysql://x"], "no store for", id="an unknown engine"),
        pytest.param(["prune", "--max-size", "much", "--yes"], "500MB", id="a size in words"),
    ],
)
def test_a_failure_is_status_1_with_a_sentence_and_no_traceback(
    imported: Command, arguments: list[str], complaint: str
) -> None:
    done = imported(*arguments)
    assert (done.status, done.out) == (1, "")
    assert complaint in done.err
    assert "Traceback" not in done.err


def test_import_says_what_is_new_and_a_second_one_finds_nothing(command: Command) -> None:
    first = command("import", SAMPLES)
    assert "spans new" in first.out
    again = json.loads(command("import", SAMPLES, "--json").out)
    assert (again["created"], again["updated"], again["sessions_read"]) == (0, 0, 0)


def test_import_without_paths_reads_the_clients_own_folder(command: Command, home: Path) -> None:
    folder = home / ".claude" / "projects"
    folder.mkdir(parents=True)
    (folder / "nested").symlink_to(SAMPLES / "nested")
    assert json.loads(command("import", "--json").out)["sessions_read"] == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_imported(command: Command, tmp_path: Path) -> None:
    done = command("import", SAMPLES / "nested", tmp_path / "gone", "--json")
    assert done.status == 1
    assert json.loads(done.out)["sessions_read"] == 1
    assert str(tmp_path / "gone") in done.err


def test_a_trajectory_is_a_tree_with_own_and_subtree_cost(imported: Command) -> None:
    lines = imported("trajectory", NESTED).out.splitlines()
    assert lines[0] == f"session {NESTED}"
    tree = [line.split()[:2] for line in lines[4:7]]
    assert tree == [["main", "claude-opus-5-5"], ["└─", "general-purpose"], ["└─", "Explore"]]
    assert "$0.1523" in lines[4]
    assert "$0.0677" in lines[4]


def test_json_is_the_object_that_the_tool_returns(imported: Command) -> None:
    answer = json.loads(imported("trajectory", NESTED, "--json").out)
    assert [span["depth"] for span in answer["spans"]] == [0, 1, 2]
    assert json.loads(imported("log", "--json", "--limit", "1").out)["returned"] == 1
    assert json.loads(imported("stats", "--by", "agent_type", "--json").out)["totals"]["n"] == 9
    assert json.loads(imported("search", "inner", "report", "--json").out)["total"] == 1


def test_a_pipe_gets_plain_uncut_text(imported: Command) -> None:
    done = imported("log")
    assert "\x1b" not in done.out
    assert "…" not in done.out.splitlines()[0]
    assert done.out.splitlines()[0].split()[:2] == ["started", "agent"]


def test_a_log_asks_for_verdicts_and_says_how_to_answer(imported: Command) -> None:
    asked = [line.split() for line in imported("log").err.splitlines() if "delegation-telemetry reward" in line]
    assert len(asked) == 3
    *_, span_id, value = asked[0]
    assert (value, imported("reward", span_id, "1").status) == ("VALUE", 0)
    assert span_id not in imported("log").err
    assert "delegation-telemetry reward" not in imported("search", "report").err


def test_a_similar_task_is_found_and_how_similar_it_is(imported: Command) -> None:
    done = imported("search", "--similar-to", "Outer job.")
    assert done.out.split()[:2] == ["similar", "started"]
    assert done.out.splitlines()[1].split()[0] == "1.00"
    assert "delegation-telemetry reward" not in done.err
    assert json.loads(imported("search", "report", "--similar-to", "Inner job.", "--json").out)["total"] > 0
    assert "WORDS, or --similar-to" in imported("search").err


def test_where_no_task_is_similar_that_is_said(imported: Command) -> None:
    done = imported("search", "--similar-to", "xylophone quartz")
    assert (done.status, done.out) == (0, "")
    assert done.err == "no delegation has a task that resembles this one\n"


def test_a_blank_task_resembles_nothing_and_is_refused(imported: Command) -> None:
    for blank in ("", "  "):
        done = imported("search", "--similar-to", blank)
        assert done.status == 2
        assert "--similar-to is blank: give the task" in done.err


def test_an_empty_database_says_what_to_do(command: Command) -> None:
    for name in ("log", "stats"):
        done = command(name)
        assert (done.status, done.out) == (0, "")
        assert "delegation-telemetry import" in done.err


def test_a_person_judges_and_the_outcome_changes(imported: Command) -> None:
    span_id = json.loads(imported("search", "inner", "report", "--json").out)["delegations"][0]["span_id"]
    done = imported("reward", span_id, "1", "--reason", "checked by hand")
    assert done.out == f"{span_id}: success, overall 1 by human (1 judgement)\n"
    assert json.loads(imported("log", "--outcome", "success", "--json").out)["total"] == 1


def test_export_and_import_give_the_same_spans(imported: Command, tmp_path: Path) -> None:
    target, copy = tmp_path / "spans.jsonl", tmp_path / "copy.db"
    done = imported("export", "-o", target)
    assert (done.status, done.out) == (0, "")
    assert imported("import", "--db", copy, target).status == 0
    again = imported("export", "--db", copy)
    assert sorted(again.out.splitlines()) == sorted(target.read_text().splitlines())


def test_export_overwrites_nothing(imported: Command, tmp_path: Path) -> None:
    (tmp_path / "spans.jsonl").write_text("mine")
    assert imported("export", "-o", tmp_path / "spans.jsonl").status == 1
    assert (tmp_path / "spans.jsonl").read_text() == "mine"


def test_export_can_be_restricted(imported: Command) -> None:
    lines = [
        json.loads(line)
        for line in imported("export", "--kind", "delegation", "--agent-match", "^Exp").out.splitlines()
    ]
    assert {(line["kind"], line["agent_type"]) for line in lines} == {("delegation", "Explore")}


def test_a_backup_is_a_whole_database(imported: Command, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert imported("backup", copy).status == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert imported("log", "--db", copy).out == imported("log").out
    assert imported("backup", copy).status == 1


def test_prune_removes_old_sessions_and_only_with_consent(imported: Command) -> None:
    assert imported("prune", "--max-size", "1", "--yes").status == 0
    assert imported("log").out == ""
    assert "delegation-telemetry import" in imported("log").err


def test_prune_asks_before_it_removes(imported: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _prompt: "n")
    assert imported("prune", "--older-than", "0d").status != 0
    assert imported("log").out


def test_doctor_counts_what_is_not_imported_and_when_it_will_be_gone(command: Command, home: Path) -> None:
    folder = home / ".claude" / "projects" / "x"
    folder.mkdir(parents=True)
    source = next((SAMPLES / "nested").rglob(f"{NESTED}.jsonl"))
    target = folder / source.name
    target.write_bytes(source.read_bytes())
    ago = time.time() - 25 * 86_400
    os.utime(target, (ago, ago))
    found = {finding["check"]: finding for finding in json.loads(command("doctor", "--json").out)["findings"]}
    assert found["database"]["state"] == "ok"
    assert found["transcripts"]["state"] == "warning"
    assert "1 not or not wholly imported" in found["transcripts"]["text"]
    assert found["retention"]["state"] == "warning"
    assert "in 4 days" in found["retention"]["text"]
    command("import")
    found = {finding["check"]: finding for finding in json.loads(command("doctor", "--json").out)["findings"]}
    assert found["transcripts"]["state"] == "ok"


def test_doctor_reads_how_long_the_client_keeps_transcripts(command: Command, home: Path) -> None:
    (home / ".claude" / "projects").mkdir(parents=True)
    (home / ".claude" / "settings.json").write_text('{"cleanupPeriodDays": 365}')
    assert "after 365 days" in command("doctor").out


def test_doctor_names_a_damaged_database_and_the_cure(command: Command, tmp_path: Path) -> None:
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"this is no database at all" * 500)
    done = command("doctor", "--db", bad)
    assert done.status == 1
    assert "restore a backup" in done.out


def test_doctor_notices_a_database_that_others_can_read(imported: Command, home: Path) -> None:
    database = home / ".local" / "share" / "delegation-telemetry" / "telemetry.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    database.chmod(0o644)
    assert f"chmod 600 '{database}'" in imported("doctor").out


@pytest.mark.parametrize("name", ["it's; $(here)", "-rf"])
def test_the_cure_for_an_open_database_is_a_command_whatever_its_name(
    imported: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert imported("backup", "copy.db").status == 0
    path = Path("copy.db").rename(name)
    path.chmod(0o644)
    findings = json.loads(imported("doctor", "--json", "--db", name).out)["findings"]
    (cure,) = [one["cure"] for one in findings if one["check"] == "privacy"]
    subprocess.run(["sh", "-c", cure], check=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_database_whose_name_cannot_be_copied_is_closed_by_doctor(imported: Command, tmp_path: Path) -> None:
    path = tmp_path / "a\nb.db"
    assert imported("backup", tmp_path / "copy.db").status == 0
    (tmp_path / "copy.db").rename(path)
    path.chmod(0o644)
    assert "chmod" not in imported("doctor", "--db", path).out
    assert "-> delegation-telemetry doctor --fix" in imported("doctor", "--db", path).out


def test_settings_come_from_flag_environment_file_and_default_in_this_order(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used() -> str:
        findings = json.loads(command("doctor", "--json").out)["findings"]
        text: str = findings[0]["text"]
        return text.partition(":")[0]

    assert used().endswith("delegation-telemetry/telemetry.db")
    config = home / ".config" / "delegation-telemetry" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'db = "{tmp_path}/file.db"\n')
    assert used() == f"{tmp_path}/file.db"
    monkeypatch.setenv("DELEGATION_TELEMETRY_DB", f"sqlite:///{tmp_path}/environment.db")
    assert used() == f"{tmp_path}/environment.db"
    command("import", SAMPLES / "stopped", "--db", tmp_path / "flag.db")
    findings = json.loads(command("doctor", "--db", tmp_path / "flag.db", "--json").out)["findings"]
    assert findings[0]["text"].startswith(f"{tmp_path}/flag.db:")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("dbb = 'x'", "sets dbb; known settings are", id="an unknown setting"),
        pytest.param("db = ", "cannot be read", id="no TOML"),
        pytest.param("[[budgets]]\nusd = 0", "setting 'budgets.0.usd'", id="a budget of nothing"),
        pytest.param("[[budgets]]\nusd = nan", "[[budgets]] with usd = 5.0", id="a budget of no number"),
        pytest.param("[[budgets]]\nper = 'day'", "Field required", id="a budget without a sum"),
        pytest.param("[[budgets]]\nusd = 1\nper = 'week'", "'day' or 'delegation'", id="a budget for a week"),
        pytest.param("[[budgets]]\nusd = 1\nagent = 'x'", "'budgets.0.agent'", id="an unknown part of a budget"),
        pytest.param("budgets = 5", "a budget is written as [[budgets]]", id="a budget that is a number"),
        pytest.param("content = 'some'", "setting 'content' is 'some'", id="a value that is not allowed"),
    ],
)
def test_a_bad_settings_file_is_named(command: Command, home: Path, text: str, complaint: str) -> None:
    config = home / ".config" / "delegation-telemetry" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(text)
    done = command("log")
    assert done.status == 1
    assert complaint in done.err
    assert "config.toml" in done.err


def test_insights_are_told_with_size_change_and_evidence(imported: Command, home: Path) -> None:
    config = home / ".config" / "delegation-telemetry" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[[budgets]]\nusd = 0.01\nper = "delegation"\nagent_type = "Explore"\n')
    done = imported("insights", "--since", "2025-01-01", "--kind", "budget", "--limit", "1")
    assert done.status == 0
    head, _, finding = done.out.partition("\n\n")
    assert "9 delegations, 0 of them verified" in head
    lines = finding.splitlines()
    assert re.fullmatch(r"1\. budget \(\$0\.0\d+\)", lines[0])
    assert "Explore spent $0.0379 in one delegation" in lines[1]
    assert lines[2] == "   -> look at the dearest of them, or raise the budget"
    assert lines[3].startswith("   see ")
    assert "1 of 2 findings" in done.err
    answer = json.loads(imported("insights", "--since", "2025-01-01", "--json").out)
    assert {one["kind"] for one in answer["insights"]} >= {"waste", "budget", "verdicts"}


def test_insights_never_count_evidence_that_they_do_not_list(command: Command, tmp_path: Path) -> None:
    spans = tmp_path / "spans.jsonl"
    lost = {"session_id": "s", "status": "lost", "kind": "delegation", "agent_type": "one", "cost_usd": 0.1}
    began = datetime.now(UTC).isoformat()
    spans.write_text("".join(json.dumps(lost | {"span_id": f"d{n}", "started_at": began}) + "\n" for n in range(30)))
    assert command("import", spans).status == 0
    told = command("insights", "--kind", "waste").out
    assert "30 of 30 delegations to one" in told
    assert re.search(r"see d\d+, d\d+, d\d+ and others$", told, re.MULTILINE)


def test_insights_of_nothing_are_a_sentence(command: Command) -> None:
    done = command("insights")
    assert (done.status, done.err) == (0, "")
    assert "no delegation started in this period" in done.out


def test_content_metadata_stores_no_text(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELEGATION_TELEMETRY_CONTENT", "metadata")
    command("import", SAMPLES)
    spans = [json.loads(line) for line in command("export").out.splitlines()]
    assert spans
    assert {(span["task"], span["output"]) for span in spans} == {(None, None)}
    assert sum(span["input_tokens"] or 0 for span in spans) > 0


def test_a_newer_schema_is_refused_with_both_numbers(command: Command, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "new.db")
    connection.execute("pragma user_version = 999")
    connection.close()
    done = command("log", "--db", tmp_path / "new.db")
    assert done.status == 1
    assert "schema 999 is newer than" in done.err


@pytest.mark.parametrize("wrong", [("nan",), ("0.5", "--name", " ")], ids=["no number", "no name"])
def test_a_judgement_that_says_nothing_is_wrong_usage(imported: Command, wrong: tuple[str, ...]) -> None:
    done = imported("reward", "0190d9e810d331b7", *wrong)
    assert (done.status, "Traceback" in done.err) == (2, False)


def test_what_is_exported_can_be_read_by_its_user_alone(imported: Command, tmp_path: Path) -> None:
    imported("export", "-o", tmp_path / "spans.jsonl")
    assert stat.S_IMODE((tmp_path / "spans.jsonl").stat().st_mode) == 0o600


def test_nobody_prunes_the_future(imported: Command) -> None:
    done = imported("prune", "--older-than", "2999-01-01", "--yes")
    assert (done.status, "would remove everything" in done.err) == (1, True)
