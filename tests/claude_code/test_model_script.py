"""In the mode `auto` a hook gives a delegation the model that the server has named, and overrides nobody's choice.

Python's own JSON is the judge of what the script makes of an event.
"""

import json
import os
import shutil
import string
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.ingest.claude_code.hook_events import ModelSet, event_of, model_set
from tests.claude_code import captured, hooked
from tests.claude_code.hooked import answer, configured, letters, posted

SCRIPT: Final = hooked.SCRIPT.with_name("model.awk")
MODELS: Final = {"general-purpose": "haiku", "Explore": "sonnet", "checker": "opus"}
CALL: Final = {"description": "Survey", "prompt": "Look around."}
AWKS: Final = [path for name in ("mawk", "gawk", "original-awk", "bwk") if (path := shutil.which(name))] or ["awk"]
NAMED_AWKS: Final = os.environ.get("DELEGATION_TELEMETRY_TEST_AWKS", "").split()


def event(call: Mapping[str, Any] = CALL, /, **more: Any) -> dict[str, Any]:
    return {
        **hooked.SESSION,
        "prompt_id": "p",
        "effort": {"level": "medium"},
        "hook_event_name": "PreToolUse",
        "tool_name": "Agent",
        "tool_input": dict(call),
        "tool_use_id": "toolu_1",
        **more,
    }


def asked(home: Path, call: Mapping[str, Any] = CALL, /, **environment: str) -> dict[str, Any] | None:
    """The input that the call gets; None where it is left as it is."""
    return changed(answer(home, "PreToolUse", event(call), DELEGATION_TELEMETRY_ROUTING="auto", **environment))


