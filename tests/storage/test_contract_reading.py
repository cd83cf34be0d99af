"""What the answers promise: which spans match, in which order, in pages that stay true while others write."""

from typing import Any

import pytest

from storage.errors import BadCursor
from storage.lessons import TaskHead, Vocabulary
from storage.queries import AGENT_RUNS, ALL_KINDS, CALLS, Batch, Measure, Page, PageRequest, SpanFilter, Target
from storage.records import ReadPosition, Session, Span
from storage.store import Store
from storage.vocabulary import Outcome, SpanKind, Status
from tests.factories import NOON, a_reward, a_span, at
from tests.storage.contents import whole

pytestmark = pytest.mark.anyio

EVERY = SpanFilter(kinds=ALL_KINDS)


async def ids(store: Store, question: SpanFilter) -> list[str]:
    page = await store.find(question, PageRequest())
    scanned = await store.scan(question, PageRequest())
    assert sorted(span.span_id for span in scanned.items) == sorted(span.span_id for span in page.items)
    assert page.total == scanned.total == len(page.items)
    return [span.span_id for span in page.items]


DIFFERENT: dict[str, Any] = {
    "session_id": "session-2", "agent_type": "Plan", "model": "large", "task_type": "search", "project": "/p",
    "status": Status.ERROR, "cost_usd": 2.0, "task": "Find the red door", "started_at": at(10), "ended_at": at(20),
    "guessed_type": "guessed", "guessed_by": "words/1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        pytest.param({}, ["different", "plain"], id="all delegations, newest first"),
        pytest.param({"session_id": "session-2"}, ["different"], id="of a session"),
        pytest.param({"agent_types": frozenset({"Plan", "x"})}, ["different"], id="of one of some agent types"),
        pytest.param({"agent_types": frozenset()}, [], id="of no agent type"),
        pytest.param({"agent_types": frozenset({"plan"})}, [], id="agent types are exact"),
        pytest.param({"model": "large"}, ["different"], id="of a model"),
        pytest.param({"task_type": "search"}, ["different"], id="of a task type"),
        pytest.param({"task_type": "guessed"}, ["plain"], id="of a type that was guessed"),
        pytest.param({"outcome": Outcome.FAILURE}, ["different"], id="with an outcome"),
        pytest.param({"outcome": Outcome.UNKNOWN}, ["plain"], id="with an unknown outcome"),
        pytest.param({"status": Status.ERROR}, ["different"], id="with a status"),
        pytest.param({"project": "/p"}, ["different"], id="in a project"),
        pytest.param({"since": at(10)}, ["different"], id="since its very start"),
        pytest.param({"since": at(10.000001)}, [], id="since a microsecond after it"),
        pytest.param({"until": at(10)}, ["plain"], id="until the start of the other"),
        pytest.param({"until": at(10.000001)}, ["different", "plain"], id="until a microsecond after it"),
        pytest.param({"min_cost_usd": 2.0}, ["different"], id="of at least its cost"),
        pytest.param({"min_cost_usd": 2.01}, [], id="of more than its cost"),
        pytest.param({"min_cost_usd": 0.0}, ["different"], id="an unknown cost is no cost of 0"),
        pytest.param({"words": "door FIND"}, ["different"], id="with words in any order and case"),
        pytest.param({"words": "door window"}, [], id="every word must occur"),
        pytest.param({"words": "doo"}, [], id="words are whole"),
        pytest.param({"words": '"red" OR (door*) NEAR -x^ task:'}, [], id="no word is an operator"),
        pytest.param({"words": "door AND red"}, [], id="not even and"),
        pytest.param({"words": "  ?! "}, [], id="no word at all finds nothing"),
        pytest.param({"model": "large", "status": Status.OK}, [], id="all that is given must hold"),
        pytest.param({"model": "large' or 1=1 --"}, [], id="a value is never a statement"),
        pytest.param({"model": "\ud800"}, [], id="half a surrogate pair is a value too"),
        pytest.param({"kinds": CALLS}, ["call"], id="calls"),
        pytest.param({"kinds": AGENT_RUNS}, ["different", "main", "plain"], id="runs of agents"),
        pytest.param({"kinds": frozenset()}, [], id="of no kind"),
        pytest.param({"kinds": frozenset({SpanKind.TOOL_CALL}), "words": "door"}, [], id="calls have no words"),
    ],
)
async def test_every_filter_finds_what_it_says(store: Store, question: dict[str, Any], expected: list[str]) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(span_id="different", **DIFFERENT),
                a_span(span_id="plain", guessed_type="guessed", guessed_by="words/1"),
                a_span(span_id="main", kind=SpanKind.SESSION, started_at=at(0.5)),
                a_span(span_id="call", kind=SpanKind.TOOL_CALL, task="the door", started_at=at(0.7)),
            ]
        )
    )
    assert await ids(store, SpanFilter(**question)) == expected


