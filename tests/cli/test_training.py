"""What `export` writes to train on or to judge by, over the sample sessions that the package ships."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.cli.targets import file_name
from tests.cli.conftest import Command

NESTED = "58f86e92-a4e4-4f11-b80b-20fb1dba6c52"
OUTER = "240c31c8f511bf40"  # a general-purpose agent below the main one
INNER = "0190d9e810d331b7"  # an Explore agent below that one
PINNED = Path(__file__).parent / "snapshots" / "nested_triplets.jsonl"

Row = dict[str, Any]


def rows(command: Command, *options: str | Path, form: str = "triplets") -> list[Row]:
    done = command("export", "--format", form, *options)
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def agents(found: list[Row]) -> set[str]:
    return {row["metadata"]["agent_type"] for row in found}


def rewards(found: list[Row]) -> dict[tuple[str, int], float | None]:
    return {(row["metadata"]["agent_type"], row["metadata"]["position"]): row["reward"] for row in found}


def test_the_triplets_of_a_session_are_those_pinned(imported: Command) -> None:
    """Set UPDATE_SNAPSHOTS=1 to write what is exported now; the difference is for a reviewer."""
    imported("reward", INNER, "0.8", "--reason", "the claims hold")
    text = imported("export", "--format", "triplets", "--session", NESTED).out
    if os.environ.get("UPDATE_SNAPSHOTS"):
        PINNED.parent.mkdir(exist_ok=True)
        PINNED.write_text(text, encoding="utf-8")
    assert text == PINNED.read_text(encoding="utf-8")


def test_what_was_pinned_reads_back_as_conversations_that_end_with_what_each_agent_delivered(imported: Command) -> None:
    spans = {row["span_id"]: row for row in rows(imported, "--session", NESTED, form="spans")}
    said: dict[str, list[Row]] = {}
    for line in PINNED.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert set(row) == {"prompt", "response", "reward", "metadata"}
        run = spans[row["metadata"]["agent_span_id"]]
        assert spans[row["metadata"]["span_id"]]["kind"] == "llm_call"
        assert row["prompt"][0] == {"role": "user", "content": run["task"]}
        so_far = said.get(run["span_id"], row["prompt"])
        assert row["prompt"][: len(so_far)] == so_far, "a prompt goes on where the answer before it ended"
        asked = [call["id"] for message in row["prompt"] for call in message.get("tool_calls", ())]
        answered = [message["tool_call_id"] for message in row["prompt"] if message["role"] == "tool"]
        assert sorted(asked) == sorted(answered)
        said[run["span_id"]] = [*row["prompt"], row["response"]]
    runs = {span_id for span_id, span in spans.items() if span["kind"] in {"session", "delegation"}}
    assert {span_id: messages[-1]["content"] for span_id, messages in said.items()} == {
        span_id: spans[span_id]["output"] for span_id in runs
    }


def test_a_trajectory_is_the_last_triplet_of_its_run_as_one_conversation(imported: Command) -> None:
    merged = rows(imported, form="trajectories")
    last = {row["metadata"]["agent_span_id"]: row for row in rows(imported)}
    assert [row["metadata"]["agent_span_id"] for row in merged] == list(last)
    for row in merged:
        triplet = last[row["metadata"]["agent_span_id"]]
        assert row["messages"] == [*triplet["prompt"], triplet["response"]]
        assert row["reward"] == triplet["reward"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param((), [None, 1.0], id="by default the last answer"),
        pytest.param(("--reward-policy", "every"), [1.0, 1.0], id="every answer"),
        pytest.param(("--reward-policy", "session"), [0.25, 0.25], id="every answer, that of the session"),
    ],
)
def test_a_verdict_shows_at_once_by_the_policy_that_each_row_names(
    imported: Command, policy: tuple[str, ...], expected: list[float | None]
) -> None:
    assert set(rewards(rows(imported, *policy)).values()) == {None}
    imported("reward", INNER, "1", "--source", "verifier")
    imported("reward", NESTED, "0.25")
    found = rows(imported, "--session", NESTED, "--agent-match", "Explore", *policy)
    assert [row["reward"] for row in found] == expected
    assert {row["metadata"]["reward_policy"] for row in found} == {policy[-1] if policy else "last"}
    source = "human" if "session" in policy else "verifier"
    assert {row["metadata"]["reward_source"] for row in found if row["reward"] is not None} == {source}


def test_a_keyword_changes_no_row(imported: Command) -> None:
    before = rows(imported)
    imported("reward", INNER, "1", "--source", "keyword")
    assert rows(imported) == before


def test_rewards_may_be_taken_from_some_agents_only(imported: Command) -> None:
    for target in (OUTER, INNER):
        imported("reward", target, "1")
    found = rewards(rows(imported, "--session", NESTED, "--reward-agent-match", "^Explore$"))
    assert {agent for (agent, _), reward in found.items() if reward is not None} == {"Explore"}
    assert len(found) == 6


def test_an_agent_pattern_means_the_agent_itself_or_all_below_it(imported: Command) -> None:
    outer = ("--session", NESTED, "--agent-match", "^general")
    assert agents(rows(imported, *outer)) == {"general-purpose"}
    assert agents(rows(imported, *outer, "--agent-mode", "ancestor")) == {"general-purpose", "Explore"}
    kept = rows(imported, *outer, "--agent-mode", "ancestor", form="spans")
    assert {span["agent_type"] for span in kept} == {"general-purpose", "Explore"}
    assert {span["kind"] for span in kept} == {"delegation", "llm_call", "tool_call"}


def test_a_row_that_lacks_earlier_messages_says_so(imported: Command) -> None:
    prompts = {row["metadata"]["span_id"]: row["metadata"]["prompt"] for row in rows(imported, "--session", NESTED)}
    # What the user says later in a session is not recorded, so only its first prompt is surely complete.
    assert list(prompts.values()) == ["complete", "partial", "complete", "complete", "complete", "complete"]


def test_one_file_for_each_agent_holds_its_rows_and_nothing_else(imported: Command, tmp_path: Path) -> None:
    folder = tmp_path / "by agent"
    done = imported("export", "--format", "triplets", "--split-by", "agent_type", "-o", folder)
    assert done.status == 0
    assert done.out == ""
    whole = rows(imported)
    found = {file.name: [json.loads(line) for line in file.read_text().splitlines()] for file in folder.iterdir()}
    assert found == {
        file_name(agent): [row for row in whole if row["metadata"]["agent_type"] == agent] for agent in agents(whole)
    }
    assert found.keys() >= {"checker.jsonl", "main.jsonl"}
    assert imported("export", "--split-by", "agent_type", "-o", folder).status == 1, "it overwrites nothing"
    assert imported("export", "--split-by", "agent_type", "-o", tmp_path / "spans").status == 0


@example(["Explore", "explore"])
@example(["a/b", "a:b"])
@given(st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=2, unique=True))
def test_no_two_agents_share_a_file_and_none_leaves_the_folder(pair: list[str]) -> None:
    names = [file_name(agent) for agent in pair]
    assert len({name.lower() for name in names}) == 2
    for name in names:
        assert Path(name).name == name
        assert name.isascii()
        assert not name.startswith(".")
        assert len(name) <= 120


def test_times_restrict_rows_by_the_start_of_their_run(imported: Command) -> None:
    session = ("--session", NESTED)
    start = "2026-11-20T13:01:33.156000Z"
    assert agents(rows(imported, *session, "--since", start)) == {"general-purpose", "Explore"}
    assert agents(rows(imported, *session, "--until", start)) == {"main"}
    assert rows(imported, "--since", "2030-01-01") == rows(imported, "--until", "2001-01-01") == []


@pytest.mark.parametrize("option", ["--agent-match", "--reward-agent-match"])
@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        pytest.param("(", "no regular expression", id="unbalanced"),
        pytest.param("((a{1000}){1000}){1000}", "repeats too often", id="would fill memory"),
        pytest.param("x" * 201, "201 characters", id="endless"),
    ],
)
def test_a_bad_pattern_is_refused_by_its_name_before_anything_is_read(
    command: Command, option: str, pattern: str, complaint: str
) -> None:
    done = command("export", "--format", "triplets", option, pattern)
    assert done.status == 1
    assert done.out == ""
    assert f"{option[2:].replace('-', '_')} " in done.err
    assert complaint in done.err


@pytest.mark.parametrize("options", [("--format", "triplets"), ("--format", "trajectories"), ("--llm-judge-format",)])
def test_an_empty_database_has_no_rows(command: Command, options: tuple[str, ...]) -> None:
    done = command("export", *options)
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("0 ")


def test_a_refused_question_leaves_no_file_behind_and_an_empty_answer_does(command: Command, tmp_path: Path) -> None:
    assert command("export", "--agent-match", "(", "-o", tmp_path / "rows").status == 1
    assert not (tmp_path / "rows").exists()
    assert command("export", "-o", tmp_path / "rows").status == 0
    assert (tmp_path / "rows").read_text() == ""


def test_an_unknown_session_is_an_error_and_not_an_empty_file(imported: Command) -> None:
    for options in ((), ("--format", "triplets"), ("--llm-judge-format",)):
        done = imported("export", *options, "--session", "nope")
        assert done.status == 1
        assert "no session 'nope'" in done.err


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--format", "triplets", "--kind", "session"), id="kinds of span, for rows"),
        pytest.param(("--reward-policy", "every"), id="a policy, for spans"),
        pytest.param(("--reward-agent-match", "x"), id="whose rewards, for spans"),
        pytest.param(("--llm-judge-format", "--agent-match", "x"), id="agents, for a judge"),
        pytest.param(("--llm-judge-format", "--format", "spans"), id="two formats"),
        pytest.param(("--split-by", "agent_type"), id="several files, and no folder"),
        pytest.param(("-o", "."), id="a folder, and one file"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(command: Command, options: tuple[str, ...]) -> None:
    done = command("export", *options)
    assert done.status == 2
    assert done.out == ""


def test_a_judge_gets_the_likeliest_culprits_with_what_they_were_asked_and_answered(imported: Command) -> None:
    def cases() -> dict[str, Row]:
        lines = imported("export", "--llm-judge-format").out.splitlines()
        return {row["session_id"]: row for row in map(json.loads, lines)}

    imported("reward", NESTED, "0.1")
    case = cases()[NESTED]
    assert (case["task"], case["output"]) == ("Do it. [[script:main]]", "Nested done.")
    assert case["outcome"] == {"value": 0.1, "source": "human"}
    assert {found["span_id"] for found in case["candidates"]} == {OUTER, INNER}
    assert sum(found["probability"] for found in case["candidates"]) == pytest.approx(1)
    inner = next(found for found in case["candidates"] if found["span_id"] == INNER)
    assert (inner["task"], inner["output"]) == ("Inner job. [[script:inner]]", "Inner report.")
    assert inner["observation"] == "README.md\nsrc"
    assert all(len(found["candidates"]) <= 3 for found in cases().values())
    imported("reward", NESTED, "1")
    assert NESTED not in cases(), "nobody is to blame for a success"
