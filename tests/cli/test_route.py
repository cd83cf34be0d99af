"""`route` says who should do a task; `export --decisions` what was said, and what followed."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

TASK = "Find where tokens are refreshed"


def test_a_suggestion_is_printed_for_people(imported: Command) -> None:
    done = imported("route", TASK, "--complexity", "low")
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "not enough data to say"
    assert "10 are needed" in lines[1]
    assert lines[2] == "task: search (words), complexity low (caller)"
    assert any(line.startswith("agent ") for line in lines)
    assert any(line.startswith("verify: ") for line in lines)


def test_an_empty_database_is_no_error(command: Command) -> None:
    done = command("route", TASK)
    assert done.status == 0
    assert "no arm is known" in done.out


def test_json_is_the_object_that_the_tool_returns(imported: Command) -> None:
    answer = json.loads(imported("route", TASK, "--json", "--candidate", "Explore@opus", "--candidate", "Plan").out)
    arms = {(one["agent_type"], one["model"]) for one in answer["alternatives"]}
    assert arms == {("Explore", "claude-opus-5-5"), ("Plan", None)}, "an alias is the model that it stood for"
    assert answer["decision_id"]


@pytest.mark.parametrize("options", [("--complexity", "huge"), ("--candidate", "@opus"), ("--max-cost-usd", "-1")])
def test_wrong_usage_is_told(command: Command, options: tuple[str, ...]) -> None:
    assert command("route", TASK, *options).status == 2


def test_decisions_are_exported_as_spans(imported: Command) -> None:
    told = json.loads(imported("route", TASK, "--json").out)
    done = imported("export", "--decisions")
    assert done.err == "1 decision written\n"
    row = json.loads(done.out)
    assert (row["span_id"], row["kind"], row["name"]) == (told["decision_id"], "tool_call", "suggest_routing")
    assert row["task"] == TASK
    attributes = row["attributes"]
    assert attributes["mcp.route_decision.v1.decision"] == "not_enough_data"
    assert attributes["mcp.route_decision.v1.candidates"][0]["p_best"] <= 1
    assert {name.rpartition("v1.")[0] for name in attributes} == {"mcp.route_decision."}
    assert set(row) == set(json.loads(imported("export").out.splitlines()[0]))


@pytest.mark.parametrize("session_id", [None, "s"])
def test_decisions_are_no_spans_and_an_import_says_so(
    imported: Command, tmp_path: Path, session_id: str | None
) -> None:
    imported("route", TASK)
    written = tmp_path / "decisions.jsonl"
    row = json.loads(imported("export", "--decisions").out)
    written.write_text(json.dumps(row | {"session_id": session_id}) + "\n")
    done = imported("import", written)
    assert (done.status, done.out.startswith("0 spans new, 0 updated")) == (0, True)
    assert done.err.startswith("1 routing decision passed over: ")
    assert "could not be read" not in done.err


@pytest.mark.parametrize("options", [("--format", "spans"), ("--llm-judge-format",), ("--kind", "session")])
def test_decisions_are_a_format_of_their_own(imported: Command, options: tuple[str, ...]) -> None:
    assert imported("export", "--decisions", *options).status == 2


def test_where_no_text_is_kept_none_is_remembered(imported: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELEGATION_TELEMETRY_CONTENT", "metadata")
    imported("route", TASK)
    assert json.loads(imported("export", "--decisions").out)["task"] is None
