"""`doctor` says what keeps sessions from being recorded by themselves, and what to do about it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.claude_code import hooked
from tests.cli.conftest import SAMPLES, Command

SCRIPT: Final = Path(__file__).parents[2] / "claude_config" / "hooks" / "record.sh"
PLUGIN: Final = "delegation-telemetry@somewhere"


def findings(command: Command, *arguments: str) -> dict[str, dict[str, Any]]:
    told = json.loads(command("doctor", "--json", *arguments).out)["findings"]
    return {finding["check"]: finding for finding in told}


def settle(home: Path, **settings: object) -> None:
    (home / ".claude").mkdir(exist_ok=True)
    (home / ".claude" / "settings.json").write_text(json.dumps(settings))


def fire(home: Path, **event: object) -> None:
    payload = {"session_id": "11111111-1111-4111-8111-111111111111", "hook_event_name": "SessionStart", **event}
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "CLAUDE_PID": "4194999"}
    subprocess.run(["sh", SCRIPT], input=json.dumps(payload).encode(), env=environment, check=True)


def test_a_missing_plugin_is_named_with_the_two_commands_that_install_it(command: Command, home: Path) -> None:
    found = findings(command)["plugin"]
    assert found["state"] == "warning"
    assert "claude plugin install delegation-telemetry" in found["cure"]


def test_an_installed_plugin_must_be_enabled(command: Command, home: Path) -> None:
    settle(home, enabledPlugins={PLUGIN: False})
    assert findings(command)["plugin"]["cure"] == f"claude plugin enable {PLUGIN}"
    settle(home, enabledPlugins={PLUGIN: True})
    assert findings(command)["plugin"]["state"] == "ok"


def test_hooks_that_are_all_switched_off_are_named(command: Command, home: Path) -> None:
    settle(home, enabledPlugins={PLUGIN: True}, disableAllHooks=True)
    assert "disableAllHooks" in findings(command)["plugin"]["text"]


def test_hooks_in_the_users_own_settings_count(command: Command, home: Path) -> None:
    hook = {"type": "command", "command": 'sh "/somewhere/claude_config/hooks/record.sh"'}
    settle(home, hooks={"Stop": [{"hooks": [hook]}]})
    assert findings(command)["plugin"]["state"] == "ok"


def test_hooks_that_never_fire_are_noticed_until_they_do(command: Command, home: Path) -> None:
    settle(home, enabledPlugins={PLUGIN: True})
    assert "none has ever come" in findings(command)["events"]["text"]
    fire(home)
    assert findings(command)["spool"]["text"].startswith("1 event waiting, the oldest for")
    command("log")
    found = findings(command)
    assert "SessionStart" in found["events"]["text"]
    assert found["spool"]["text"].startswith("nothing waits")


def test_fix_takes_in_what_waits_and_closes_the_database_to_others(imported: Command, home: Path) -> None:
    database = home / ".local" / "share" / "delegation-telemetry" / "telemetry.db"
    database.chmod(0o644)
    fire(home)
    found = findings(imported, "--fix")
    assert (found["privacy"]["state"], found["spool"]["text"][:13]) == ("ok", "nothing waits")
    assert database.stat().st_mode & 0o777 == 0o600


def test_a_client_of_a_version_that_was_never_tried_is_named(imported: Command, home: Path) -> None:
    assert findings(imported)["client"]["state"] == "ok"
    sample = next((SAMPLES / "nested").rglob("*.jsonl"))
    newer = sample.read_text().replace(sample.stem, "33333333-3333-4333-8333-333333333333")
    newer = newer.replace("2.1.329", "3.0.0").replace("2026-11-20", "2026-11-21")
    (home / "33333333-3333-4333-8333-333333333333.jsonl").write_text(newer)
    imported("import", home)
    assert "claude-code/3.0.0" in findings(imported)["client"]["text"]


def test_a_second_database_is_named(imported: Command, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    imported("import", "--db", other, SAMPLES / "stopped")
    assert "telemetry.db exists too" in findings(imported, "--db", other)["databases"]["text"]


def test_it_says_what_hooks_tell_and_for_how_long(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert findings(command)["routing"]["text"].startswith("advise: hooks have nothing to tell yet")
    folder = hooked.posted(home, models={"Explore": "opus"}, left=timedelta(days=3, minutes=1))
    text = f"a table for the model and models for agents (not used in this mode) in {folder}, good for 3 days"
    assert findings(command)["routing"] == {"check": "routing", "state": "ok", "text": f"advise: {text}", "cure": None}
    hooked.posted(home, left=timedelta(days=-2))
    (folder / "models").unlink(missing_ok=True)
    found = findings(command)["routing"]
    assert (found["state"], found["text"][-44:]) == (
        "warning",
        "for hooks ran out 2 days ago, so they are silent"[-44:],
    )
    hooked.configured(home, 'routing = "off"')
    assert findings(command)["routing"]["text"].startswith("off:")
    monkeypatch.setenv("DELEGATION_TELEMETRY_ROUTING", "auto")
    assert findings(command)["routing"]["text"].startswith("auto:")


def test_a_demo_leaves_alone_what_hooks_have_left(home: Path) -> None:
    fire(home)
    waiting = list((home / ".local" / "share" / "delegation-telemetry" / "spool").iterdir())
    script = Path(sys.executable).parent / "delegation-telemetry"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    told = subprocess.run([script, "demo"], env=environment, capture_output=True, text=True, check=True).stdout
    assert all(f"> {tool} " in told for tool in ("get_trajectory", "get_credit", "get_stats", "search_delegations"))
    assert list((home / ".local" / "share" / "delegation-telemetry").rglob("*")) == [waiting[0].parent, *waiting]


def test_sums_that_were_never_made_are_named_and_made_when_asked(imported: Command, home: Path) -> None:
    database = home / ".local" / "share" / "delegation-telemetry" / "telemetry.db"
    assert findings(imported)["sums"]["state"] == "ok"
    told = imported("stats", "--json").out
    for mend in ("--rebuild", "--fix"):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("update rollup_state set built = 0")
            connection.execute("delete from rollup_period")
            connection.commit()
        assert findings(imported)["sums"]["cure"] == "delegation-telemetry doctor --rebuild"
        assert imported("stats", "--json").out == told, "until then they are counted from the spans"
        assert findings(imported, mend)["sums"]["state"] == "ok"
        assert imported("stats", "--json").out == told


def test_a_rebuild_says_that_it_was_done(imported: Command) -> None:
    assert "summed up anew" in imported("doctor", "--rebuild").out
    assert "summed up anew" not in imported("doctor").out


def test_a_text_that_cannot_be_read_keeps_nothing_else_from_being_looked_at(imported: Command, home: Path) -> None:
    checks = findings(imported).keys()
    with closing(sqlite3.connect(home / ".local" / "share" / "delegation-telemetry" / "telemetry.db")) as connection:
        newest = "select max(id) from span where kind = 'delegation'"
        connection.execute(f"update span_text set task = x'00ff' where id = ({newest})")
        connection.commit()
    found = findings(imported)
    assert [check for check, one in found.items() if one["state"] == "problem"] == ["task types"]
    assert found.keys() == checks
