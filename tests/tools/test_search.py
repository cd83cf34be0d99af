"""Finding delegations over all sessions."""

from typing import Any

import pytest

from storage.queries import Batch
from storage.store import Store
from storage.vocabulary import SpanKind, Status
from tests.factories import a_span, at
from tests.tools.asking import Ask

pytestmark = pytest.mark.anyio


async def found(ask: Ask, **question: Any) -> list[str]:
    return [span["span_id"] for span in (await ask("search_delegations", **question))["delegations"]]


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({"words": "needle"}, id="a word of the task"),
        pytest.param({"words": "NEEDLE haystack"}, id="words of task and output, whatever their case"),
        pytest.param({"agent_type": "Plan"}, id="agent"),
        pytest.param({"agent_match": "^Pl"}, id="agents by pattern"),
        pytest.param({"model": "large"}, id="model"),
        pytest.param({"task_type": "search"}, id="task type"),
        pytest.param({"outcome": "failure"}, id="outcome"),
        pytest.param({"status": "error"}, id="status"),
        pytest.param({"project": "/home/user/project"}, id="project"),
        pytest.param({"since": "2026-11-20T12:05:00Z"}, id="since a time"),
        pytest.param({"since": "50m"}, id="since a span back"),
        pytest.param({"min_cost_usd": 0.5}, id="cost"),
        pytest.param({"words": "needle", "agent_type": "Plan", "status": "error"}, id="all at once"),
    ],
)
async def test_each_condition_finds_what_meets_it(ask: Ask, store: Store, question: dict[str, Any]) -> None:
    wanted = a_span(
        span_id="wanted", agent_type="Plan", model="large", task="find the needle", output="in the haystack",
        task_type="search", status=Status.ERROR, project="/home/user/project", cost_usd=0.5, started_at=at(700),
        ended_at=at(701),
    )  # fmt: skip
    await store.add(Batch(spans=[wanted, a_span(task="something else", cost_usd=0.1)]))
    assert await found(ask, **question) == ["wanted"]


async def test_the_newest_come_first_and_pages_are_complete(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id=f"s{i}", started_at=at(i), ended_at=at(i)) for i in range(5)]))
    page = await ask("search_delegations", limit=2)
    assert [span["span_id"] for span in page["delegations"]] == ["s4", "s3"]
    assert (page["returned"], page["total"]) == (2, 5)
    await store.add(Batch(spans=[a_span(span_id="newer", started_at=at(99), ended_at=at(99))]))
    assert await found(ask, cursor=page["next_cursor"], limit=10) == ["s2", "s1", "s0"]


async def test_calls_and_sessions_are_not_delegations(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(kind=SpanKind.SESSION), a_span(kind=SpanKind.TOOL_CALL, task="needle")]))
    assert await found(ask) == []
    assert await found(ask, words="needle") == []


async def test_what_the_cap_leaves_out_begins_the_next_page(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id=f"s{i:02}", started_at=at(i), ended_at=at(i)) for i in range(30)]))
    page = await ask("search_delegations", limit=30, max_chars=2000)
    assert 0 < page["returned"] < 30
    assert page["total"] == 30
    rest = await found(ask, limit=30, cursor=page["next_cursor"])
    assert len(rest) + page["returned"] == 30


async def test_what_is_found_can_be_asked_for_again_however_little_room_there_is(ask: Ask, store: Store) -> None:
    names = {
        "agent_type": "plugin-of-my-company:senior-code-reviewer-of-the-payments-team",
        "model": "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef123456",
        "project": "/home/alice/customers/acme/services/repository-of-the-payments-team",
        "task_type": "a type of forty characters, not one more",
    }
    spans = [a_span(**names, task="x" * 5000, output="y" * 5000, started_at=at(i), ended_at=at(i)) for i in range(30)]
    await store.add(Batch(spans=spans))
    page = await ask("search_delegations", limit=30, max_chars=4000)
    assert 0 < page["returned"] < page["total"]
    for name, value in names.items():
        assert {one[name] for one in page["delegations"]} == {value}
        assert (await ask("search_delegations", **{name: value}))["total"] == 30


@pytest.mark.parametrize(
    "words", ['"', "a OR b", "NEAR(a b)", "task:x", "*", "-x", "(((", "'; drop table span; --", "ä ß 日本", "\0", "[1]"]
)
async def test_nothing_in_the_words_is_an_operator(ask: Ask, store: Store, words: str) -> None:
    await store.add(Batch(spans=[a_span(task=f"about {words} and more")]))
    assert (await ask("search_delegations", words=words))["total"] in (0, 1)
    assert (await store.health()).counts["span"] == 1


@pytest.mark.parametrize(
    ("question", "complaint"),
    [
        pytest.param({"cursor": "zz"}, "next_cursor", id="a made-up cursor"),
        pytest.param({"since": "soon"}, "ISO 8601", id="a time in words"),
        pytest.param({"limit": 0}, "limit is 0", id="nothing wanted"),
        pytest.param({"outcome": "good"}, "outcome is 'good'", id="an unknown outcome"),
        pytest.param({"min_cost_usd": -1}, "min_cost_usd is -1", id="a negative cost"),
        pytest.param({"agent": "Explore"}, "no argument agent", id="a misspelt argument"),
        pytest.param({"words": "x" * 2001}, "words is 'xxx", id="endless words"),
    ],
)
async def test_a_bad_question_is_refused_by_name(ask: Ask, question: dict[str, Any], complaint: str) -> None:
    assert complaint in await ask.refused("search_delegations", **question)


