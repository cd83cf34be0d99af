"""What does one hook event cost the user's session, for each way in which it can reach us?

The client waits for its hooks, so both count: CPU time (theirs and what they start) and waiting. Measured with one
event at a time, as the client sends most of them.

- a file in the spool, by the script that the plugin ships; and what its answers add, where a server has left advice:
  the table at a session's start, a prompt to which nothing is new, a delegation, and one whose model is set (`auto`)
- a direct insert, by the smallest Python program that can do it: no package of ours, one statement
- a direct insert through our own store: redacted, and safe under many writers
- a call of the tool `record_claude_code_event` of a running server: what a hook of type `mcp_tool` does; the work is
  the server's, and the time is what the client would wait

    python benchmarks/hooks.py
    python benchmarks/hooks.py --sessions 5     # and whole sessions of the real client, with and without the plugin
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from measuring import HERE, Clock, Report, arguments
from wire import OURS, Server

from mcp_server.service.hook_files import HookFiles

_SCRIPT: Final = HERE.parent / "claude_config" / "hooks" / "record.sh"
_PAYLOAD: Final = {
    "session_id": "11111111-1111-4111-8111-111111111111",
    "transcript_path": "/nowhere/11111111-1111-4111-8111-111111111111.jsonl",
    "cwd": "/home/user/project",
    "hook_event_name": "SubagentStop",
    "agent_type": "general-purpose",
    "last_assistant_message": "word " * 800,
}
_DELEGATION: Final = {"tool_name": "Agent", "tool_input": {"prompt": "word " * 800}, "tool_use_id": "toolu_1"}
_SMALLEST: Final = """
import json, sqlite3, sys
event = json.load(sys.stdin)
with sqlite3.connect(sys.argv[1], timeout=5) as connection:
    connection.execute("create table if not exists event (body text)")
    connection.execute("insert into event values (?)", (json.dumps(event),))
"""
_OWN: Final = """
import json, os, sys, anyio
from datetime import UTC, datetime
from mcp_server.ingest.claude_code.hook_events import event_of
from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.texts import TextKeeper
from storage.opening import open_store
from storage.queries import Batch
async def keep():
    store = open_store(sys.argv[1])
    event = event_of(json.load(sys.stdin), TextKeeper(Redactor(os.environ)), datetime.now(UTC))
    await store.add(Batch(events=[event]))
    await store.close()
