"""Changes of files as a unified diff that is safe to print, and the question whether to make them."""

import difflib
import sys
from collections.abc import Sequence
from typing import Final

import click

from mcp_server.cli.rendering import say
from mcp_server.service.user_files import Edit

_NO_NEWLINE: Final = "\\ No newline at end of file"
_NOWHERE: Final = "/dev/null"
_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


def unified(edit: Edit) -> list[str]:
    """The lines of a diff, without newlines. What no terminal should get is shown as an escape."""
    name = shown(str(edit.path))
    found: list[str] = []
    for line in difflib.unified_diff(
        _lines(edit.before),
        _lines(edit.after),
        _NOWHERE if edit.before is None else name,
        _NOWHERE if edit.after is None else name,
        lineterm="",
    ):
        if line.startswith(("---", "+++", "@@")) and not line.endswith("\n"):
            found.append(line)
            continue
        found.append(line.rstrip("\n"))
        if not line.endswith("\n"):
            found.append(_NO_NEWLINE)
    return found


def shown(text: str) -> str:
    """A text of strangers on one line."""
    return "".join(one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode() for one in text)


def print_edits(edits: Sequence[Edit]) -> None:
    """The notes and the diff of each."""
    for edit in edits:
        for note in edit.notes:
            say(f"note: {note}", err=True)
        for line in unified(edit):
            click.secho(line, fg=_COLOURS.get(line[:1]))


def refusal(question: str, *, is_given: bool) -> str | None:
    """Why nothing is written; None where the user agrees, beforehand or now on a terminal."""
    if is_given:
        return None
    if not sys.stdin.isatty():
        return "nothing is written: there is no terminal to ask at; --yes consents beforehand"
    return None if click.confirm(question, err=True) else "nothing is written"


def _lines(content: bytes | None) -> list[str]:
    if content is None:
        return []
    text = content.decode("utf-8", errors="backslashreplace")
    return [
        shown(line.removesuffix("\n").removesuffix("\r")) + ("\n" if line.endswith(("\n", "\r")) else "")
        for line in text.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True)
    ]
