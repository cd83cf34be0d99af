"""Lines of a transcript, folded into its memory, with the calls they tell of. Pure."""

import copy
import re
from collections.abc import Iterable
from typing import Any, Final

from mcp_server.ingest.claude_code import agent_calls, copies, versions
from mcp_server.ingest.claude_code.call_spans import CallSpans
from mcp_server.ingest.claude_code.content import blocks, last_text, mapping, number, string, text_of
from mcp_server.ingest.claude_code.identity import hashed
from mcp_server.ingest.claude_code.memory import MONEY_LIMIT_USD, Call, Early, Last, Memory, Message, Tool, ToolState
from mcp_server.ingest.claude_code.notifications import is_notification, parse
from mcp_server.ingest.pricing import Price, Terms, bare
from mcp_server.ingest.texts import PATH_LIMIT, TextKeeper
from mcp_server.ingest.times import microseconds, time_of
from mcp_server.ingest.usage import Usage

HEAVY: Final = re.compile(rb'\s*\{\s*"type"\s*:\s*"api-request')
"""Lines with whole requests to the model: over half of a transcript's bytes, and nothing that we need."""

_SYNTHETIC: Final = "<synthetic>"
_INTERRUPTED: Final = frozenset({"[Request interrupted by user]", "[Request interrupted by user for tool use]"})
_NOTIFICATION: Final = "task-notification"
_MORE_TO_COME: Final = "tool_use"  # stop_reason of a message whose text is not its last word
_TEXTS_REMEMBERED: Final = 3
_EARLY_REMEMBERED: Final = 8
_LINES_REMEMBERED: Final = 16
_VERSION_LIMIT: Final = 64


