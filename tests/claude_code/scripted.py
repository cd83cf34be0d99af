"""Transcripts written for a test, line by line, as the client would write them."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

SESSION: Final = "11111111-1111-4111-8111-111111111111"
OTHER_SESSION: Final = "22222222-2222-4222-8222-222222222222"
AGENT: Final = "a0123456789abcdef"
OTHER_AGENT: Final = "afedcba9876543210"
NEWEST: Final = "2.1.329"
MODEL: Final = "claude-opus-5-5"
START: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
_lines = itertools.count(1)
USAGE: Final = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100}


class Transcript:
    """The lines of one thread, a second apart; those of an agent follow each other faster."""

    def __init__(
        self, session_id: str = SESSION, *, agent_id: str | None = None, version: str = NEWEST, start: datetime = START
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self._session_id = session_id
        self._agent_id = agent_id
        self._version = version
        self._now = start if agent_id is None else start + timedelta(seconds=2)
        self._tick = timedelta(seconds=1) if agent_id is None else timedelta(milliseconds=100)
        self._numbers = 0

    def raw(self, **line: Any) -> Self:
        """A line as it is."""
        self.lines.append(line)
        return self

    def line(self, kind: str, **fields: Any) -> Self:
        """A line of some type with what every line has."""
        self._now += self._tick
        stamp = self._now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        common: dict[str, Any] = {
            "type": kind,
            "uuid": f"00000000-0000-4000-8000-{next(_lines):012x}",
            "sessionId": self._session_id,
            "timestamp": stamp,
            "cwd": "/home/user/project",
            "gitBranch": "main",
            "version": self._version,
        }
        if self._agent_id is not None:
            common |= {"agentId": self._agent_id, "isSidechain": True}
        return self.raw(**(common | fields))

    def asked(self, text: str, **fields: Any) -> Self:
        """Somebody's words."""
        return self.line("user", message={"role": "user", "content": text}, **fields)

    def answered(
        self,
        *content: dict[str, Any] | str,
        message_id: str | None = None,
        usage: dict[str, Any] | None = None,
        stop_reason: str | None = "end_turn",
        model: str = MODEL,
        **fields: Any,
    ) -> Self:
        """A model's words, or its uses of tools; one line for each, as one message."""
        self._numbers += 1
        message_id = message_id or f"msg_{self._agent_id or self._session_id}_{self._numbers}"
        for block in content:
            message = {
                "id": message_id,
                "model": model,
                "role": "assistant",
                "content": [{"type": "text", "text": block} if isinstance(block, str) else block],
                "stop_reason": stop_reason,
                "usage": USAGE if usage is None else usage,
            }
            self.line("assistant", message=message, **fields)
        return self

    def used(self, tool_use_id: str, tool: str = "Bash", **used: Any) -> Self:
        """A use of a tool, as a message of its own."""
        return self.answered(
            {"type": "tool_use", "id": tool_use_id, "name": tool, "input": used}, stop_reason="tool_use"
        )

    def result(self, tool_use_id: str, text: Any = "done", *, is_error: bool = False, **fields: Any) -> Self:
        """What a tool answered."""
        block = {"type": "tool_result", "tool_use_id": tool_use_id, "content": text, "is_error": is_error}
        return self.line("user", message={"role": "user", "content": [block]}, **fields)

    def delegated(self, tool_use_id: str, prompt: str, agent_type: str = "general-purpose", **used: Any) -> Self:
        """A use of the tool that delegates."""
        return self.used(tool_use_id, "Agent", description="Some job", prompt=prompt, subagent_type=agent_type, **used)

    def delivered(self, tool_use_id: str, agent_id: str, report: str, **told: Any) -> Self:
        """The answer to a foreground delegation."""
        answer = {
            "status": "completed",
            "agentId": agent_id,
            "agentType": "general-purpose",
            "content": [{"type": "text", "text": report}],
            "totalDurationMs": 1500,
            "totalTokens": 115,
        }
        return self.result(tool_use_id, report, toolUseResult=answer | told)

    def bytes(self) -> bytes:
        """The file's content."""
        return b"".join(dumped(line) for line in self.lines)


def dumped(line: dict[str, Any]) -> bytes:
    """One line as the client writes it."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def notice(agent_id: str, status: str, tool_use_id: str = "toolu_1", **fields: str) -> str:
    """The text by which the client tells the end of a background agent."""
    inner = {"task-id": agent_id, "tool-use-id": tool_use_id, "status": status, "summary": "Agent finished"} | fields
    return "<task-notification>\n" + "\n".join(f"<{k}>{v}</{k}>" for k, v in inner.items()) + "\n</task-notification>"


def main_file(folder: Path, session_id: str = SESSION) -> Path:
    """Where the main thread of a session lies."""
    return folder / "-home-user-project" / f"{session_id}.jsonl"


def agent_file(folder: Path, agent_id: str = AGENT, session_id: str = SESSION) -> Path:
    """Where an agent's transcript lies."""
    return folder / "-home-user-project" / session_id / "subagents" / f"agent-{agent_id}.jsonl"


def write(path: Path, content: Transcript | bytes) -> Path:
    """Write a transcript, and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.bytes())
    return path


def described(path: Path, **meta: Any) -> None:
    """Write the description beside an agent's transcript."""
    path.with_suffix(".meta.json").write_text(json.dumps({"agentType": "general-purpose"} | meta), encoding="utf-8")


def a_session(folder: Path, session_id: str = SESSION, agent_id: str = AGENT, report: str = "Report.") -> None:
    """A session with one foreground delegation that went well."""
    main = Transcript(session_id).asked("Do it.").delegated(f"toolu_{agent_id}", "Survey.")
    main.delivered(f"toolu_{agent_id}", agent_id, report).answered("All done.")
    agent = Transcript(session_id, agent_id=agent_id).asked("Survey.").used(f"toolu_{agent_id}_1", command="ls")
    agent.result(f"toolu_{agent_id}_1").answered(report)
    write(main_file(folder, session_id), main)
    path = write(agent_file(folder, agent_id, session_id), agent)
    described(path, toolUseId=f"toolu_{agent_id}", description="Some job")
