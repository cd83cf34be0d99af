"""Do guesses at the types of tasks say what people say?"""

from typing import Final

from mcp_server.analysis.task_agreement import Agreement, agreement
from mcp_server.ingest.texts import Guesser
from mcp_server.service.findings import Finding, State
from storage.queries import PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store

CHECK: Final = "task types"
_PAGE: Final = 500
_PAGES: Final = 4
_ENOUGH: Final = 20
_FAIR: Final = 0.5
_CURE: Final = "write rules of your own below [task_types] in config.toml; they are tried before ours"


async def task_types(store: Store, guess: Guesser, without_own: Guesser | None) -> Finding:
    """How guesses compare with types that were stated, among the newest 2,000 delegations.

    Args:
        store: where delegations are kept.
        guess: by all rules.
        without_own: by all but the user's, where there are such.
    """
    stated = [span for span in await _newest(store) if span.task_type is not None and _texts(span)]
    if not stated:
        return Finding(
            CHECK, State.OK, "no delegation has both a stated type and a text: nothing to compare guesses with"
        )
    found = _agreement(stated, guess)
    text = f"of {found.n} stated ones, {_told(found)}"
    if without_own is not None:
        text += f"; without your own rules, {_told(_agreement(stated, without_own))}"
    is_poor = found.share is not None and found.n >= _ENOUGH and found.share < _FAIR
    return Finding(CHECK, State.WARNING, text, _CURE) if is_poor else Finding(CHECK, State.OK, text)


async def _newest(store: Store) -> list[Span]:
    found: list[Span] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await store.find(SpanFilter(), PageRequest(limit=_PAGE, after=cursor))
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    return found


def _agreement(stated: list[Span], guess: Guesser) -> Agreement:
    guesses = [guess(_texts(span)) for span in stated]
    return agreement(
        (span.task_type, None if one is None else one.guessed_type) for span, one in zip(stated, guesses, strict=True)
    )


def _texts(span: Span) -> list[str]:
    return [text for text in (span.name, span.task) if text]


def _told(found: Agreement) -> str:
    silent = found.silent()[1]
    guessed = found.n - silent
    told = f"{found.agreed} of {guessed} guesses are the same"
    if found.kappa is not None:
        told += f" (kappa {found.kappa:.2f})"
    return f"{told}, {silent} cannot be guessed"
