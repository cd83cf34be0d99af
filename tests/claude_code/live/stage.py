"""Plays a scenario with the client, inside a network namespace that has nothing but loopback.

It is started by `playing.play`, as `python -m tests.claude_code.live.stage FOLDER`; FOLDER/play.pickle says what to do.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.claude_code.live import terminal
from tests.claude_code.live.endpoint import Endpoint
from tests.claude_code.live.happenings import Happenings
from tests.claude_code.live.script import TOOL_RUNS, Launch, Scenario
from tests.isolation import close_off

LIMIT_S: Final = 90.0
_HEADLESS: Final = ("-p", "--output-format", "stream-json", "--verbose")
_ALWAYS: Final = ("--dangerously-skip-permissions",)
_GIT: Final = ("git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main")
_FILES: Final = {"README.md": "# Demo\n", "src/app.py": "def add(a, b):\n    return a + b\n\n# TODO: subtract\n"}


_LOOKS: Final = 250
_LOOK_S: Final = 0.02


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A scenario, and how the client is to be started for it."""

    scenario: Scenario
    version: str
    command: list[str]
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    settings: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How one start of the client ended."""

    session_id: str
    status: int
    """As a shell would not say it: negative where a signal ended it."""
    stdout: str = field(repr=False)
    """On a terminal, all that was written to it."""
    stderr: str = field(repr=False)


class Stage:
    """The folders of a play, and what goes on in them."""

    def __init__(self, folder: Path, play: Play) -> None:
        """Lay out the folders. A home and a project that are there from an earlier play stay as they are."""
        self.folder = folder
        self.play = play
        self.home, self.project = folder / "home", folder / "project"
        self.happenings = Happenings()
        self._sessions: list[str] = []
        for path in (self.home / ".claude", self.project / ".claude", folder / "tmp"):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("started", "never"):
            if not (folder / name).exists():
                os.mkfifo(folder / name)
        self._furnish()

    def run(self) -> list[Exit]:
        """Start the client as often as the scenario says, one after the other."""
        threading.Thread(target=self._listen, daemon=True).start()
        folders = {"project": str(self.project), "stage": str(self.folder)}
        try:
            with Endpoint(self.play.scenario, self.folder / "requests.jsonl", self.happenings, folders) as endpoint:
                return [self._launch(launch, endpoint.url) for launch in self.play.scenario.launches]
        finally:
            # Whoever still waits there reads the end of the file, and ends.
            os.close(os.open(self.folder / "never", os.O_RDWR))

    def _furnish(self) -> None:
        for path, content in {**_FILES, **self.play.scenario.files}.items():
            target = self.project / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(content, encoding="utf-8")
        if self.play.settings is not None:
            settings = json.dumps(self.play.settings)
            (self.project / ".claude" / "settings.json").write_text(settings, encoding="utf-8")
        if not (self.project / ".git").exists():
            for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "Begin")):
                subprocess.run([*_GIT, *command], cwd=self.project, check=True, env=self._environment(""))
        state = {
            "hasCompletedOnboarding": True,
            "lastOnboardingVersion": self.play.version,
            "theme": "dark",
            "numStartups": 3,
            "bypassPermissionsModeAccepted": True,
            "customApiKeyResponses": {"approved": ["dummy"], "rejected": []},
            "projects": {str(self.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
        }
        if not (self.home / ".claude.json").exists():
            (self.home / ".claude.json").write_text(json.dumps(state), encoding="utf-8")

    def _listen(self) -> None:
        """Note each time that a tool says it runs."""
        while True:
            if (self.folder / "started").read_bytes():
                self.happenings.note(TOOL_RUNS)

    def _launch(self, launch: Launch, url: str) -> Exit:
        self.happenings.forget(TOOL_RUNS)
        if launch.resumes:
            session = ("--resume", self._sessions[-1])
        else:
            self._sessions.append(str(uuid.uuid4()))
            session = ("--session-id", self._sessions[-1])
        mode = _HEADLESS if launch.keys is None else ()
        command = [*self.play.command, *mode, *_ALWAYS, *session, *self.play.arguments, *launch.arguments]
        command += ["--", launch.prompt]
        if launch.keys is not None:
            status, shown = terminal.run(
                command, launch.keys, self.happenings, cwd=self.project, environment=self._environment(url)
            )
            return Exit(session_id=self._sessions[-1], status=status, stdout=shown, stderr="")
        return self._headless(command, launch, self._environment(url))

    def _headless(self, command: list[str], launch: Launch, environment: Mapping[str, str]) -> Exit:
        with subprocess.Popen(
            command, cwd=self.project, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace", start_new_session=True,
        ) as client:  # fmt: skip
            if launch.signal is not None:
                threading.Thread(target=self._send, args=(client, launch.signal), daemon=True).start()
            try:
                stdout, stderr = client.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(client.pid, signal.SIGKILL)
                stdout, stderr = client.communicate()
        return Exit(session_id=self._sessions[-1], status=client.returncode, stdout=stdout, stderr=stderr)

    def _send(self, client: subprocess.Popen[str], number: signal.Signals) -> None:
        if self.happenings.wait(TOOL_RUNS):
            self._await_lines()
            client.send_signal(number)

    def _await_lines(self) -> None:
        """Until an agent's use of a tool is in its transcript: of what a killed client never wrote nobody can know."""
        waiting = threading.Event()
        for _ in range(_LOOKS):
            transcripts = (self.home / ".claude" / "projects").rglob("agent-*.jsonl")
            if any(b'"tool_use_id"' in content or b'"tool_use"' in content for content in map(_content, transcripts)):
                return
            waiting.wait(_LOOK_S)

    def _environment(self, url: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(self.home),
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "dummy",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_TMPDIR": str(self.folder / "tmp"),
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            "IS_SANDBOX": "1",  # else the client refuses to run as root without asking for permissions
            **self.play.scenario.environment,
            **self.play.environment,
        }


def main() -> None:
    """Play what the folder's `play.pickle` says, and leave `exits.json` there."""
    close_off()
    folder = Path(sys.argv[1])
    play: Play = pickle.loads((folder / "play.pickle").read_bytes())
    exits = Stage(folder, play).run()
    (folder / "exits.json").write_text(json.dumps([asdict(one) for one in exits]), encoding="utf-8")


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
