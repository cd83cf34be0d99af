"""What can go wrong on this floor.

ServiceError                the caller can repair its question: the text says how
├── UnknownId               an id that names nothing
├── AmbiguousId             an id that names several things
└── BadArgument             a value that cannot be used
"""

from collections.abc import Sequence


class ServiceError(Exception):
    """Base of all errors that the caller can repair. Its text names the value, the reason and what works."""


class UnknownId(ServiceError):
    """An id that names nothing that is recorded."""

    def __init__(self, given: str | None, kinds: str, instead: str) -> None:
        self.given = given
        what = f"no {kinds} is recorded yet" if given is None else f"no {kinds} {given[:80]!r} is recorded"
        super().__init__(f"{what}; {instead}")


class AmbiguousId(ServiceError):
    """An id that names several things."""

    def __init__(self, given: str, found: Sequence[str]) -> None:
        self.given = given
        self.found = found
        super().__init__(f"{given[:80]!r} names several spans; pass the span_id of one: {', '.join(found[:5])}")


class BadArgument(ServiceError):
    """A value that cannot be used."""

    def __init__(self, name: str, given: object, reason: str) -> None:
        self.name = name
        self.given = given
        super().__init__(f"{name} {str(given)[:80]!r} cannot be used: {reason}")
