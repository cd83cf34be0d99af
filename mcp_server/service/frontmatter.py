"""The lines at the head of an agent's definition, as bytes: its name, and the model that it runs on.

Only the value of `model:` is ever written, or one whole line of it where there was none.
"""

import re
from dataclasses import dataclass
from typing import Final

from mcp_server.service.errors import ServiceError

INHERIT: Final = "inherit"
"""What stands for no model of its own."""
_HEAD: Final = re.compile(
    rb"(?:\A\xef\xbb\xbf|\A)---[ \t]*(?P<newline>\r\n|\n|\r)(?P<lines>.*?)(?P<close>(?<=[\r\n])---[ \t]*(?:[\r\n]|\Z))",
    re.DOTALL,
)
_MODEL: Final = re.compile(rb"(?:\A|(?<=[\r\n]))model[ \t]*:(?P<rest>[^\r\n]*)")
_VALUE: Final = re.compile(
    rb"(?P<before>[ \t]*)(?P<quote>[\"']?)(?P<value>[\w.:@/\[\]-]*)(?P=quote)(?P<after>[ \t]*(?:[ \t]#.*)?)"
)
_CONTINUED: Final = re.compile(rb"(?:\r\n|\n|\r)[ \t]+[^\s#]")
_LINE_END: Final = re.compile(rb"\A(?:\r\n|\n|\r)")
_NAME: Final = re.compile(rb"(?:\A|(?<=[\r\n]))name[ \t]*:[ \t]*[\"']?(?P<name>[\w.:@/-]+)")


class OddDefinition(ServiceError):
    """A definition in which no model can be set without touching something else."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What the head of a definition says."""

    name: str | None
    model: str | None
    """None where nothing is said of it."""


def definition(content: bytes) -> Definition:
    """Read a definition.

    Raises:
        OddDefinition: it has no head, several lines for the model, or one that is more than a plain value.
    """
    head = _head(content)
    named = _NAME.search(head["lines"])
    value = _value(content, head)
    text = value["value"].decode() if value and value["value"] else None
    return Definition(named["name"].decode() if named else None, text)


def with_model(content: bytes, model: str) -> bytes:
    """The definition with this model: its value replaced, or a line added as the last of the head.

    Raises:
        OddDefinition: as `definition`.
    """
    head = _head(content)
    value = _value(content, head)
    if value is None:
        at = head.start("close")
        return content[:at] + b"model: " + model.encode() + head["newline"] + content[at:]
    space = value["before"] or b" "
    new = space + value["quote"] + model.encode() + value["quote"] + value["after"]
    return content[: value.start()] + new + content[value.end() :]


def without_model(content: bytes) -> bytes:
    """The definition without its line for the model.

    Raises:
        OddDefinition: as `definition`.
    """
    head = _head(content)
    value = _value(content, head)
    if value is None:
        return content
    start = head.start("lines") + next(_MODEL.finditer(head["lines"])).start()
    return content[:start] + _LINE_END.sub(b"", content[value.end() :], count=1)


def _head(content: bytes) -> re.Match[bytes]:
    found = _HEAD.match(content)
    if found is None:
        raise OddDefinition("it does not begin with `---` and lines down to the next `---`")
    return found


def _value(content: bytes, head: re.Match[bytes]) -> re.Match[bytes] | None:
    """The value of the model's line, as a match in the whole content."""
    lines = list(_MODEL.finditer(head["lines"]))
    if not lines:
        return None
    if len(lines) > 1:
        raise OddDefinition("it names a model twice")
    start, end = (head.start("lines") + place for place in lines[0].span("rest"))
    found = _VALUE.fullmatch(content, start, end)
    if found is None or _CONTINUED.match(content, end):
        raise OddDefinition("its model is more than a plain word")
    return found
