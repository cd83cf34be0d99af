"""Where settings come from."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mcp_server.settings import load


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        pytest.param({"CLAUDE_CONFIG_DIR": "/etc/claude"}, "/etc/claude", id="told"),
        pytest.param({"CLAUDE_CONFIG_DIR": "~/claude"}, "{home}/claude", id="told from home on"),
        pytest.param({"CLAUDE_CONFIG_DIR": ""}, "{home}/.claude", id="told nothing"),
        pytest.param({}, "{home}/.claude", id="at home"),
        pytest.param(
            {"CLAUDE_CONFIG_DIR": "/etc/claude", "DELEGATION_TELEMETRY_CLAUDE_CONFIG": "/srv/claude"},
            "/srv/claude",
            id="ours before the client's own",
        ),
    ],
)
def test_where_the_client_keeps_its_files(
    environment: Mapping[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "DELEGATION_TELEMETRY_CLAUDE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load({}).claude_config == Path(folder.format(home=tmp_path))
