"""Is what happens in running sessions taken in? One function for each thing that may be wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from mcp_server.analysis.plurals import counted
from mcp_server.ingest import spool
from mcp_server.ingest.claude_code import versions
from mcp_server.ingest.claude_code.installation import Installation, Wiring
from mcp_server.service.findings import Finding, State
from mcp_server.service.hook_files import ADVICE, MODELS, HookFiles
from storage.records import HookEvent

_INSTALL: Final = (
    "claude plugin marketplace add /path/to/checkout/claude_config"
    " && claude plugin install delegation-telemetry@delegation-telemetry"
)
_LONG: Final = timedelta(days=7)
_MANY: Final = 1_000
_LOOKED_AT: Final = 10_000


def plugin(client: Installation) -> Finding:
    """Whether hooks of ours are in place."""
    if client.hooks_are_off:
        cure = "remove disableAllHooks from Claude Code's settings.json"
        return Finding("plugin", State.WARNING, "Claude Code runs no hooks at all: disableAllHooks is set", cure)
    match client.wiring:
        case Wiring.PLUGIN:
            return Finding("plugin", State.OK, f"{client.plugin_id} is installed and enabled")
        case Wiring.OWN_SETTINGS:
            return Finding("plugin", State.OK, "not installed; the hooks stand in Claude Code's settings.json")
        case Wiring.PLUGIN_DISABLED:
            return Finding(
                "plugin",
                State.WARNING,
                f"{client.plugin_id} is installed, but not enabled",
                f"claude plugin enable {client.plugin_id}",
            )
        case Wiring.NONE:
            return Finding("plugin", State.WARNING, "not installed: sessions are known by `import` alone", _INSTALL)


def events(client: Installation, newest: HookEvent | None, now: datetime) -> Finding:
    """Whether hooks fire."""
    if newest is not None:
        ago = now - newest.at
        text = f"the last one, {newest.name}, came {_span(ago)} ago"
        if ago < _LONG or client.wiring not in (Wiring.PLUGIN, Wiring.OWN_SETTINGS):
            return Finding("events", State.OK, text)
        cure = "if you have used Claude Code since: start it with --debug and look for hooks/record.sh"
        return Finding("events", State.WARNING, text, cure)
    if client.wiring in (Wiring.PLUGIN, Wiring.OWN_SETTINGS):
        cure = "start a new session; plugins are loaded at its start"
        return Finding("events", State.WARNING, "none has ever come, though hooks are in place", cure)
    return Finding("events", State.OK, "none yet")


def backlog(spools: Sequence[Path], now: datetime) -> Finding:
    """How much waits in the spool."""
    waiting = spool.letters(spools, now, _LOOKED_AT)
    if not waiting:
        return Finding("spool", State.OK, f"nothing waits in {spools[0]}")
    torn = sum(letter.payload is None for letter in waiting)
    text = f"{counted(len(waiting), 'event')} waiting, the oldest for {_span(now - waiting[0].at)}"
    text += f"; {torn} of them were never finished" if torn else ""
    state = State.WARNING if len(waiting) >= _MANY else State.OK
    return Finding("spool", state, text, "delegation-telemetry doctor --fix, or any other command")


def routing(mode: str, files: HookFiles, now: datetime) -> Finding:
    """What hooks do with advice, and whether there is any that holds."""
    if mode == "off":
        return Finding("routing", State.OK, "off: hooks tell no session anything")
    until = files.until()
    if not until:
        text = "hooks have nothing to tell yet: too few judged delegations, or no server has learned from them"
        return Finding("routing", State.OK, f"{mode}: {text}")
    last = max(until.values())
    if last <= now:
        cure = "start a session and judge a delegation: the server then writes what it has learned"
        text = f"what was written for hooks ran out {_span(now - last)} ago, so they are silent"
        return Finding("routing", State.WARNING, f"{mode}: {text}", cure)
    parts = ["a table for the model"] * (ADVICE in until)
    parts += ["models for agents" + (" (not used in this mode)" if mode != "auto" else "")] * (MODELS in until)
    text = f"{' and '.join(parts)} in {files.folder}, good for {_span(last - now)}"
    return Finding("routing", State.OK, f"{mode}: {text}")


def version(client: str | None) -> Finding:
    """Whether the client is of a version with which all this was tried."""
    if client is None:
        return Finding("client", State.OK, "no session is recorded yet")
    if versions.is_tried(client.rpartition("/")[2]) or "claude" not in client.lower():
        return Finding("client", State.OK, f"the latest session was of {client}")
    text = f"the latest session was of {client}; tried are {versions.TRIED}"
    return Finding("client", State.WARNING, text, "compare a session's `trajectory` with what you know of it")


def databases(used: str, default: str) -> Finding:
    """Whether there are two databases, of which somebody may ask the wrong one."""
    one, other = (Path(address.removeprefix("sqlite:///")).expanduser() for address in (used, default))
    if one == other or not (one.exists() and other.exists()):
        return Finding("databases", State.OK, f"one is in use: {one}")
    cure = f"set `db` in config.toml for all, and move what you need: export from {other}, import here"
    return Finding("databases", State.WARNING, f"{one} is meant here, but {other} exists too", cure)


def _span(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
