"""What one request to a model cost at its own time, by the price library."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from mcp_server.ingest.usage import Usage

_PROVIDERS: Final = ("anthropic", "aws", "openrouter", None)  # None: let the library tell it from the model's name
_CONTEXT_SUFFIX: Final = re.compile(r"\[\d+m\]$")  # `[1m]`: a size of context; what it costs follows from the request
_LIMIT_USD: Final = 1e9


class Terms(NamedTuple):
    """What else than tokens the price of a request depends on."""

    fast: bool = False
    """Whether it was answered in the dearer, faster mode."""
    web_searches: int = 0


STANDARD: Final = Terms()


class Price(Protocol):
    """The price of one request."""

    def __call__(self, model: str, usage: Usage, at: datetime, terms: Terms = STANDARD) -> float | None:
        """US dollars, or None where the price is not known."""
        ...


def cost_usd(model: str, usage: Usage, at: datetime, terms: Terms = STANDARD) -> float | None:
    """List price of one request at its own time; None where the model's price is not known.

    Prices have tiers by the size of a request and change over time, so each request is priced by itself. The library
    counts cached tokens among the input tokens; the client does not.
    """
    from genai_prices import Usage as Counts  # noqa: PLC0415 - takes 150 ms that `serve` must not pay at its start
    from genai_prices import calc_price  # noqa: PLC0415

    model = bare(model)
    provider = _provider(model)
    if provider is None:
        return None
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    counts = Counts(
        input_tokens=usage.input_tokens + usage.cache_read_tokens + written,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=written,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        web_searches=terms.web_searches,
    )
    price = calc_price(
        counts,
        model_ref=model,
        provider_id=provider or None,
        genai_request_timestamp=at,
        price_context={"speed": "fast"} if terms.fast else None,
    )
    total = float(price.total_price)
    return total if total <= _LIMIT_USD else None


def bare(model: str) -> str:
    """A model's id without the suffix for a size of context."""
    return _CONTEXT_SUFFIX.sub("", model)


@lru_cache(maxsize=1024)
def _provider(model: str) -> str | None:
    """Whose price list has the model; empty where the library finds that by itself, None where nobody's has."""
    from genai_prices import Usage as Counts  # noqa: PLC0415 - as above
    from genai_prices import calc_price  # noqa: PLC0415

    for provider in _PROVIDERS:
        try:
            calc_price(Counts(), model_ref=model, provider_id=provider)
        except LookupError:
            continue
        return provider or ""
    return None
