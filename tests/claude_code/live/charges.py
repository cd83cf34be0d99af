"""What the model's endpoint charges, reckoned apart from the code under test."""

from collections.abc import Iterable
from typing import Final

from tests.claude_code.live.endpoint import Request

_OK: Final = 200
_PER_MILLION_USD: Final = {
    "claude-opus-5-5": (4, 20, 0.2, 5, 8),
    "claude-sonnet-5-5": (2, 10, 0.1, 2.5, 4),
    "claude-haiku-5-5": (0.1, 0.5, 0.01, 0.125, 0.2),
    "claude-opus-5": (5, 25, 0.5, 6.25, 10),
    "claude-sonnet-5": (2, 10, 0.2, 2.5, 4),
    "claude-sonnet-4-6": (3, 15, 0.3, 3.75, 6),
    "claude-haiku-4-5-20251001": (1, 5, 0.1, 1.25, 2),
}
"""List prices of November 2026: fresh input, output, cache reads, cache writes for five minutes and for an hour."""


def charged(requests: Iterable[Request]) -> tuple[tuple[int, ...], float]:
    """Tokens by class, in the order of the prices, and US dollars of those requests that were answered."""
    tokens, usd = [0] * 5, 0.0
    for request in requests:
        if request.status == _OK:
            prices = _PER_MILLION_USD[request.model]
            for place, (count, price) in enumerate(zip(request.usage or (), prices, strict=True)):
                tokens[place] += count
                usd += count * price / 1e6
    return tuple(tokens), usd
