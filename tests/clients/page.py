"""The configurations that docs/clients.md tells people to write."""

import re
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).parents[2] / "docs" / "clients.md"
SCRIPT_ON_THE_PAGE: Final = "/path/to/delegation-telemetry"
_SECTION: Final = re.compile(r"^## (?P<client>.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(
    r"`(?P<path>[^`\n]+)`[^`]*(?:`[^`\n]+`[^`]*)?:\n\n```(?P<form>json|toml|yaml)\n(?P<text>.*?)```", re.DOTALL
)


class Configuration(NamedTuple):
    """What a client reads, and where."""

    path: str
    form: str
    text: str


def configurations() -> dict[str, Configuration]:
    """The first configuration of each client's section."""
    found: dict[str, Configuration] = {}
    _, *parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))
    for client, section in zip(parts[::2], parts[1::2], strict=True):
        block = _BLOCK.search(section)
        assert block is not None, f"the section on {client} shows no configuration"
        found[client] = Configuration(block["path"], block["form"], block["text"])
    return found