def changed(output: bytes) -> dict[str, Any] | None:
    if not output:
        return None
    told = json.loads(output)["hookSpecificOutput"]
    assert told.keys() == {"hookEventName", "updatedInput"}, "a permission is not ours to give"
    assert told["hookEventName"] == "PreToolUse"
    found: dict[str, Any] = told["updatedInput"]
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home for which a server has named some models."""
    posted(tmp_path, models=MODELS)
    return tmp_path


def test_a_call_without_a_model_gets_it_with_its_whole_input(home: Path) -> None:
    call = {**CALL, "subagent_type": "Explore", "run_in_background": True, "nested": {"model": [1, {"model": None}]}}
    assert asked(home, call) == {**call, "model": "sonnet"}


def test_an_agent_that_is_not_named_is_the_general_one(home: Path) -> None:
    assert asked(home) == {**CALL, "model": "haiku"}


def test_what_was_set_is_told(home: Path) -> None:
    call = {**CALL, "subagent_type": "Explore"}
    hostile = {"session_id": 's "1"', "transcript_path": "C:\\Users\\ü\\s.jsonl"}
    answer(home, "PreToolUse", event(call, **hostile), DELEGATION_TELEMETRY_ROUTING="auto")
    events = [
        event_of(one.payload or {}, captured.VERBATIM, one.at, process_id=one.process_id) for one in letters(home)
    ]
    (found,) = [one for one in map(model_set, events) if one is not None]
    assert found == ModelSet(found.event_id, 's "1"', found.at, "toolu_1", "Explore", "sonnet")
    assert {one.process_id for one in events} == {4711}


def test_only_what_was_set_is_told(home: Path) -> None:
    asked(home, {**CALL, "model": "opus"})
    assert [one.payload["hook_event_name"] for one in letters(home) if one.payload] == ["PreToolUse"]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({**CALL, "model": "opus"}, id="the call names a model"),
        pytest.param({**CALL, "model": None}, id="or none on purpose"),
        pytest.param({**CALL, "subagent_type": "fork"}, id="a fork"),
        pytest.param({**CALL, "subagent_type": "Plan"}, id="no model is known to be best"),
        pytest.param({**CALL, "subagent_type": "checker"}, id="nobody knows how the agent is defined"),
        pytest.param({**CALL, "subagent_type": "demo:checker"}, id="an agent of a plugin"),
        pytest.param({**CALL, "subagent_type": ["Explore"]}, id="a type that is no text"),
        pytest.param({**CALL, "subagent_type": ""}, id="a type that is empty"),
    ],
)
def test_a_choice_that_was_made_holds(home: Path, call: dict[str, Any]) -> None:
    assert asked(home, call) is None


@pytest.mark.parametrize("name", ["CLAUDE_CODE_SUBAGENT_MODEL", "CLAUDE_CODE_SUBAGENT_MODEL_FORCE"])
def test_the_clients_own_setting_holds(home: Path, name: str) -> None:
    assert asked(home, **{name: "opus"}) is None
    assert asked(home, **{name: ""}) is not None


@pytest.mark.parametrize("tool", ["SendMessage", "TaskStop", "Skill", "Workflow", "Task", "Bash"])
def test_only_the_tool_that_delegates_is_answered(home: Path, tool: str) -> None:
    """`Task` is what clients called it with which none of this was tried."""
    told = answer(home, "PreToolUse", event(tool_name=tool), DELEGATION_TELEMETRY_ROUTING="auto")
    assert told == b""


@pytest.mark.parametrize("routing", ["advise", "off", ""])
def test_in_no_other_mode_is_a_model_set(home: Path, routing: str) -> None:
    assert answer(home, "PreToolUse", event(), DELEGATION_TELEMETRY_ROUTING=routing) == b""


def test_the_mode_may_stand_in_the_configuration(home: Path) -> None:
    configured(home, 'routing = "auto"\n')
    assert changed(answer(home, "PreToolUse", event())) == {**CALL, "model": "haiku"}
    assert answer(home, "PreToolUse", event(), DELEGATION_TELEMETRY_ROUTING="off") == b""


def test_what_is_stale_or_gone_sets_nothing(home: Path) -> None:
    posted(home, models=MODELS, left=timedelta(minutes=-1))
    assert asked(home) is None
    posted(home, models=MODELS)
    (home / hooked.DATA / "routing" / "models").unlink()
    assert asked(home) is None


@pytest.mark.parametrize(
    "table",
    [
        "",
        "models 2\ngeneral-purpose haiku\n",
        "models 1\n",
        "models 1\ngeneral-purpose\n",
        "models 1\ngeneral-purpose ha,i\n",
        "models 1\ngeneral-purpose claude-haiku-5-5\n",
        "models 1\ngeneral-purpose haiku extra\n",
    ],
)
def test_a_table_that_is_not_understood_sets_nothing(home: Path, table: str) -> None:
    path = home / hooked.DATA / "routing" / "models"
    path.write_text(table)
    in_a_day = (datetime.now(UTC) + timedelta(days=1)).timestamp()
    os.utime(path, (in_a_day, in_a_day))
    assert asked(home) is None


def define(folder: Path, text: str, name: str = "checker.md") -> None:
    (folder / ".claude/agents" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / ".claude/agents" / name).write_text(text, encoding="utf-8")


OF_CHECKER: Final = {**CALL, "subagent_type": "checker"}


@pytest.mark.parametrize(
    ("text", "is_set"),
    [
        pytest.param(
            "---\nname: checker\ndescription: Checks.\n---\nmodel: haiku is no choice here\n", True, id="none"
        ),
        pytest.param("---\nname: checker\nmodel: haiku\n---\n", False, id="one"),
        pytest.param("---\nmodel: inherit\nname: 'checker'\n---\n", False, id="inherited on purpose"),
        pytest.param('---\r\nname: "checker" # mine\r\n"model" : haiku\r\n---\r\n', False, id="otherwise written"),
        pytest.param("\ufeff---\nname: checker\nmodel: haiku\n---\n", False, id="with a byte order mark"),
        pytest.param("---\n{name: checker, model: haiku}\n---\n", False, id="in braces"),
        pytest.param("---\nname: >-\n  checker\nmodel: haiku\n---\n", False, id="in a block"),
        pytest.param("---\nname: other\nmodel: haiku\n---\n", False, id="another agent's: nobody knows this one"),
        pytest.param("checker\nmodel: haiku\n", False, id="no definition"),
    ],
)
def test_an_agents_definition_may_choose_a_model(home: Path, text: str, *, is_set: bool) -> None:
    project = home / "a project"
    define(project, text)
    assert (asked(home, OF_CHECKER, project=str(project)) is not None) is is_set


@pytest.mark.parametrize("name", ["any name.md", "deeper/x.md", "three/folders/down/x.md"])
@pytest.mark.parametrize("place", ["the project", "above it", "the user's", "the configured one"])
def test_a_definition_is_found_wherever_the_client_looks(home: Path, place: str, name: str) -> None:
    project = home / "above" / "project"
    project.mkdir(parents=True)
    settled = home / "settled"
    folders = {"the project": project, "above it": home / "above", "the user's": home}
    choosing = "---\nname: general-purpose\nmodel: opus\n---\n"
    if place == "the configured one":
        (settled / "agents" / name).parent.mkdir(parents=True)
        (settled / "agents" / name).write_text(choosing)
    else:
        define(folders[place], choosing, name)
    environment = {"CLAUDE_CONFIG_DIR": str(settled)} if place == "the configured one" else {}
    assert asked(home, project=str(project), **environment) is None
    other = home / "other project"
    other.mkdir()
    if place in ("the project", "above it"):
        assert asked(home, project=str(other)) is not None


def test_an_unknown_agent_of_two_definitions_is_safe_if_one_chooses(home: Path) -> None:
    project = home / "project"
    define(project, "---\nname: checker\n---\n", "a.md")
    assert asked(home, OF_CHECKER, project=str(project)) == {**OF_CHECKER, "model": "opus"}
    define(project, "---\nname: checker\nmodel: sonnet\n---\n", "b.md")
    assert asked(home, OF_CHECKER, project=str(project)) is None


# What the script makes of any event, without the shell around it.


@pytest.fixture(scope="module", params=[*AWKS, *NAMED_AWKS])
def awk(request: pytest.FixtureRequest) -> list[str]:
    """Every implementation that is there."""
    return [str(request.param), "awk"] if str(request.param).endswith("busybox") else [str(request.param)]


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").write_text("models 1\ngeneral-purpose haiku\n")
        yield Path(folder)


def ran(awk: list[str], place: Path, text: str) -> dict[str, Any] | None:
    """What comes of an event, given as text; it is told exactly if anything comes of it."""
    (place / "letter").unlink(missing_ok=True)
    (place / "event").write_bytes(b"event 1 7\n" + text.encode() + b"\n.\n")
    command = [*awk, "-f", str(SCRIPT), str(place / "event"), str(place / "models"), str(place / "letter")]
    environment = {"LC_ALL": "C", "PATH": hooked.SYSTEM_PATH}
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)
    found = changed(done.stdout)
    assert (place / "letter").exists() is (found is not None)
    return found


TEXTS: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('{}[]",:\\ ue09', max_size=12)
NAMES: Final = st.sampled_from(
    ["model", "prompt", "description", "tool_input", "subagent_type", "mod\\u0065l", 'mod"el', ""]
) | st.text(string.ascii_letters + '{}":\\', max_size=6)
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
CALLS: Final = st.dictionaries(NAMES.filter(lambda name: name not in ("model", "subagent_type")), VALUES, max_size=5)
AROUND: Final = st.dictionaries(NAMES.filter(lambda name: name != "tool_input"), VALUES, max_size=3)
WRITTEN: Final = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :  ")])}
)


@settings(max_examples=150, deadline=None)
@given(call=CALLS, before=AROUND, after=AROUND, written=WRITTEN)
@example(call={}, before={}, after={}, written={})
@example(call={"prompt": '"tool_input":{"model":"x"}\\'}, before={"x": '"tool_input":{'}, after={}, written={})
@example(call={"a\u0081": 1}, before={}, after={"cwd": "\\"}, written={"ensure_ascii": True})
def test_any_event_is_read_as_python_reads_it(
    awk: list[str],
    place: Path,
    call: dict[str, Any],
    before: dict[str, Any],
    after: dict[str, Any],
    written: dict[str, Any],
) -> None:
    whole = {**before, "hook_event_name": "PreToolUse", "tool_input": call, "tool_name": "Agent", **after}
    text = json.dumps(whole, **written)
    read = json.loads(text)
    found = ran(awk, place, text)
    escaped = "\\" in "".join(
        json.dumps(name, ensure_ascii=written.get("ensure_ascii", True)) for name in [*whole, *call]
    )
    assert found == (None if escaped else {**read["tool_input"], "model": "haiku"})


@settings(max_examples=150, deadline=None)
@given(
    call=CALLS,
    damage=st.sampled_from(["{", "}", "[", "]", ",", ":", '"', "\\", "1", "null", " ", "", "\n"]),
    data=st.data(),
)
def test_a_damaged_event_is_left_alone_or_read_as_python_reads_it(
    awk: list[str], place: Path, call: dict[str, Any], damage: str, data: st.DataObject
) -> None:
    text = json.dumps(event(call))
    at = data.draw(st.integers(0, len(text)))
    taken = data.draw(st.integers(0, 3))
    text = text[:at] + damage + text[at + taken :]
    try:
        # What a control character or an unknown escape within a text means is no question of its limits.
        read = json.loads(text, strict=False)
    except ValueError as error:
        found = None if "escape" in str(error) else ran(awk, place, text)
        assert found is None
        return
    found = ran(awk, place, text)
    assert found is None or found == {**read["tool_input"], "model": "haiku"}


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_half_an_event_is_left_alone(awk: list[str], place: Path, cut: int) -> None:
    text = json.dumps(event())
    assert ran(awk, place, text[: min(cut, len(text) - 1)]) is None


HEAD: Final = '{"hook_event_name":"PreToolUse","tool_name":"Agent"'


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEAD + ',"tool_input":{"model":"x"},"tool_input":{}}', id="said twice"),
        pytest.param(HEAD + ',"tool_input":{"mod\\u0065l":"opus"}}', id="an escaped key"),
        pytest.param(HEAD + ',"tool_input":{"a":1,"a":2}}', id="a key twice"),
        pytest.param(HEAD + ',"tool_input":[{}]}', id="a list"),
        pytest.param(HEAD + ',"tool_input":"{}"}', id="a text"),
        pytest.param(HEAD + "}", id="no input"),
        pytest.param("[" + HEAD + ',"tool_input":{}}]', id="in a list"),
        pytest.param(HEAD + ',"x":{"tool_input":{}}}', id="deeper down"),
        pytest.param('{"hook_event_name":"PreToolUse",\n"tool_name":"Agent","tool_input":{}}', id="in two lines"),
        pytest.param(HEAD + ',"tool_input":{"n":01}}', id="no number"),
        pytest.param(HEAD + ',"tool_input":{"n":[1}}}', id="brackets that do not fit"),
        pytest.param(HEAD + ',"tool_input":{}} {}', id="and more"),
    ],
)
def test_what_is_not_understood_entirely_is_left_alone(awk: list[str], place: Path, text: str) -> None:
    assert ran(awk, place, text) is None


def test_a_long_prompt_arrives_whole_and_one_beyond_all_measure_is_left_alone(awk: list[str], place: Path) -> None:
    call = {**CALL, "prompt": 'He said: "{\\" ü ' * 5_000}
    assert ran(awk, place, json.dumps(event(call))) == {**call, "model": "haiku"}
    assert ran(awk, place, json.dumps(event({**CALL, "prompt": "x" * 300_000}))) is None


def test_what_cannot_be_told_is_not_set(awk: list[str], place: Path) -> None:
    (place / "event").write_text(f"event 1 7\n{json.dumps(event())}\n.\n")
    command = [*awk, "-f", str(SCRIPT), str(place / "event"), str(place / "models"), str(place / "nowhere/letter")]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, env={"PATH": hooked.SYSTEM_PATH})
    assert done.stdout == b""
