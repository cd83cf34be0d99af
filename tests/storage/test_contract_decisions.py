"""Routing decisions: kept, linked to what followed, listed, and forgotten with their sessions."""

from typing import Any

import pytest

from storage.errors import BadCursor
from storage.queries import Batch, PageRequest
from storage.records import Offer, RoutingDecision
from storage.sqlite import decisions
from storage.store import Store
from storage.vocabulary import Level
from tests.factories import NOON, a_span, at
from tests.storage.contents import whole

pytestmark = pytest.mark.anyio

OFFER = Offer(
    agent_type="Explore", model="small", p=0.8, sd=0.1, n_eff=12.5, utility=0.7, index=0.75, p_best=0.6, propensity=1
)


def a_decision(decision_id: str, **changes: Any) -> RoutingDecision:
    given = {"prefer": "balanced", "decision": "delegate", "ground": "best", "reason": "It is.", "at": NOON}
    return RoutingDecision(**{"decision_id": decision_id, **given, **changes})


async def ids(store: Store, **changes: Any) -> list[str]:
    return [one.decision_id for one in await whole(lambda page: store.decisions.page(page, **changes), limit=2)]


async def test_what_goes_in_comes_out(store: Store) -> None:
    given = a_decision(
        "d", session_id="s", project="/p", task="Find \0 it\ud800", task_type="search", task_type_origin="caller",
        complexity=Level.LOW, complexity_origin="text", criticality=Level.HIGH, uncertainty=Level.MEDIUM,
        agent_type="Explore", model="small", explore=True, offers=(OFFER, OFFER.model_copy(update={"model": None})),
        lessons_n=7, mode="auto",
    )  # fmt: skip
    await store.decisions.add(given)
    assert await store.decisions.get("d") == given
    bare = a_decision("bare")
    await store.decisions.add(bare)
    assert await store.decisions.get("bare") == bare
    assert await store.decisions.get("other\0\ud800") is None


async def test_one_with_a_known_id_takes_the_place_of_the_other(store: Store) -> None:
    await store.decisions.add(a_decision("d"))
    await store.decisions.add(a_decision("d", reason="Another."))
    page = await store.decisions.page(PageRequest())
    assert ([one.reason for one in page.items], page.total) == (["Another."], 1)


async def test_those_of_a_session_wait_for_what_follows(store: Store) -> None:
    for number in range(4):
        await store.decisions.add(a_decision(f"d{number}", session_id="s", at=at(number)))
    await store.decisions.add(a_decision("other", session_id="t", at=at(9)))
    assert await store.decisions.link("d2", "span", followed=False)
    assert [one.decision_id for one in await store.decisions.waiting("s", at(1))] == ["d3", "d1"]
    linked = await store.decisions.get("d2")
    assert linked is not None
    assert (linked.span_id, linked.followed) == ("span", False)


async def test_a_decision_is_linked_once(store: Store) -> None:
    await store.decisions.add(a_decision("d"))
    assert not await store.decisions.link("unknown", "span", followed=True)
    assert await store.decisions.link("d", "span", followed=True)
    assert not await store.decisions.link("d", "later", followed=False)
    linked = await store.decisions.get("d")
    assert linked is not None
    assert (linked.span_id, linked.followed) == ("span", True)


async def test_they_are_listed_newest_first_page_by_page(store: Store) -> None:
    for number in (3, 1, 4, 0, 2):
        await store.decisions.add(a_decision(f"d{number}", at=at(number // 2)))
    assert await ids(store) == ["d4", "d3", "d2", "d1", "d0"]
    assert await ids(store, since=at(1)) == ["d4", "d3", "d2"]
    assert (await store.decisions.page(PageRequest(limit=1), since=at(1))).total == 3
    with pytest.raises(BadCursor):
        await store.decisions.page(PageRequest(after="x"))


async def test_only_so_many_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "KEPT", 3)
    for number in (5, 1, 4, 2, 3):
        await store.decisions.add(a_decision(f"d{number}", at=at(number)))
    assert await ids(store) == ["d5", "d4", "d3"]


async def test_they_go_with_their_session(store: Store) -> None:
    await store.add(Batch(spans=[a_span(session_id="old"), a_span(session_id="new", ended_at=at(99))]))
    for number, session_id in enumerate(["old", "new", "never seen", None]):
        await store.decisions.add(a_decision(f"d{number}", session_id=session_id, at=at(number)))
    await store.decisions.add(a_decision("later", at=at(50)))
    await store.prune(before=at(50))
    assert await ids(store) == ["later", "d1"]
