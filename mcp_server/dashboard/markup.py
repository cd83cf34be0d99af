"""HTML and SVG, built so that no text can become markup."""

import html
import re
from collections.abc import Iterable
from typing import Final

_EMPTY: Final = frozenset({"rect", "line", "circle", "path", "stop"})
_VOID: Final = frozenset({"meta", "br", "wbr"})
# Controls, halves of characters, and what turns the direction of writing: nobody can read them, some deceive.
_UNREADABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


class Markup(str):
    """Text that is HTML already. Only this module and those of the page's own pictures make it."""

    __slots__ = ()


Content = str | Iterable[str] | None
"""A text, which is escaped; markup, which is not; several of them; or nothing."""
Attribute = str | float | bool | None


def text(value: str) -> Markup:
    """A text as it may stand in an element or in a quoted attribute."""
    return value if isinstance(value, Markup) else Markup(html.escape(_UNREADABLE.sub("\ufffd", value)))


def joined(*content: Content) -> Markup:
    """One after another."""
    parts: list[str] = []
    for one in content:
        if isinstance(one, str):
            parts.append(text(one))
        elif one is not None:
            parts += map(text, one)
    return Markup("".join(parts))


def tag(name: str, /, *content: Content, **attributes: Attribute) -> Markup:
    """An element.

    Args:
        name: of the element.
        content: what is in it, in order.
        attributes: `class_` is `class`, `aria_label` is `aria-label`; those that are None or False are left out, and
            numbers are written short.
    """
    written = "".join(_written(key, value) for key, value in attributes.items())
    if name in _EMPTY:
        return Markup(f"<{name}{written}/>")
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(*content)}</{name}>")


def per_cent(share: float) -> str:
    """A length or a place in a picture, as a share of its width."""
    return f"{number(100 * share)}%"


def number(value: float) -> str:
    """As short as a picture needs it."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _written(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    shown = value if isinstance(value, str) else number(value)
    return f' {name}="{text(shown)}"'
