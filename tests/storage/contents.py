"""All that a store can tell, as one value: two stores with equal contents are the same to every caller."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from storage.queries import ALL_KINDS, Batch, Item, Page, PageRequest, SpanFilter, Target
from storage.records import Reward, Session, Span
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Contents:
    """What is held, each by its id."""

    spans: dict[str, Span]
    sessions: dict[str, Session]
    rewards: dict[str, Reward]


async def contents(store: Store) -> Contents:
    """All of it; rewards as far as their target is known."""
    every = SpanFilter(kinds=ALL_KINDS)
    spans = {span.span_id: span for span in await whole(lambda page: store.scan(every, page))}
    sessions = {session.session_id: session for session in await whole(store.sessions)}
    rewards: dict[str, Reward] = {}
    targets = [Target(session_id=span.session_id, span_id=span.span_id) for span in spans.values()]
    for target in [*targets, *(Target(session_id=session_id, span_id=None) for session_id in sessions)]:
        rewards |= {reward.reward_id: reward for reward in await store.rewards(target)}
    return Contents(dict(sorted(spans.items())), dict(sorted(sessions.items())), dict(sorted(rewards.items())))


async def whole(answer: Callable[[PageRequest], Awaitable[Page[Item]]], limit: int = 1000) -> list[Item]:
    """All pages of an answer, one after the other."""
    items: list[Item] = []
    after: str | None = None
    while True:
        page = await answer(PageRequest(limit=limit, after=after))
        assert len(page.items) <= limit
        items += page.items
        after = page.next
        if after is None:
            return items


async def held(store: Store, span_id: str) -> Span:
    """One span that must be there."""
    return (await store.spans([span_id]))[span_id]


async def add_one_by_one(store: Store, *spans: Span) -> None:
    """Each in a batch of its own, in this order."""
    for span in spans:
        await store.add(Batch(spans=[span]))
