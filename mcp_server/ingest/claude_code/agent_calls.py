"""Uses of the tools that start, resume or stop agents, and what their answers tell."""

import copy
import re
from dataclasses import replace
from typing import Any, Final

from mcp_server.ingest.claude_code import versions
from mcp_server.ingest.claude_code.content import last_text, number, string, text_of
from mcp_server.ingest.claude_code.identity import hashed
from mcp_server.ingest.claude_code.memory import Call
from mcp_server.ingest.claude_code.notifications import Brought, brought
from mcp_server.ingest.pricing import bare
from mcp_server.ingest.texts import TextKeeper
from storage.fields import clip

DELEGATING: Final = frozenset({"Agent", "Task"})
SKILL: Final = "Skill"
WORKFLOW: Final = "Workflow"
SEND_MESSAGE: Final = "SendMessage"
TASK_STOP: Final = "TaskStop"
COMMAND: Final = "/subtask"
DEFAULT_TYPE: Final = "general-purpose"
FORK: Final = "fork"
COMPLETED: Final = "completed"
LAUNCHED: Final = "async_launched"
FORKED: Final = "forked"
INTERRUPTED: Final = "interrupted"
REJECTED: Final = "user-rejected"

_WATCHED: Final = DELEGATING | {SKILL, WORKFLOW, SEND_MESSAGE, TASK_STOP}
_REJECTIONS: Final = ("The user doesn't want to proceed with this tool use", "User rejected tool use")
_STOPPED_WITHIN: Final = "[Request interrupted by user for tool use]"
_API_ERROR: Final = "API Error"  # of clients that call the call completed
_API_ERROR_ENDED: Final = "Agent terminated early due to an API error"
_FRAMED: Final = ("  <tools-used", "  NOTE:")  # the newest clients indent what an agent says
_LAUNCHED_TEXT: Final = "Async agent launched"
_LABEL: Final = re.compile(r"\s*\[([^\]/]{1,40})/(low|medium|high)\]", re.IGNORECASE)
_REPORT_LIMIT_BYTES: Final = 16 * 1024


def started(tool: str, used: dict[str, Any], at_us: int, keep: TextKeeper) -> Call | None:
    """The call that a use of a tool is, or None where the tool has nothing to do with agents."""
    if tool not in _WATCHED:
        return None
    call = Call(tool=tool, at_us=at_us)
    if tool in DELEGATING:
        prompt, description = string(used.get("prompt")), string(used.get("description"))
        call.agent_type = keep.name(string(used.get("subagent_type"))) or DEFAULT_TYPE
        call.requested_model = keep.name(string(used.get("model")))
        call.prompt = keep.text(prompt)
        call.prompt_hash = hashed(prompt) if prompt else None
        call.description = keep.line(description)
        label = _LABEL.match(description or "")
        task_type = keep.task_type(label[1]) if label else None
        call.label = f"{task_type}/{label[2].lower()}" if label and task_type else None
        call.guess = None if call.label else keep.guess(description, prompt)
    elif tool == SKILL:
        skill = string(used.get("skill")) or string(used.get("command"))
        call.description, call.guess = keep.line(skill), keep.guess(skill)
    elif tool == TASK_STOP:
        call.agent_id = keep.identifier(string(used.get("task_id")))
    return call


def answered(call: Call, line: dict[str, Any], block: dict[str, Any], at_us: int, keep: TextKeeper) -> Call:
    """The call with what its answer tells."""
    told = line.get("toolUseResult")
    text = text_of(block.get("content"))
    answer = copy.copy(call)
    answer.answered_us = at_us
    answer.is_error = bool(block.get("is_error"))
    answer.denial = denial(line, text, failed=answer.is_error, keep=keep)
    if isinstance(told, dict):
        _structured(answer, told, keep)
    elif call.tool in DELEGATING:
        _in_words(answer, text)
    return answer


def _structured(answer: Call, told: dict[str, Any], keep: TextKeeper) -> None:
    answer.status = keep.name(string(told.get("status")))
    agent_id = string(told.get("agentId")) or string(told.get("resumedAgentId")) or string(told.get("task_id"))
    answer.agent_id = keep.identifier(agent_id) or answer.agent_id
    answer.run_id = keep.identifier(string(told.get("runId")))
    answer.ran_type = keep.name(string(told.get("agentType")))
    prompt = string(told.get("prompt"))
    if prompt and hashed(prompt) != answer.prompt_hash:
        answer.ran_prompt = keep.text(prompt)
        answer.guess = answer.guess or (None if answer.label else keep.guess(prompt))
    answer.model = bare(keep.name(string(told.get("resolvedModel"))) or "") or None
    answer.duration_ms = number(told.get("totalDurationMs")) or None
    report = last_text(told.get("content")) or string(told.get("result"))
    answer.brought = brought(report)
    kept = keep.text(report) if answer.brought is Brought.REPORT else None
    answer.report = clip(kept, _REPORT_LIMIT_BYTES) if kept else None
    # Only then are there no tokens of a last answer.
    answer.api_failed = bool(report and report.startswith(_API_ERROR)) and told.get("totalTokens") == 0
    answer.worktree = keep.name(string(told.get("worktreePath")))
    answer.branch = keep.name(string(told.get("worktreeBranch")))


def _in_words(answer: Call, text: str) -> None:
    """Inside agents of a `-p` run the answer has no structure, and its words are the report's: no id can be trusted."""
    if answer.is_error:
        answer.api_failed = text.startswith(_API_ERROR_ENDED)
    elif text.startswith(_LAUNCHED_TEXT):
        answer.status = LAUNCHED
    else:
        answer.status = COMPLETED
        lines = map(brought, text.split("\n")) if text.startswith(_FRAMED) else (brought(text),)
        answer.brought = Brought.TURN_LIMIT if Brought.TURN_LIMIT in lines else brought(text)


def denial(line: dict[str, Any], result: str, *, failed: bool, keep: TextKeeper) -> str | None:
    """Why a use of a tool was refused or stopped; None where it was not. Older clients tell it only in words."""
    told = string(line.get("toolDenialKind"))
    if told is not None:
        return keep.name(told)
    if failed and not versions.tells_denials(string(line.get("version"))):
        in_words = result.startswith(_REJECTIONS) or result.rstrip().endswith(_STOPPED_WITHIN)
        return REJECTED if in_words else None
    return None


def joined(early: Call, call: Call) -> Call:
    """A call whose answer was read before the call itself."""
    asked = ("tool", "at_us", "description", "label", "guess", "agent_type", "requested_model", "prompt", "prompt_hash")
    return replace(early, **{name: getattr(call, name) for name in asked})


def by_command(agent_id: str, at_us: int) -> Call:
    """The call that a person's slash command amounts to."""
    return Call(tool=COMMAND, at_us=at_us, answered_us=at_us, agent_id=agent_id, status=LAUNCHED, agent_type=FORK)
