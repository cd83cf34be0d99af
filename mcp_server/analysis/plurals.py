"""Numbers of things, in words."""


def counted(n: int, noun: str) -> str:
    """So many of something, as `1 span` or `2 spans`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