class Fold:
    """Folds lines into a memory. `calls` drafts the spans of what changed."""

    def __init__(
        self, memory: Memory, session_id: str, keep: TextKeeper, price: Price, *, is_agent: bool, is_fork: bool | None
    ) -> None:
        self.memory = memory
        self.calls = CallSpans(keep)
        self._session_id = session_id
        self._keep = keep
        self._price = price
        self._is_agent = is_agent
        self._is_fork = is_fork

    def lines(self, lines: Iterable[dict[str, Any]]) -> None:
        """Take in some lines, in the file's order."""
        for line in lines:
            self.line(line)

    def line(self, line: dict[str, Any]) -> None:
        """Take in one line; of an unknown type nothing is expected."""
        memory, kind, told_us = self.memory, line.get("type"), microseconds(line.get("timestamp"))
        memory.lines += 1
        if self._is_repeated(line) or self._is_copy(line, told_us):
            return
        memory.now_us = told_us or memory.now_us
        at_us = memory.now_us
        if kind == "assistant":
            self._conversation(line, told_us)
            self._assistant(line, at_us)
        elif kind == "user":
            self._conversation(line, told_us)
            self._user(line, at_us)
        elif kind == "attachment":
            self._common(line, told_us)
            self._attached(mapping(line.get("attachment")), at_us)
        elif kind == "queue-operation":
            self._notified(string(line.get("content")) or "", at_us)
        elif kind == "system":
            self._launched_by_command(line, at_us)
        elif kind == "cost-state":
            self._closed(line)

    def _is_repeated(self, line: dict[str, Any]) -> bool:
        line_id, recent = self._keep.identifier(string(line.get("uuid"))), self.memory.recent
        if line_id is None:
            return False
        if line_id in recent:
            return True
        recent.append(line_id)
        del recent[:-_LINES_REMEMBERED]
        return False

    def _is_copy(self, line: dict[str, Any], told_us: int | None) -> bool:
        if self._is_agent:
            return copies.in_agent(self.memory, line, is_fork=self._is_fork)
        return copies.in_main(self.memory, self._session_id, line, told_us)

    def _conversation(self, line: dict[str, Any], told_us: int | None) -> None:
        memory = self.memory
        if memory.closed:
            memory.closed = False
            memory.reopened_us = max(memory.reopened_us or 0, told_us or memory.now_us)
        if told_us is not None:
            memory.last_us = max(memory.last_us or 0, told_us)
        self._common(line, told_us)

    def _common(self, line: dict[str, Any], told_us: int | None) -> None:
        memory, keep = self.memory, self._keep
        if told_us is not None:
            memory.first_us = told_us if memory.first_us is None else min(memory.first_us, told_us)
        memory.agent_id = memory.agent_id or keep.identifier(string(line.get("agentId")))
        memory.project = memory.project or keep.name(string(line.get("cwd")), PATH_LIMIT)
        memory.branch = memory.branch or keep.name(string(line.get("gitBranch")))
        memory.client_version = keep.name(string(line.get("version")), _VERSION_LIMIT) or memory.client_version

    def _attached(self, attachment: dict[str, Any], at_us: int) -> None:
        if attachment.get("type") == "queued_command":
            if attachment.get("commandMode", _NOTIFICATION) == _NOTIFICATION:
                self._notified(text_of(attachment.get("prompt")), at_us)
        elif attachment.get("type") == "max_turns_reached":
            self.memory.last = Last.MAX_TURNS

    def _launched_by_command(self, line: dict[str, Any], at_us: int) -> None:
        """A person may start an agent by a slash command: there is no call, only this note of it."""
        agent_id = self._keep.identifier(string(line.get("launchedAgentId")))
        if agent_id is not None:
            self.memory.calls[f"{agent_calls.COMMAND}:{agent_id}"] = agent_calls.by_command(agent_id, at_us)

    def _closed(self, line: dict[str, Any]) -> None:
        """The client leaves its own sum when it ends in good order."""
        cost = line.get("totalCostUSD")
        if isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost <= MONEY_LIMIT_USD:
            self.memory.client_cost_usd = float(cost)
        self.memory.closed = True

    def _assistant(self, line: dict[str, Any], at_us: int) -> None:
        memory, keep, message = self.memory, self._keep, mapping(line.get("message"))
        if line.get("isApiErrorMessage"):
            memory.last, memory.last_text = Last.API_ERROR, keep.text(text_of(message.get("content")))
            status = str(number(line.get("apiErrorStatus")) or "") or None
            words = (status, keep.name(string(line.get("error"))), keep.name(string(line.get("apiErrorType"))))
            memory.api_error = " ".join(dict.fromkeys(word for word in words if word)) or None
            return
        message_id, model = (
            keep.identifier(string(message.get("id"))),
            bare(keep.name(string(message.get("model"))) or ""),
        )
        if not model or model == _SYNTHETIC or message_id is None:
            return
        memory.effort = keep.name(string(line.get("effort"))) or memory.effort
        memory.agent_type = keep.name(string(line.get("attributionAgent"))) or memory.agent_type
        self._answered(message_id, model, message, at_us)
        for block in blocks(message.get("content")):
            if block.get("type") == "tool_use":
                self._tool_used(block, at_us)

    def _answered(self, message_id: str, model: str, message: dict[str, Any], at_us: int) -> None:
        memory = self.memory
        seen = memory.messages.get(message_id)
        usage, stop_reason = _usage(message.get("usage")), self._keep.name(string(message.get("stop_reason")))
        started_us, ended_us, lines, cost = at_us, at_us, 1, None
        if seen is not None:
            usage, stop_reason = usage.larger(seen.usage), stop_reason or seen.stop_reason
            started_us, ended_us = min(seen.started_us, at_us), max(seen.ended_us, at_us)
            lines, cost = seen.lines + 1, seen.cost_usd
        if seen is None or (usage, stop_reason) != (seen.usage, seen.stop_reason):
            billed = (
                usage if stop_reason is not None else usage._replace(output_tokens=0)
            )  # a lower bound is not billed
            cost = self._price(model, billed, time_of(started_us), _terms(message.get("usage")))
        answer = Message(model, started_us, ended_us, usage, stop_reason, cost, lines)
        memory.messages[message_id] = answer
        is_recent = seen is None or message_id in memory.texts
        if is_recent:
            self._spoke(message_id, last_text(message.get("content")), message.get("stop_reason"))
        if is_recent or seen is None or usage != seen.usage:
            self.calls.answered(memory, message_id, answer)

    def _spoke(self, message_id: str, text: str | None, stop_reason: Any) -> None:
        """Take in one block of text; a block that was taken in before says nothing new."""
        memory, kept = self.memory, self._keep.text(text) or ""
        before = memory.texts.pop(message_id, "")
        is_new = text is not None and (not kept or f"\n{kept}\n" not in f"\n{before}\n")
        joined = f"{before}\n{kept}" if before and kept else kept
        memory.texts[message_id] = (self._keep.text(joined) or "") if is_new else before
        if len(memory.texts) > _TEXTS_REMEMBERED:
            del memory.texts[next(iter(memory.texts))]
        if text is not None and is_new:
            memory.delivered = memory.delivered or bool(text.strip())
            if stop_reason != _MORE_TO_COME:
                memory.last, memory.last_text = Last.TEXT, kept or None

    def _tool_used(self, block: dict[str, Any], at_us: int) -> None:
        memory, keep = self.memory, self._keep
        tool_use_id, name = keep.identifier(string(block.get("id"))), keep.name(string(block.get("name")))
        if tool_use_id is None or name is None or tool_use_id in memory.tools:
            return
        used, early = mapping(block.get("input")), memory.early.pop(tool_use_id, None)
        tool = memory.tools[tool_use_id] = Tool(name, at_us, early.state if early else ToolState.OPEN)
        memory.last = memory.last if early else Last.TOOL_USE
        call = agent_calls.started(name, used, at_us, keep)
        if call is not None:
            memory.calls[tool_use_id] = agent_calls.joined(early.call, call) if early else call
        self.calls.tool_used(memory, tool_use_id, tool, used)
        if early is not None:
            self.calls.tool_answered(memory, tool_use_id, tool, early.result, early.at_us)

    def _user(self, line: dict[str, Any], at_us: int) -> None:
        memory, content = self.memory, mapping(line.get("message")).get("content")
        texts: list[str] = []
        for block in blocks(content):
            if block.get("type") == "tool_result":
                self._tool_answered(line, block, at_us)
            elif block.get("type") == "text" and (text := string(block.get("text"))) is not None:
                texts.append(text)
        is_task = self._is_agent and not memory.has_user_line
        memory.has_user_line = True
        if texts and is_task:  # whatever it says, and even where the client wrote it
            self._asked("\n".join(texts))
        elif texts and not line.get("isMeta"):
            self._said("\n".join(texts), line, at_us)

    def _said(self, text: str, line: dict[str, Any], at_us: int) -> None:
        if is_notification(text) and self._is_the_clients(line):
            self._notified(text, at_us)
        elif text.strip() in _INTERRUPTED:
            self.memory.last = Last.INTERRUPTED
        else:
            self._asked(text)

    def _asked(self, text: str) -> None:
        memory = self.memory
        memory.last = Last.PROMPT
        if memory.prompt_hash is None:
            task = text.partition(copies.FORK_FRAME)[2] or text
            memory.prompt, memory.prompt_hash = self._keep.text(task), hashed(task)
            if self._is_agent:
                memory.guess = self._keep.guess(task.partition(copies.WORKFLOW_FRAME)[2] or task)

    def _is_the_clients(self, line: dict[str, Any]) -> bool:
        """Whether a line that looks like a notification is one, and not a person's or an agent's words."""
        origin = mapping(line.get("origin")).get("kind")
        if origin is None:
            return not self._is_agent and not versions.tells_origins(self.memory.client_version)
        return bool(origin == _NOTIFICATION)

    def _tool_answered(self, line: dict[str, Any], block: dict[str, Any], at_us: int) -> None:
        memory, tool_use_id = self.memory, self._keep.identifier(string(block.get("tool_use_id")))
        if tool_use_id is None:
            return
        tool = memory.tools.get(tool_use_id)
        if tool is not None and tool.state is not ToolState.OPEN:
            return  # the first answer holds
        memory.last = Last.TOOL_RESULT
        result, failed = text_of(block.get("content")), bool(block.get("is_error"))
        denied = agent_calls.denial(line, result, failed=failed, keep=self._keep) is not None
        state = ToolState.DENIED if denied else ToolState.ERROR if failed else ToolState.OK
        call = memory.calls.get(tool_use_id) or (None if tool else Call(tool="", at_us=at_us))
        answered = agent_calls.answered(call, line, block, at_us, self._keep) if call else None
        if tool is not None:
            tool = memory.tools[tool_use_id] = tool._replace(state=state)
            self.calls.tool_answered(memory, tool_use_id, tool, self._keep.text(result), at_us)
            if answered is not None:
                memory.calls[tool_use_id] = answered
        elif answered is not None:
            early = Early(at_us=at_us, state=state, result=self._keep.text(result), call=answered)
            memory.early = dict([*memory.early.items(), (tool_use_id, early)][-_EARLY_REMEMBERED:])

    def _notified(self, text: str, at_us: int) -> None:
        notice = parse(text, at_us, self._keep)
        if notice is None:
            return
        known = self.memory.notifications.get(notice.task_id)
        if known is not None and known.at_us > at_us:
            notice = copy.copy(known)
        notice.sightings = known.sightings + 1 if known is not None else 1
        self.memory.notifications[notice.task_id] = notice


def _usage(found: Any) -> Usage:
    usage = mapping(found)
    written = mapping(usage.get("cache_creation"))
    hour = number(written.get("ephemeral_1h_input_tokens"))
    five = number(written.get("ephemeral_5m_input_tokens"))
    if not hour and not five:
        five = number(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=number(usage.get("input_tokens")),
        output_tokens=number(usage.get("output_tokens")),
        cache_read_tokens=number(usage.get("cache_read_input_tokens")),
        cache_write_5m_tokens=five,
        cache_write_1h_tokens=hour,
    )


def _terms(found: Any) -> Terms:
    usage = mapping(found)
    searches = number(mapping(usage.get("server_tool_use")).get("web_search_requests"))
    return Terms(fast=usage.get("speed") == "fast", web_searches=searches)