async def test_null_means_left_out(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one")]))
    assert await found(ask, words=None, model=None, since=None) == ["one"]


async def test_a_verdict_is_asked_for_once(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(span_id="one", task="Find  it.", ended_at=at(5))]))
    wanted = (await ask("search_delegations"))["verdicts_wanted"]
    assert wanted == [{"span_id": "one", "agent_type": "Explore", "task": "Find it."}]
    await ask("record_reward", target_id="one", value=1, source="human")
    assert (await ask("search_delegations"))["verdicts_wanted"] == []


async def test_a_verdict_is_asked_for_only_of_what_is_shown(ask: Ask, store: Store) -> None:
    await store.add(Batch(spans=[a_span(task="words " * 200, started_at=at(n), ended_at=at(n)) for n in range(30)]))
    answer = await ask("search_delegations", limit=30, max_chars=2000)
    shown = [span["span_id"] for span in answer["delegations"]]
    assert [one["span_id"] for one in answer["verdicts_wanted"]] == shown[:3]


TASKS = {
    "same": "find the parser of the configuration file",
    "more": "find the parser of the configuration file and explain every option that it knows",
    "roof": "mend the roof before the winter begins",
    "docs": "write the release notes of the last three versions",
    **{f"other-{n}": f"deploy service number {n} and look at its log" for n in range(6)},
}


async def tasks(store: Store, **changes: Any) -> None:
    await store.add(Batch(spans=[a_span(span_id=span_id, task=task, **changes) for span_id, task in TASKS.items()]))


async def test_similar_tasks_come_best_first_with_how_similar_they_are(ask: Ask, store: Store) -> None:
    await tasks(store)
    answer = await ask("search_delegations", similar_to=TASKS["same"].upper())
    assert [one["span_id"] for one in answer["delegations"]] == ["same", "more"]
    assert answer["delegations"][0]["similarity"] == 1
    assert 0.3 < answer["delegations"][1]["similarity"] < 1
    assert (answer["returned"], answer["total"], answer["next_cursor"]) == (2, 2, None)


async def test_only_the_texts_of_tasks_are_compared(ask: Ask, store: Store) -> None:
    await tasks(store)
    await store.add(Batch(spans=[a_span(span_id="told", task="say it", output=TASKS["roof"]), a_span(task=None)]))
    assert await found(ask, similar_to=TASKS["roof"]) == ["roof"]


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({"words": "notes haystack"}, id="words"),
        pytest.param({"agent_type": "Plan"}, id="agent"),
        pytest.param({"agent_match": "^Pl"}, id="agents by pattern"),
        pytest.param({"model": "large", "status": "error", "project": "/p", "min_cost_usd": 0.5}, id="several"),
        pytest.param({"since": "50m"}, id="time"),
    ],
)
async def test_similar_tasks_must_meet_the_other_conditions_too(
    ask: Ask, store: Store, question: dict[str, Any]
) -> None:
    wanted = a_span(
        span_id="wanted", agent_type="Plan", model="large", task=TASKS["docs"], output="in the haystack", project="/p",
        status=Status.ERROR, cost_usd=0.5, started_at=at(700), ended_at=at(701),
    )  # fmt: skip
    await tasks(store)
    await store.add(Batch(spans=[wanted]))
    assert await found(ask, similar_to=TASKS["docs"], **question) == ["wanted"]


async def test_similar_tasks_come_page_by_page_also_where_an_answer_is_too_long(ask: Ask, store: Store) -> None:
    spans = [a_span(span_id=f"s{n:02}", task="find the parser" + " in vain" * n) for n in range(12)]
    await store.add(Batch(spans=[*spans, a_span(task="mend it"), a_span(task="write it")]))
    seen: list[str] = []
    cursor = None
    while True:
        page = await ask("search_delegations", similar_to="find the parser", limit=5, max_chars=2000, cursor=cursor)
        assert page["returned"] <= 5
        seen += [one["span_id"] for one in page["delegations"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"s{n:02}" for n in range(page["total"])]
    assert page["total"] > 5


async def test_a_cursor_whose_delegation_is_gone_is_refused_by_name(ask: Ask, store: Store) -> None:
    await tasks(store)
    cursor = (await ask("search_delegations", similar_to=TASKS["same"], limit=1))["next_cursor"]
    await store.prune(before=at(60))
    assert "begin again" in await ask.refused("search_delegations", similar_to=TASKS["same"], cursor=cursor)
    assert "next_cursor" in await ask.refused("search_delegations", similar_to=TASKS["same"], cursor="zz")
    assert "similar_to" in await ask.refused("search_delegations", similar_to="")


@pytest.mark.parametrize(
    "task",
    [
        "?!",
        "a OR b",
        '"',
        "NEAR(find, the)",
        "task:find",
        "'; drop table span; --",
        "ä ß 日本",
        "\0",
        "é" * 20_000,
        "x",
    ],
)
async def test_nothing_in_a_task_is_an_operator(ask: Ask, store: Store, task: str) -> None:
    await tasks(store)
    await store.add(Batch(spans=[a_span(task=f"about {task[:500]} and more")]))
    assert (await ask("search_delegations", similar_to=task))["total"] in (0, 1)
    assert (await store.health()).counts["span"] == len(TASKS) + 1


async def test_a_name_in_code_is_one_word_though_the_index_knows_its_parts(ask: Ask, store: Store) -> None:
    await tasks(store)
    await store.add(Batch(spans=[a_span(span_id="code", task="rename read_position to file_position everywhere")]))
    assert await found(ask, similar_to="rename read_position") == ["code"]
