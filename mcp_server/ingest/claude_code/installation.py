"""How a user's Claude Code is set up, as far as it concerns us: read from its own files, never changed."""

import json
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from mcp_server.ingest.claude_code.content import mapping, number
from mcp_server.ingest.claude_code.layout import load_json

PLUGIN: Final = "delegation-telemetry"
DEFAULT_RETENTION_DAYS: Final = 30
_SCRIPT: Final = "hooks/record.sh"
_SETTINGS: Final = ("settings.json", "settings.local.json")


class Wiring(Enum):
    """Whether hooks of ours are in place."""

    PLUGIN = auto()
    PLUGIN_DISABLED = auto()
    OWN_SETTINGS = auto()  # the hooks stand in the user's settings
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Installation:
    """What the client's settings say."""

    wiring: Wiring
    plugin_id: str | None
    hooks_are_off: bool
    """Whether the user has switched off all hooks."""
    retention_days: int
    """After how many days the client deletes transcripts."""


def installation(config: Path) -> Installation:
    """Read what is set for the user; settings of single projects are not looked at."""
    settings: dict[str, Any] = {}
    for name in _SETTINGS:
        settings |= load_json(config / name)
    enabled = mapping(settings.get("enabledPlugins"))
    installed = mapping(load_json(config / "plugins" / "installed_plugins.json").get("plugins"))
    ours = next((name for name in (*enabled, *installed) if name.partition("@")[0] == PLUGIN), None)
    if ours is not None:
        wiring = Wiring.PLUGIN if enabled.get(ours) is True else Wiring.PLUGIN_DISABLED
    else:
        wiring = Wiring.OWN_SETTINGS if _names_our_script(settings.get("hooks")) else Wiring.NONE
    return Installation(
        wiring=wiring,
        plugin_id=ours,
        hooks_are_off=settings.get("disableAllHooks") is True,
        retention_days=number(settings.get("cleanupPeriodDays")) or DEFAULT_RETENTION_DAYS,
    )


def _names_our_script(hooks: Any) -> bool:
    return _SCRIPT in json.dumps(hooks)
