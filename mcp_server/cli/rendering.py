"""Figures and tables for people: drawn on a terminal, plain and complete in a pipe."""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import click

from mcp_server.analysis import amounts

_STYLES: Final = {
    "success": "green", "failure": "red", "error": "red", "partial": "yellow", "cancelled": "yellow",
    "lost": "magenta", "running": "cyan",
}  # fmt: skip
_SEVERAL: Final = {"success": "successes", "failure": "failures", "error": "errors"}
"""Of outcomes and statuses those that are nouns."""
_SIGNS: Final = {"+": "green", "-": "red"}
NOTHING: Final = "-"
_LEAST_SHARE: Final = 0.005
_GAP: Final = 2
_LEAST_TEXT: Final = 12
_UNSAFE_IN_JSON: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What JSON lets stand although terminals take it for commands, line ends or marks of direction."""


def print_json(answer: Mapping[str, Any]) -> None:
    """The object itself."""
    click.echo(json_text(answer, indent=2))


def json_text(answer: Any, indent: int | None = None) -> str:
    """JSON that is safe on a terminal, and means the same; without an indent in one line, without spaces."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(answer, ensure_ascii=False, indent=indent, separators=separators)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def printable(text: str) -> str:
    """A stored text as one line that no terminal takes for commands.

    Blanks of every kind become spaces; controls, line breaks, marks of direction and all else that nobody sees
    become escapes.
    """
    if text.isprintable():
        return text
    return "".join(
        one
        if one.isprintable()
        else " "
        if one == "\t" or unicodedata.category(one) == "Zs"
        else one.encode("unicode_escape").decode()
        for one in text
    )


def say(line: str, *, err: bool = False) -> None:
    """Print one line in which stored texts may stand."""
    click.echo(printable(line), err=err)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: frozenset[str] = frozenset(),
    signed: frozenset[str] = frozenset(),
    texts: frozenset[str] = frozenset(),
    spare: Sequence[str] = (),
) -> None:
    """A table. In a pipe it is whole; on a terminal it is made to fit, and nothing but texts is ever broken or cut.

    Args:
        columns: their names.
        rows: a cell for each column.
        right: columns aligned to the right.
        signed: columns coloured by their sign.
        texts: columns that may be wrapped.
        spare: columns that may be left out where a terminal is too narrow, the first one first.
    """
    from rich.console import Console  # noqa: PLC0415 - takes 40 ms that only tables pay
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    on_terminal = sys.stdout.isatty()
    cells = [[printable(cell) for cell in row] for row in rows]
    console = Console()
    if not on_terminal:  # as wide as it takes: nothing is wrapped, cut or left out
        texts, spare, console.width = frozenset(), (), 1
    kept, console.width = _fitting(columns, cells, texts, spare, console.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place in kept:
        name = columns[place]
        justify: Literal["left", "right"] = "right" if name in right else "left"
        table.add_column(name, justify=justify, no_wrap=name not in texts, overflow="fold")
    for row in cells:
        table.add_row(*(Text(row[place], style=_style(row[place], columns[place] in signed)) for place in kept))
    if on_terminal:
        console.print(table)
        return
    for line in console.render_lines(table, console.options):
        click.echo("".join(segment.text for segment in line).rstrip())


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], texts: frozenset[str], spare: Sequence[str], room: int
) -> tuple[list[int], int]:
    """The places of those columns that have room, and the width that they need, which may be more."""
    from rich.cells import cell_len  # noqa: PLC0415 - as above

    widths = [
        max(cell_len(name), min(_LEAST_TEXT, longest) if name in texts else longest)
        for name, longest in (
            (name, max((cell_len(row[place]) for row in rows), default=0)) for place, name in enumerate(columns)
        )
    ]
    kept = list(range(len(columns)))
    for name in (*spare, None):
        needed = sum(widths[place] for place in kept) + _GAP * (len(kept) - 1)
        if needed <= room or name is None:
            break
        kept = [place for place in kept if columns[place] != name]
    return kept, max(room, needed)


def _style(cell: str, has_sign: bool) -> str:  # noqa: FBT001 - said at its one call
    return _SIGNS.get(cell[0], "") if has_sign and cell != NOTHING else _STYLES.get(cell, "")


def money(usd: float | None) -> str:
    """US dollars; unknown ones as a dash."""
    return NOTHING if usd is None else amounts.money(usd)


def duration(ms: float | None) -> str:
    """Milliseconds as people read them; unknown ones as a dash."""
    return NOTHING if ms is None else amounts.duration(ms)


def count(value: int | None) -> str:
    """A number with its thousands set apart."""
    return NOTHING if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share in per cent; a small one is not nothing."""
    if value is None:
        return NOTHING
    return "<1%" if 0 < value < _LEAST_SHARE else f"{value:.0%}"


def moment(text: str | None) -> str:
    """An ISO time to the second, in UTC."""
    return NOTHING if text is None else text[:19].replace("T", " ")


def one_line(text: str | None, limit: int = 60) -> str:
    """The head of a text on one line."""
    if not text:
        return NOTHING
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def parts(counts: Mapping[str, int] | None) -> str:
    """Counts by name, as `3 ok, 1 error`."""
    named = ((n, name if n == 1 else _SEVERAL.get(name, name)) for name, n in (counts or {}).items())
    return ", ".join(f"{n:,} {name}" for n, name in named) or NOTHING


def nothing_matches() -> None:
    """Say on stderr that there is nothing to show, and where it could come from."""
    click.echo("no delegations match; `delegation-telemetry import` reads Claude Code's history", err=True)


def left_out(answer: Mapping[str, Any], what: str) -> None:
    """Say on stderr how much of how much was shown, where that is not all."""
    if answer["returned"] < answer["total"]:
        click.echo(f"{answer['returned']} of {answer['total']} {what}; --limit shows more", err=True)
