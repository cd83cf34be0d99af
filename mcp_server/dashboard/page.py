"""The frame of every page: its head, which forbids everything from outside, its style, its sections."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from mcp_server import __version__
from mcp_server.dashboard.markup import Content, Markup, joined, tag

GENERATOR: Final = "delegation-telemetry"
"""Stands in the head of every page, so that our own pages can be told from other files."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page that the list of contents leads to."""

    name: str
    title: str
    content: Markup
    note: str | None = None
    """What it shows, in a sentence."""

    def drawn(self) -> Markup:
        """As HTML."""
        return tag(
            "section",
            tag("h2", self.title, id=f"{self.name}-title"),
            None if self.note is None else tag("p", self.note, class_="note"),
            self.content,
            id=self.name,
            aria_labelledby=f"{self.name}-title",
        )


def page(
    *, title: str, kind: str, about: Sequence[Content], head: Content, sections: Sequence[Section], made_at: str
) -> str:
    """A whole document that asks for nothing from outside and runs no script.

    Args:
        title: what it is about.
        kind: what kind of report it is.
        about: lines below the title.
        head: what stands before the sections.
        sections: the rest, in order.
        made_at: when, in words.
    """
    policy = f"default-src 'none'; style-src 'sha256-{_digest()}'; base-uri 'none'; form-action 'none'"
    links = [tag("li", tag("a", section.title, href=f"#{section.name}")) for section in sections]
    return "<!doctype html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name="generator", content=f"{GENERATOR} {__version__}"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("meta", name="robots", content="noindex"),
            tag("title", f"{title} · {kind}"),
            tag("style", Markup(_style())),
        ),
        tag(
            "body",
            _TEXTURES,
            tag("a", "Skip to the report", href="#report", class_="skip"),
            tag(
                "header",
                tag("p", _LOGO, kind, class_="kind"),
                tag("h1", title),
                [tag("p", line, class_="about") for line in about],
                tag("nav", tag("ul", *links), aria_label="Sections") if len(links) > 1 else None,
            ),
            tag("main", head, [section.drawn() for section in sections], id="report"),
            tag(
                "footer",
                tag(
                    "p",
                    f"Made by delegation-telemetry {__version__} on {made_at} UTC. This file holds everything it shows"
                    " and asks for nothing else. It may hold words of your tasks: look through it before you share it.",
                ),
            ),
        ),
        lang="en",
    )


def tiles(*several: Markup) -> Markup:
    """Figures in a row."""
    return tag("dl", *several, class_="tiles")


def tile(name: str, value: Content, *below: Content, wide: bool = False) -> Markup:
    """One figure with what belongs to it."""
    return tag(
        "div",
        tag("dt", name),
        tag("dd", value, class_="value"),
        [tag("dd", line, class_="below") for line in below if line is not None],
        class_="tile wide" if wide else "tile",
    )


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Content]], *, class_: str = "") -> Markup:
    """A table whose first column names its rows; on a narrow screen each cell tells its column itself."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(tag("td", cell, data_column=column) for column, cell in zip(columns[1:], row[1:], strict=True)),
        )
        for row in rows
    ]
    return tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", head),
        tag("tbody", *body),
        class_=class_ or None,
    )


def nothing(sentence: str) -> Markup:
    """Said where there is nothing to draw."""
    return tag("p", sentence, class_="nothing")


@cache
def _style() -> str:
    return files(__package__).joinpath("page.css").read_text(encoding="utf-8")


@cache
def _digest() -> str:
    return base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()


_TEXTURES: Final = tag(
    "svg",
    tag(
        "defs",
        Markup(
            '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
            '<line class="ink" x1="0" x2="0" y1="0" y2="6" stroke-width="3"/></pattern>'
            '<pattern id="dots" width="5" height="5" patternUnits="userSpaceOnUse">'
            '<circle class="grain" cx="2" cy="2" r="1.2"/></pattern>'
        ),
    ),
    width=0,
    height=0,
    class_="textures",
    aria_hidden="true",
)
_LOGO: Final = joined(
    Markup(
        '<svg class="logo" width="22" height="22" aria-hidden="true"><line x1="5" y1="11" x2="17" y2="5"/>'
        '<line x1="5" y1="11" x2="17" y2="17"/><circle cx="5" cy="11" r="4"/><circle cx="17" cy="5" r="3"/>'
        '<circle cx="17" cy="17" r="3"/></svg>'
    )
)
