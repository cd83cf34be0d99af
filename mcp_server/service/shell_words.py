"""What strangers wrote, as a word of a command that a person is to copy into a shell."""

import shlex


def argument(text: str) -> str | None:
    """A text as one argument, behind all options of a command; None where no copy of it is safe.

    What nobody can see may end the line or command the terminal, and shells do not agree on what a backslash means
    between single quotes.
    """
    if not text.isprintable() or {"\\", "'"} <= set(text):
        return None
    return f"-- {shlex.quote(text)}" if text.startswith("-") else shlex.quote(text)
