"""Life and death of the server process."""

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from tests.serving.wire import SCRIPT, Server
from tests.stores import new_folder

DATABASE = Path(".local/share/delegation-telemetry/telemetry.db")
MINIMAL = {"agent_type": "reviewer", "task": "Review it"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def lasting() -> Iterator[Server]:
    """One for all that must not end it: a process takes a second to start."""
    with new_folder() as home, Server(home) as running:
        yield running


def assert_whole(database: Path, spans: int) -> None:
    """The store was closed: nothing waits beside the file, which is sound and holds what was acknowledged."""
    assert not database.with_name("telemetry.db-wal").exists()
    connection = sqlite3.connect(database)
    assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
    assert connection.execute("select count(*) from span").fetchone() == (spans,)
    connection.close()


def test_end_of_input_ends_it_with_the_store_closed(server: Server, tmp_path: Path) -> None:
    server.call("record_spans", spans=[MINIMAL])
    server.stdin.close()
    assert server.ended() == 0
    assert server.said() == ""
    assert_whole(tmp_path / DATABASE, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_the_store_closed(server: Server, tmp_path: Path, number: signal.Signals) -> None:
    server.call("record_spans", spans=[MINIMAL])
    server.process.send_signal(number)
    assert server.ended() == 0
    assert server.said() == ""
    assert_whole(tmp_path / DATABASE, 1)


def test_a_client_that_no_longer_reads_ends_it_quietly(server: Server) -> None:
    server.call("get_stats")
    server.stdout.close()
    server.send("tools/call", {"name": "get_stats", "arguments": {}})
    server.stdin.close()
    assert server.ended() == 0
    assert "Traceback" not in server.said()


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"this is not json", id="no JSON"),
        pytest.param(b"", id="an empty line"),
        pytest.param(b'[{"jsonrpc":"2.0","id":5,"method":"ping"}]', id="a batch"),
        pytest.param(b'{"jsonrpc":"2.0","id":6,"method":"ping","params":{"x":"\xff\xfe"}}', id="bad UTF-8"),
        pytest.param(b'{"jsonrpc":"2.0","id":null,"method":"ping"}', id="no id"),
        pytest.param(b'{"jsonrpc":"2.0","id":424242,"result":{}}', id="an answer nobody asked for"),
    ],
)
def test_garbage_on_the_wire_is_survived(lasting: Server, frame: bytes) -> None:
    lasting.write(frame)
    assert not lasting.call("get_stats")["isError"]


def test_a_number_that_is_none_is_refused(lasting: Server) -> None:
    before = lasting.call("get_stats")["structuredContent"]
    lasting.write(
        b'{"jsonrpc":"2.0","id":"none","method":"tools/call","params":{"name":"record_spans","arguments":'
        b'{"spans":[{"agent_type":"x","task":"t","cost_usd":NaN,"reward":Infinity}]}}}'
    )
    answer = lasting.wait_for("none")
    assert "error" in answer or answer["result"]["isError"]
    assert lasting.call("get_stats")["structuredContent"] == before


def test_ten_megabytes_of_text_are_cut_and_kept(lasting: Server) -> None:
    answer = lasting.call("record_spans", spans=[MINIMAL | {"output": "x" * 10_000_000}])
    assert not answer["isError"]


def test_nothing_but_answers_is_on_stdout_and_nothing_on_stderr(server: Server) -> None:
    server.text("record_spans", spans=[{"agent_type": ""}])
    server.text("get_trajectory", session_id="nope")
    assert server.said() == ""


def test_the_session_of_the_client_is_the_current_one(tmp_path: Path) -> None:
    environment = {"CLAUDE_CODE_SESSION_ID": "from-the-client", "CLAUDE_PROJECT_DIR": "/home/user/project"}
    with Server(tmp_path, environment) as server:
        recorded = server.call("record_spans", spans=[MINIMAL])["structuredContent"]["results"][0]
        shown = server.call("get_trajectory", detail="full")["structuredContent"]
    assert recorded["session_id"] == shown["session_id"] == "from-the-client"
    assert shown["spans"][0]["project"] == "/home/user/project"


def test_a_repeated_call_of_claude_code_is_known_by_its_tool_use_id(lasting: Server) -> None:
    def record(tool_use_id: str) -> str:
        params = {
            "name": "record_spans",
            "arguments": {"spans": [MINIMAL]},
            "_meta": {"claudecode/toolUseId": tool_use_id, "progressToken": 2},
        }
        result: str = lasting.request("tools/call", params)["result"]["structuredContent"]["results"][0]["result"]
        return result

    assert [record("toolu_1"), record("toolu_1"), record("toolu_2")] == ["created", "unchanged", "created"]


@pytest.mark.anyio
# All other tests here speak the handshake era.
@pytest.mark.parametrize("mode", ["auto", pytest.param("legacy", marks=pytest.mark.slow)])
async def test_a_real_client_is_answered_in_both_eras(tmp_path: Path, mode: str) -> None:
    parameters = StdioServerParameters(command=str(SCRIPT), args=["serve"], env={"HOME": str(tmp_path)})
    async with Client(parameters, mode=mode) as client:
        assert {"record_spans", "get_trajectory"} <= {tool.name for tool in (await client.list_tools()).tools}
        answer = await client.call_tool("record_spans", {"spans": [MINIMAL]})
        assert not answer.is_error