async def test_words_are_found_in_the_output_and_follow_it_when_it_changes(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one", output="The cellar, naïve Straße 東京.")]))
    for words in ("cellar", "NAIVE", "straße", "東京"):
        assert await ids(store, SpanFilter(words=words)) == ["one"]
    await store.add(Batch(spans=[a_span(span_id="one", output="The attic.", observed_at=at(9))]))
    assert await ids(store, SpanFilter(words="cellar")) == []
    assert await ids(store, SpanFilter(words="attic")) == ["one"]


async def test_the_outcome_that_is_asked_for_is_that_of_now(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one")]))
    await store.add(Batch(rewards=[a_reward(span_id="one", value=0.5)]))
    assert await ids(store, SpanFilter(outcome=Outcome.PARTIAL)) == ["one"]


async def test_the_newest_are_those_that_find_shows_without_their_long_texts(store: Store) -> None:
    given = [
        a_span(
            span_id=f"s{i}", task=f"task {i}", output="long", error="long", attributes={"long": True},
            tool_sequence=("Read", "Edit"), started_at=at(i // 2), ended_at=at(9), model=f"model-{i % 2}", cost_usd=0.5,
        )
        for i in range(6)
    ]  # fmt: skip
    await store.add(Batch(spans=[*given, a_span(kind=SpanKind.TOOL_CALL)]))
    for question in (SpanFilter(), SpanFilter(model="model-1"), SpanFilter(since=at(1), until=at(2)), EVERY):
        page = await store.find(question, PageRequest(limit=4))
        expected = [span.model_copy(update={"output": None, "error": None, "attributes": {}}) for span in page.items]
        assert await store.newest(question, 4) == expected
        narrow = [span.model_copy(update={"task": None, "tool_sequence": ()}) for span in expected]
        assert await store.newest(question, 4, texts=False) == narrow
    assert await store.newest(SpanFilter(agent_types=frozenset()), 4) == []
    await store.add(Batch(spans=[a_span(agent_type="Plan", task="x" * 9999)]))
    (cut,) = await store.newest(SpanFilter(agent_types=frozenset({"Plan"})), 4)
    assert cut.task == f"{'x' * 208}…[+9791 chars]"


async def test_spans_are_given_by_the_ids_that_were_asked_for(store: Store) -> None:
    one, two = a_span(span_id="one"), a_span(span_id="two", task="text", attributes={"a": 1})
    await store.add(Batch(spans=[one, two]))
    found = await store.spans(["two", "missing", "one", "one", "\ud800"])
    assert set(found) == {"one", "two"}
    assert (found["two"].task, found["two"].attributes) == ("text", {"a": 1})
    assert await store.spans([]) == {}


async def test_a_trajectory_goes_by_start_then_id_and_leaves_texts_out(store: Store) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(span_id="c", started_at=at(0), task="t", output="o", error="e", tool_sequence=("Bash",)),
                a_span(span_id="b", started_at=at(0), kind=SpanKind.LLM_CALL, attributes={"a": 1}),
                a_span(span_id="a", started_at=at(0.5), kind=SpanKind.SESSION),
                a_span(span_id="x", session_id="session-2"),
            ]
        )
    )
    found = await store.trajectory("session-1")
    assert [span.span_id for span in found] == ["b", "c", "a"]
    texts = {"task", "output", "error", "tool_sequence", "attributes"}
    assert found[1].model_dump(include=texts) == {
        "task": None, "output": None, "error": None, "tool_sequence": (), "attributes": {},
    }  # fmt: skip
    assert [span.span_id for span in await store.trajectory("session-1", AGENT_RUNS)] == ["c", "a"]
    assert await store.trajectory("session-1", frozenset()) == []
    assert await store.trajectory("missing") == []