anyio.run(keep)
"""
_DELEGATIONS: Final = 10


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--events", type=int, default=60, help="events for each way (default: 60)")
    parser.add_argument("--sessions", type=int, default=0, help="sessions of the real client, with and without")
    given = parser.parse_args()
    report = Report(given, "what does one hook event cost the user's session?")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        _events(report, Path(temporary), given.events)
        if given.sessions:
            _sessions(report, Path(temporary), given.sessions)
    report.save()


def _events(report: Report, folder: Path, count: int) -> None:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "CLAUDE_PID": str(os.getpid())}
    floor = Clock("a shell that does nothing", _children_cpu_s)
    script = Clock("a file in the spool (shipped)", _children_cpu_s)
    smallest = Clock("direct insert, smallest Python program", _children_cpu_s)
    own = Clock("direct insert through our store", _children_cpu_s)
    answers = _answers(folder)
    with Server(OURS, db=folder / "served.db") as server:
        call = Clock("a call of record_claude_code_event", server.cpu_s)
        for number in range(count):
            payload = _PAYLOAD | {"agent_id": f"a{number:016x}"}
            _run(floor, ["sh", "-c", "cat >/dev/null"], payload, environment)
            _run(script, ["sh", str(_SCRIPT)], payload, environment)
            for clock, event, more in answers:
                _run(
                    clock,
                    ["sh", str(_SCRIPT), event],
                    _DELEGATION | payload | {"hook_event_name": event},
                    environment | more,
                )
            _run(smallest, [sys.executable, "-IS", "-c", _SMALLEST, str(folder / "x.db")], payload, environment)
            _run(own, [sys.executable, "-c", _OWN, str(folder / "y.db")], payload, environment)
            with call.lap():
                server.call("record_claude_code_event", {"event": payload})
    for clock in (script, *(clock for clock, _, _ in answers), smallest, own, call):
        report.timing(clock, floor)
    left = len(list((folder / ".local/share/delegation-telemetry/spool").iterdir()))
    report.amount("events in the spool afterwards", left, "events")


def _answers(folder: Path) -> list[tuple[Clock, str, dict[str, str]]]:
    """What the script answers to, and with which settings; the files for it are left where it looks."""
    now = datetime.now(UTC)
    files = HookFiles(folder / ".local/share/delegation-telemetry/routing")
    files.write(
        text="x" * 1_199, revision="r", models={"general-purpose": "haiku"}, now=now, until=now + timedelta(days=1)
    )
    auto = {"DELEGATION_TELEMETRY_ROUTING": "auto", "CLAUDE_PROJECT_DIR": str(HERE)}
    return [
        (Clock("and the table (SessionStart)", _children_cpu_s), "SessionStart", {}),
        (Clock("and nothing new (UserPromptSubmit)", _children_cpu_s), "UserPromptSubmit", {}),
        (Clock("and nothing to set (PreToolUse)", _children_cpu_s), "PreToolUse", {}),
        (Clock("and a model (PreToolUse, auto)", _children_cpu_s), "PreToolUse", auto),
    ]


def _run(clock: Clock, command: Sequence[str], payload: Mapping[str, object], environment: Mapping[str, str]) -> None:
    given = json.dumps(payload).encode()
    with clock.lap():
        subprocess.run(command, input=given, env=dict(environment), check=True, stdout=subprocess.DEVNULL)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sessions(report: Report, folder: Path, count: int) -> None:
    sys.path.insert(0, str(HERE.parent))
    from tests.claude_code.live.playing import play  # noqa: PLC0415 - only where it is asked for
    from tests.claude_code.live.script import Scenario, Step, delegate, working  # noqa: PLC0415
    from tests.isolation import SYSTEM_PATH  # noqa: PLC0415

    names = [f"job{number}" for number in range(_DELEGATIONS)]
    main = tuple(Step(uses=(delegate(name),)) for name in names)
    scripts = {"main": (*main, Step("All done.")), **{name: working("Done.") for name in names}}
    scenario, plugin = Scenario(name="ten", scripts=scripts, delegations=()), HERE.parent / "claude_config"
    with_server = {"PATH": f"{Path(OURS[0]).parent}:{SYSTEM_PATH}"}
    without = Clock("a session of ten delegations, without the plugin")
    hooks = Clock("the same, with its hooks; its server cannot be found")
    whole = Clock("the same, with its hooks and its server")
    for number in range(count):
        for place, (clock, chosen, environment) in enumerate(
            ((without, None, {}), (hooks, plugin, {}), (whole, plugin, with_server))
        ):
            started, used = time.perf_counter(), _children_cpu_s()
            play(scenario, "2.1.329", folder / f"{number}-{place}", plugin=chosen, environment=environment)
            clock.seconds.append(time.perf_counter() - started)
            clock.cpu_s += _children_cpu_s() - used
    for clock in (hooks, whole):
        report.timing(clock, without)
    events = 4 * _DELEGATIONS + 4
    report.amount("events in such a session", events, "events")
    report.amount("added wall time per event, hooks alone", (hooks.mean_ms - without.mean_ms) / events, "ms")
    report.amount("added CPU time per event, hooks alone", (hooks.cpu_ms - without.cpu_ms) / events, "ms")
    report.amount("added wall time per session, server", whole.mean_ms - hooks.mean_ms, "ms")
    report.amount("added CPU time per session, server", whole.cpu_ms - hooks.cpu_ms, "ms")


if __name__ == "__main__":
    main()
