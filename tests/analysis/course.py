"""The course of a session, written deed by deed; a second passes with each."""

import json
from typing import Any, Final

from mcp_server.analysis.evidence.conclusions import rewards
from storage.records import Reward, Span
from storage.vocabulary import Source, SpanKind, Status
from tests.conclusions import rule_of
from tests.factories import a_span, at

SESSION: Final = "session-1"
MAIN: Final = "main"


class Course:
    """What happens in one session."""

    def __init__(self) -> None:
        self.now = 0
        self._runs: dict[str, dict[str, Any]] = {}
        self._calls: list[Span] = []
        self._run(MAIN, kind=SpanKind.SESSION, parent_span_id=None, agent_type="main", task="Do it.")

    def begin(self, name: str, task: str | None = None, parent: str = MAIN, **told: Any) -> "Course":
        """A delegation starts; until it ends it runs."""
        self._run(name, parent_span_id=parent, task=task or f"The job that is called {name}.", **told)
        return self

    def end(self, name: str, output: str | None = "Done.", status: Status = Status.OK, **told: Any) -> "Course":
        """A run ends."""
        self.now += 1
        self._runs[name] |= {"ended_at": at(self.now), "output": output, "status": status, **told}
        return self

    def edit(self, by: str, path: str = "src/app.py", old: str = "", new: str = "a line") -> "Course":
        """An agent edits a file."""
        return self._call(by, "Edit", {"file_path": f"/home/user/{path}", "old_string": old, "new_string": new})

    def shell(self, by: str, command: str, status: int = 0, output: str = "") -> "Course":
        """An agent runs a command line."""
        if status == 0:
            return self._call(by, "Bash", {"command": command}, output=output)
        told = f"Exit code {status}\n{output}"
        return self._call(by, "Bash", {"command": command}, output=told, status=Status.ERROR, error=told)

    def use(self, by: str, tool: str, output: str = "", **used: Any) -> "Course":
        """An agent uses any tool."""
        return self._call(by, tool, used, output=output)

    def edited_by(self, name: str, *paths: str, **told: Any) -> "Course":
        """A delegation from its start to its end, with edits."""
        self.begin(name, **told)
        for path in paths or ("src/app.py",):
            self.edit(name, path, new=f"by {name} in {path}")
        return self.end(name)

    def spans(self) -> list[Span]:
        """All of it."""
        return [*(a_span(**fields) for fields in self._runs.values()), *self._calls]

    def rewards(self) -> list[Reward]:
        """What must be concluded from it."""
        return rewards(SESSION, self.spans())

    def concluded(self) -> set[tuple[str, float, str | None]]:
        """(delegation or `main`, value, rule); of a session that ends where it stands now."""
        return {(one.span_id or MAIN, one.value, rule_of(one)) for one in self.rewards()}

    def _run(self, name: str, /, **told: Any) -> None:
        self.now += 1
        running = {"status": Status.RUNNING, "started_at": at(self.now), "source": Source.CAPTURED}
        self._runs[name] = {"span_id": name, "session_id": SESSION, **running, **told}

    def _call(self, by: str, tool: str, used: dict[str, Any], **told: Any) -> "Course":
        self.now += 1
        fields = {"status": Status.OK, "started_at": at(self.now), "ended_at": at(self.now + 0.5), **told}
        self._calls.append(
            a_span(
                span_id=f"call-{self.now}",
                session_id=SESSION,
                parent_span_id=by,
                kind=SpanKind.TOOL_CALL,
                name=tool,
                task=json.dumps(used),
                source=Source.CAPTURED,
                **fields,
            )
        )
        return self