async def test_a_trajectory_with_texts_holds_the_whole_spans_in_the_same_order(store: Store) -> None:
    spans = [
        a_span(span_id="b", started_at=at(0), task="t", output="o", error="e", tool_sequence=("Bash",)),
        a_span(span_id="a", started_at=at(0), kind=SpanKind.LLM_CALL, attributes={"a": 1}),
    ]
    await store.add(Batch(spans=spans))
    found = await store.trajectory("session-1", texts=True)
    assert [span.span_id for span in found] == ["a", "b"]
    assert {span.span_id: span for span in found} == await store.spans(["a", "b"])
    assert all(span == Span.model_validate(span.model_dump()) for span in found)  # read as it was checked


async def test_spans_are_counted_by_kind(store: Store) -> None:
    kinds = [SpanKind.SESSION, SpanKind.DELEGATION, SpanKind.TOOL_CALL, SpanKind.TOOL_CALL]
    await store.add(Batch(spans=[a_span(kind=kind) for kind in kinds]))
    assert await store.span_counts("session-1") == {
        SpanKind.SESSION: 1, SpanKind.DELEGATION: 1, SpanKind.TOOL_CALL: 2,
    }  # fmt: skip
    assert await store.span_counts("missing") == {}


@pytest.mark.parametrize("limit", [120, 249, 250, 251])
@pytest.mark.parametrize(
    "question",
    [
        pytest.param({}, id="all"),
        pytest.param({"model": "small"}, id="by a field"),
        pytest.param({"agent_types": frozenset({"Plan"})}, id="by agent type"),
        pytest.param({"words": "door"}, id="by a word"),
        pytest.param({"words": "door", "model": "small"}, id="by a word and a field"),
    ],
)
async def test_every_page_says_how_many_match_in_all(store: Store, question: dict[str, Any], limit: int) -> None:
    others = [a_span(task="a window", agent_type="Explore", model="large") for _ in range(3)] if question else []
    spans = [a_span(task="a door", agent_type="Plan", model="small", started_at=at(-i)) for i in range(250)]
    await store.add(Batch(spans=[*others, *spans]))
    page, shown = await store.find(SpanFilter(**question), PageRequest(limit=limit)), 0
    while True:
        shown += len(page.items)
        assert page.total == 250
        if page.next is None:
            break
        page = await store.find(SpanFilter(**question), PageRequest(limit=limit, after=page.next))
    assert shown == 250


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_hold_everything_once_in_order(store: Store, limit: int) -> None:
    # Equal starts: the order among them must not change from one page to the next.
    spans = [a_span(span_id=f"span-{number}", started_at=at(number // 3), ended_at=None) for number in range(7)]
    await store.add(Batch(spans=spans))
    found = [span.span_id for span in await whole(lambda page: store.find(EVERY, page), limit)]
    assert sorted(found) == [span.span_id for span in spans]
    starts = [int(span_id[-1]) // 3 for span_id in found]
    assert starts == sorted(starts, reverse=True)
    scanned = [span.span_id for span in await whole(lambda page: store.scan(EVERY, page), limit)]
    assert scanned == [span.span_id for span in spans]


async def test_a_total_counts_all_pages_in_find_and_one_in_scan(store: Store) -> None:
    await store.add(Batch(spans=[a_span() for _ in range(5)]))
    first = await store.find(EVERY, PageRequest(limit=2))
    assert (first.total, (await store.find(EVERY, PageRequest(limit=2, after=first.next))).total) == (5, 5)
    assert (await store.scan(EVERY, PageRequest(limit=2))).total == 2


async def test_pages_of_find_are_stable_while_newer_spans_arrive(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id=f"old-{number}", started_at=at(-number)) for number in range(6)]))
    found: list[str] = []
    after: str | None = None
    for number in range(3):
        page: Page[Span] = await store.find(EVERY, PageRequest(limit=2, after=after))
        found += [span.span_id for span in page.items]
        after = page.next
        late = [a_span(span_id=f"new-{number}", started_at=at(5), ended_at=None), a_span(span_id=f"as-new-{number}")]
        await store.add(Batch(spans=late))
    assert found == [f"old-{number}" for number in range(6)]
    assert after is None


async def test_pages_of_scan_come_to_what_is_added_while_they_are_read(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="b"), a_span(span_id="c")]))
    first = await store.scan(EVERY, PageRequest(limit=1))
    await store.add(Batch(spans=[a_span(span_id="a", started_at=at(-99))]))
    second = await store.scan(EVERY, PageRequest(limit=5, after=first.next))
    assert [span.span_id for span in (*first.items, *second.items)] == ["b", "c", "a"]


