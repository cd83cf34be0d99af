"""Playing a scenario with the real client, and what it leaves behind."""

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.claude_code.live import clients
from tests.claude_code.live.endpoint import Request, read_log
from tests.claude_code.live.script import Scenario
from tests.claude_code.live.stage import Exit, Play
from tests.isolation import ROOT, SYSTEM_PATH, isolated


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is there after a play. All of it lies in `folder`, which may be played in again."""

    scenario: Scenario
    version: str
    folder: Path
    exits: Sequence[Exit]
    """One for each start of the client."""
    requests: Sequence[Request]
    """What the model was asked, as its endpoint saw it, in all plays in this folder."""

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.folder / "home"

    @property
    def project(self) -> Path:
        """The working directory of the client."""
        return self.folder / "project"

    @property
    def config(self) -> Path:
        """The client's own folder."""
        return self.home / ".claude"

    @property
    def transcripts(self) -> Path:
        """The client's folder of transcripts."""
        return self.config / "projects"

    def asked(self, *scripts: str) -> list[Request]:
        """The requests of conversations that follow one of these scripts."""
        return [request for request in self.requests if request.script in scripts]


def play(
    scenario: Scenario,
    version: str,
    folder: Path,
    plugin: Path | None = None,
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Run:
    """Run the client offline, in a home of its own, until the scenario is over.

    Args:
        scenario: what is played.
        version: of the client; the test is skipped where it cannot be installed or isolated.
        folder: where all files of the play go; a play in the same folder goes on with the same home and project.
        plugin: a plugin to load from its folder.
        arguments: further arguments of the client.
        environment: further variables of its environment, which is otherwise empty; `PATH` is `SYSTEM_PATH`.
        settings: the project's settings.
    """
    command = clients.command(version)
    folder.mkdir(parents=True, exist_ok=True)
    plugged = () if plugin is None else ("--plugin-dir", str(plugin))
    planned = Play(
        scenario=scenario,
        version=version,
        command=command,
        arguments=(*plugged, *arguments),
        environment=environment or {},
        settings=settings,
    )
    (folder / "play.pickle").write_bytes(pickle.dumps(planned))
    staging = isolated(sys.executable, "-m", "tests.claude_code.live.stage", str(folder.resolve()))
    done = subprocess.run(
        staging,
        cwd=ROOT,
        env={"PATH": SYSTEM_PATH, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    exits = [Exit(**one) for one in json.loads((folder / "exits.json").read_text(encoding="utf-8"))]
    requests = read_log(folder / "requests.jsonl")
    return Run(scenario=scenario, version=version, folder=folder, exits=exits, requests=requests)
