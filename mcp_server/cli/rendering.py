"""Figures and tables for people: drawn on a terminal, plain and complete in a pipe."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click

_WIDE: Final = 400  # in a pipe nothing is wrapped or cut
_STYLES: Final = {
    "success": "green", "failure": "red", "error": "red", "partial": "yellow", "cancelled": "yellow",
    "lost": "magenta", "running": "cyan",
}  # fmt: skip
_SIGNS: Final = {"+": "green", "-": "red"}
NOTHING: Final = "-"
_SECOND_MS: Final = 1000
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000


def print_json(answer: Mapping[str, Any]) -> None:
    """The object itself."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: frozenset[str] = frozenset(),
    signed: frozenset[str] = frozenset(),
) -> None:
    """A table; columns named in `right` are aligned to the right, those in `signed` coloured by their sign."""
    from rich.console import Console  # noqa: PLC0415 - takes 40 ms that only tables pay
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    on_terminal = sys.stdout.isatty()
    console = Console(width=None if on_terminal else _WIDE, soft_wrap=not on_terminal)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", no_wrap=not on_terminal, overflow="fold"
        )
    for row in rows:
        table.add_row(
            *(Text(cell, style=_style(cell, column in signed)) for column, cell in zip(columns, row, strict=True))
        )
    lines = console.render_lines(table, console.options) if not on_terminal else None
    if lines is None:
        console.print(table)
    else:
        for line in lines:
            click.echo("".join(segment.text for segment in line).rstrip())


def _style(cell: str, has_sign: bool) -> str:  # noqa: FBT001 - said at its one call
    return _SIGNS.get(cell[0], "") if has_sign and cell != NOTHING else _STYLES.get(cell, "")


def money(usd: float | None) -> str:
    """US dollars; small amounts with four decimals, unknown ones as a dash."""
    if usd is None:
        return NOTHING
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}"


def duration(ms: float | None) -> str:
    """Milliseconds as people read them."""
    if ms is None:
        return NOTHING
    if ms < _SECOND_MS:
        return f"{ms:.0f} ms"
    if ms < _MINUTE_MS:
        return f"{ms / _SECOND_MS:.1f} s"
    if ms < _HOUR_MS:
        return f"{int(ms // _MINUTE_MS)} min {int(ms % _MINUTE_MS // _SECOND_MS)} s"
    return f"{int(ms // _HOUR_MS)} h {int(ms % _HOUR_MS // _MINUTE_MS)} min"


def count(value: int | None) -> str:
    """A number with its thousands set apart."""
    return NOTHING if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share in per cent."""
    return NOTHING if value is None else f"{value:.0%}"


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
    return ", ".join(f"{n} {name}" for name, n in (counts or {}).items()) or NOTHING


def left_out(answer: Mapping[str, Any], what: str) -> None:
    """Say on stderr how much of how much was shown, where that is not all."""
    if answer["returned"] < answer["total"]:
        click.echo(f"{answer['returned']} of {answer['total']} {what}; --limit shows more", err=True)