async def test_a_span_that_is_updated_keeps_its_place_in_a_scan(store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="b"), a_span(span_id="a")]))
    await store.add(Batch(spans=[a_span(span_id="b", model="large", observed_at=at(9))]))
    assert [span.span_id for span in (await store.scan(EVERY, PageRequest())).items] == ["b", "a"]


async def test_sessions_go_by_latest_activity_in_stable_pages(store: Store) -> None:
    await store.add(Batch(spans=[a_span(session_id=f"s{number}", ended_at=at(number // 2)) for number in range(5)]))
    found: list[str] = []
    after: str | None = None
    for number in range(3):
        page: Page[Session] = await store.sessions(PageRequest(limit=2, after=after))
        found += [session.session_id for session in page.items]
        assert page.total == 5 + number
        after = page.next
        await store.add(Batch(spans=[a_span(session_id=f"new-{number}", ended_at=at(99))]))
    assert sorted(found) == [f"s{number}" for number in range(5)]
    assert [int(session_id[1:]) // 2 for session_id in found] == [2, 1, 1, 0, 0]
    assert after is None


async def test_an_unknown_session_is_none(store: Store) -> None:
    assert await store.session("missing") is None
    assert await store.session("\ud800") is None


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "é", "\ud800", "W10", "bnVsbA", "WzEsIDIsIDNd", "WzEuNSwgMV0", "e30", "W3RydWUsIHRydWVd",
        "WzEsIDEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMF0", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LCAxXQ", "WzEsIG51bGxd",
        "A" * 5001, "W1tb" * 400, "' or 1=1 --",
    ],
    ids=lambda cursor: ascii(cursor[:24]),
)  # fmt: skip
async def test_what_is_no_cursor_is_refused(store: Store, cursor: str) -> None:
    await store.add(Batch(spans=[a_span()]))
    for ask in (lambda page: store.find(EVERY, page), lambda page: store.scan(EVERY, page), store.sessions):
        with pytest.raises(BadCursor, match="pass next_cursor exactly as it was returned"):
            await ask(PageRequest(after=cursor))


async def test_a_cursor_of_another_kind_of_answer_is_refused(store: Store) -> None:
    await store.add(Batch(spans=[a_span(session_id=f"s{number}") for number in range(3)]))
    of_spans = (await store.find(EVERY, PageRequest(limit=1))).next
    of_sessions = (await store.sessions(PageRequest(limit=1))).next
    with pytest.raises(BadCursor):
        await store.sessions(PageRequest(after=of_spans))
    with pytest.raises(BadCursor):
        await store.find(EVERY, PageRequest(after=of_sessions))


async def test_all_rewards_of_a_target_are_told_newest_first(store: Store) -> None:
    old = a_reward(span_id="one", given_at=NOON)
    new = a_reward(span_id="one", given_at=at(1), name="speed", reason="Slow.")
    of_session = a_reward(session_id="session-1", given_at=at(2))
    of_main = a_reward(span_id="main", given_at=at(3))
    await store.add(
        Batch(
            spans=[a_span(span_id="one"), a_span(span_id="main", kind=SpanKind.SESSION)],
            rewards=[old, of_main, new, of_session],
        )
    )
    assert await store.rewards(Target(session_id="session-1", span_id="one")) == [new, old]
    assert await store.rewards(Target(session_id="session-1", span_id=None)) == [of_main, of_session]
    assert await store.rewards(Target(session_id="missing", span_id=None)) == []
    assert [await store.reward(one) for one in (new.reward_id, of_session.reward_id, "missing")] == [
        new,
        of_session,
        None,
    ]


async def test_an_id_is_resolved_to_all_that_it_may_mean(store: Store) -> None:
    await store.add(
        Batch(
            spans=[
                a_span(span_id="one", agent_id="agent-1", tool_use_id="toolu_1"),
                a_span(span_id="two", agent_id="agent-1", session_id="one"),
                a_span(span_id="call", kind=SpanKind.TOOL_CALL, agent_id="agent-1", tool_use_id="toolu_1"),
            ]
        )
    )
    first, second = Target(session_id="session-1", span_id="one"), Target(session_id="one", span_id="two")
    call, session = Target(session_id="session-1", span_id="call"), Target(session_id="one", span_id=None)
    for name, expected in {
        "one": {first, session}, "agent-1": {first, second}, "toolu_1": {first, call}, "session-1":
        {Target(session_id="session-1", span_id=None)}, "missing": set(), "\ud800": set(),
    }.items():  # fmt: skip
        found = await store.resolve(name)
        assert (set(found), len(found)) == (expected, len(expected))


async def test_positions_are_found_by_odd_paths_too(store: Store) -> None:
    position = ReadPosition(source="/caf\udce9.jsonl", identity="i", offset=1)
    await store.add(Batch(positions=[position]))
    assert await store.positions(["/caf\udce9.jsonl"]) == {"/caf\udce9.jsonl": position}
    assert await store.positions([]) == {}


async def test_the_largest_of_what_matches_are_found_by_what_is_known_of_them(store: Store) -> None:
    spans = [
        a_span(span_id="dear", cost_usd=3.0, duration_ms=1, started_at=at(-9)),
        a_span(span_id="dear later", cost_usd=3.0, duration_ms=2, task="t"),
        a_span(span_id="cheap", cost_usd=1.0, duration_ms=30),
        a_span(span_id="unpriced", agent_type="Plan"),
        a_span(span_id="main", kind=SpanKind.SESSION, cost_usd=9.0),
    ]
    await store.add(Batch(spans=spans))
    found = await store.largest(SpanFilter(), Measure.COST, 3)
    assert [(span.span_id, span.task) for span in found] == [("dear later", "t"), ("dear", None), ("cheap", None)]
    assert [span.span_id for span in await store.largest(SpanFilter(), Measure.DURATION, 2)] == ["unpriced", "cheap"]
    assert await store.largest(SpanFilter(agent_types=frozenset({"Plan"})), Measure.COST, 3) == []


async def test_how_rare_words_are_in_tasks_and_which_delegations_hold_them(store: Store) -> None:
    tasks = {"a": "find the parser", "b": "mend the roof", "c": "find the read_position, position"}
    await store.add(Batch(spans=[a_span(span_id=span_id, task=task) for span_id, task in tasks.items()]))
    await store.add(Batch(spans=[a_span(kind=SpanKind.TOOL_CALL, task="find the parser"), a_span(task=None)]))
    found = await store.vocabulary(["find", "the", "read_position", "unheard", '"', ""])
    assert found.frequencies == {"find": 2, "the": 3, "read_position": 1}
    assert found.total == 3
    assert 10 / 3 <= found.mean_length <= 11 / 3  # an engine may take read_position for two words
    assert [one.span_id for one in await store.holding(["find", "parser"], SpanFilter(), 9)] == ["a", "c"]
    assert [one.span_id for one in await store.holding(["read_position"], SpanFilter(), 9)] == ["c"]
    assert await store.holding(["the"], SpanFilter(), 2) == [TaskHead("c", tasks["c"]), TaskHead("b", tasks["b"])]
    assert await store.holding(["the"], SpanFilter(agent_types=frozenset()), 9) == []
    assert await store.holding(["unheard", '"', ""], SpanFilter(), 9) == []
    await store.prune(before=at(99))
    assert (await store.vocabulary(["find"])).total == 0


async def test_a_store_without_delegations_has_no_words(store: Store) -> None:
    assert await store.vocabulary(["find"]) == Vocabulary(total=0, mean_length=0.0, frequencies={})
    assert await store.holding(["find"], SpanFilter(), 9) == []
