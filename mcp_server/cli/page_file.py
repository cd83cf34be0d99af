"""Writes a page: whole or not at all, for this user only, and over nothing but an earlier page."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

import click

_HEAD_BYTES: Final = 600
_MARK: Final = b'<meta name="generator" content="delegation-telemetry '


def write_page(target: Path, page: str, *, force: bool) -> int:
    """Write a page and say how large it is, in bytes.

    Args:
        target: where to; a link is followed.
        page: the document.
        force: whether any file may be overwritten.

    Raises:
        ClickException: there is something else at that place.
    """
    place = Path(os.path.realpath(target))
    _refuse_strangers(place, target, force=force)
    content = page.encode("utf-8", "replace")
    # Beside the target: only within one file system a file takes another's place at once. Its mode is 0600 at once.
    number, beside = tempfile.mkstemp(prefix=f".{place.name[:40]}-", suffix=".part", dir=place.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return len(content)


def _refuse_strangers(place: Path, target: Path, *, force: bool) -> None:
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise click.ClickException(f"{target} is no file; name one, or - for stdout")
    if force:
        return
    with place.open("rb") as file:
        ours = _MARK in file.read(_HEAD_BYTES)
    if not ours:
        raise click.ClickException(
            f"{target} is there and is no report: choose another name, or overwrite it with --force"
        )
