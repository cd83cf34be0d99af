"""Tokens of one request to a model, by class."""

from typing import NamedTuple, Self

from storage.fields import COUNT_LIMIT


class Usage(NamedTuple):
    """Tokens by class; the classes do not overlap."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0

    def larger(self, other: Self) -> Self:
        """The larger count of each class: what two sightings of one request say together."""
        return type(self)(*(max(pair) for pair in zip(self, other, strict=True)))

    def plus(self, other: Self) -> Self:
        """The tokens of both requests, as far as a count can hold them."""
        return type(self)(*(min(one + another, COUNT_LIMIT) for one, another in zip(self, other, strict=True)))
