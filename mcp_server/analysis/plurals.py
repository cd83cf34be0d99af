"""Numbers of things, in words."""


def counted(n: int, noun: str) -> str:
    """So many of something, as `1 span` or `2 spans`."""
    return numbered(f"{n:,}", noun)


def numbered(number: str, noun: str) -> str:
    """A number that is written already with what it counts, as `1 span` or `1.5 spans`."""
    return f"{number} {noun}" if number == "1" else f"{number} {noun}s"
