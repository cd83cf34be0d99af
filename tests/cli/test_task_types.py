"""Types of tasks: guessed where nobody states one, by the user's rules first, and never taken for a statement."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SAMPLES, Command

TASKS = {
    "stated": {"task": "Review the parser", "task_type": "audit"},
    "guessed": {"task": "Review the change of src/app.py"},
    "silent": {"task": "lunch?"},
}


def exported(command: Command) -> dict[str, dict[str, Any]]:
    return {span["span_id"]: span for span in map(json.loads, command("export").out.splitlines())}


def by_type(command: Command) -> dict[str | None, dict[str, Any]]:
    groups = json.loads(command("stats", "--by", "task_type", "--json").out)["groups"]
    return {group["key"]["task_type"]: group for group in groups}


def configure(home: Path, text: str) -> None:
    config = home / ".config" / "delegation-telemetry" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(text)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Three delegations as an older export tells them, which did not guess yet."""
    path = tmp_path / "told.jsonl"
    common = {
        "session_id": "s", "kind": "delegation", "agent_type": "a", "status": "ok", "started_at": "2026-11-20T12:00:00Z"
    }  # fmt: skip
    lines = (json.dumps({"span_id": span_id, **common, **said}) for span_id, said in TASKS.items())
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_statistics_take_the_stated_type_else_the_guess_and_count_the_guesses(command: Command, told: Path) -> None:
    command("import", told)
    groups = by_type(command)
    assert {key: (group["n"], group["guessed_type_n"]) for key, group in groups.items()} == {
        "audit": (1, 0), "review": (1, 1), None: (1, 0),
    }  # fmt: skip
    assert "guessed_type_n" not in json.loads(command("stats", "--json").out)["groups"][0]


def test_captured_sessions_have_types_and_what_says_nothing_has_none(command: Command) -> None:
    command("import", SAMPLES)
    delegations = [span for span in exported(command).values() if span["kind"] == "delegation"]
    expected = Counter(span["task_type"] or span["guessed_type"] for span in delegations)
    assert {key: group["n"] for key, group in by_type(command).items()} == expected
    assert len(expected) > 1
    assert {span["guessed_by"] for span in delegations if span["guessed_type"]} == {"words/1"}
    assert not any(span["complexity"] for span in delegations)  # never a guess


def test_rules_of_the_user_come_first(command: Command, home: Path, told: Path) -> None:
    configure(home, '[task_types]\nkitchen = ["lunch", "dinner"]\n"code reading" = "review.*py"\n')
    command("import", told)
    assert set(by_type(command)) == {"audit", "code reading", "kitchen"}
    assert exported(command)["silent"]["guessed_by"] == "user_rule"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("task_types = 'x'", "setting 'task_types' is 'x'; it must be a table", id="no table"),
        pytest.param("[task_types]\nx = 1", "'task_types.x' is 1; it must be a regular expression", id="no pattern"),
        pytest.param("[task_types]\nx = ''", "'task_types.x' is ''; it must be", id="an empty one, found everywhere"),
        pytest.param("[task_types]\nx = '('", "'task_types.x' is '(': it is no regular", id="not a regular one"),
        pytest.param("[task_types]\nBig = 'x'", "a type is written in lower case", id="a type in capitals"),
        pytest.param(f"[task_types]\n{'x' * 41} = 'x'", "at most 40 characters", id="a type too long"),
    ],
)
def test_a_bad_rule_is_named_with_what_is_allowed(command: Command, home: Path, text: str, complaint: str) -> None:
    configure(home, text)
    done = command("log")
    assert done.status == 1
    assert complaint in done.err
    assert "config.toml" in done.err


def test_without_content_the_same_types_are_known(
    command: Command, tmp_path: Path, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", SAMPLES, told)
    with_content = by_type(command)
    monkeypatch.setenv("DELEGATION_TELEMETRY_CONTENT", "metadata")
    monkeypatch.setenv("DELEGATION_TELEMETRY_DB", str(tmp_path / "other.db"))
    command("import", SAMPLES, told)
    assert by_type(command) == with_content
    assert all(span["task"] is None for span in exported(command).values())


def test_what_is_exported_comes_back_as_it_was(
    command: Command, home: Path, tmp_path: Path, told: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("import", SAMPLES, told)
    before = exported(command)
    copy = tmp_path / "copy.jsonl"
    copy.write_text(command("export").out)
    configure(home, '[task_types]\nany = "."\n')  # what guesses otherwise now
    monkeypatch.setenv("DELEGATION_TELEMETRY_DB", str(tmp_path / "other.db"))
    command("import", copy)
    after = exported(command)
    fields = ("task_type", "guessed_type", "guessed_by", "complexity")
    assert [[span[name] for name in fields] for span in after.values()] == [
        [span[name] for name in fields] for span in before.values()
    ]


def test_a_guess_can_be_told_from_a_statement(command: Command, told: Path) -> None:
    command("import", told)
    found = json.loads(command("log", "--json").out)["delegations"]
    assert {one["span_id"]: (one.get("task_type"), one.get("task_type_origin")) for one in found} == {
        "stated": ("audit", "caller"), "guessed": ("review", "words"), "silent": (None, None),
    }  # fmt: skip


def test_doctor_guesses_what_nobody_guessed_yet(command: Command, told: Path) -> None:
    told.write_text(told.read_text().replace('"task":', '"guessed_type": null, "task":'))
    command("import", told)
    assert set(by_type(command)) == {"audit", None}
    command("doctor", "--fix")
    assert set(by_type(command)) == {"audit", "review", None}


def test_doctor_compares_guesses_with_stated_types_with_and_without_the_users_rules(
    command: Command, home: Path, tmp_path: Path
) -> None:
    told = tmp_path / "told.jsonl"
    common = {
        "session_id": "s", "kind": "delegation", "agent_type": "a", "status": "ok", "started_at": "2026-11-20T12:00:00Z"
    }  # fmt: skip
    said = [("Review the parser", "review")] * 3 + [("Plan the release", "release")] * 20 + [("lunch?", "search")]
    lines = [
        json.dumps({"span_id": str(n), **common, "task": task, "task_type": kind})
        for n, (task, kind) in enumerate(said)
    ]
    told.write_text("".join(f"{line}\n" for line in lines))

    def finding() -> dict[str, Any]:
        found = json.loads(command("doctor", "--json").out)["findings"]
        return next(one for one in found if one["check"] == "task types")

    assert finding()["text"].startswith("no delegation has both")
    command("import", told)
    ours = "3 of 23 guesses are the same (kappa 0.12), 1 cannot be guessed"
    assert (finding()["state"], finding()["text"]) == ("warning", f"of 24 stated ones, {ours}")
    assert "[task_types]" in finding()["cure"]
    configure(home, '[task_types]\nrelease = "release"\n')
    theirs = "23 of 23 guesses are the same (kappa 1.00), 1 cannot be guessed"
    assert finding()["state"] == "ok"
    assert finding()["text"] == f"of 24 stated ones, {theirs}; without your own rules, {ours}"
