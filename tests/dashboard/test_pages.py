"""The pages: whole, bounded, and with no text that could become anything but text."""

import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_server.dashboard.period import period_page
from mcp_server.dashboard.session import session_page
from storage.records import Reward, Span
from storage.vocabulary import SpanKind, Status
from tests.dashboard.reading import Page
from tests.dashboard.surveyed import INSIGHT, TEXTS, a_history, findings, nothing_found, survey
from tests.factories import NOON, a_reward, a_span, at
from tests.strategies import forests, rewards_of, spans

PERIOD: Final = ["agents", "advice", "time", "tasks", "dearest", "longest", "verdicts"]
SESSION: Final = ["tree", "timeline", "credit", "causes", "errors", "repairs"]
OUTSIDE: Final = re.compile(r"https?:|//|url\((?!#)|@import|javascript:", re.IGNORECASE)
LARGEST_BYTES: Final = 2_000_000
Drawn = tuple[Callable[[Any], str], dict[str, Any]]


@cache
def drawn(kind: str) -> Drawn:
    """How a page is drawn, and of what."""
    recorded = a_history()
    if kind == "session":
        return session_page, survey(*recorded, session_id="session-1")
    return period_page, survey(*recorded, findings, agent_match="[a-z]")


BOTH: Final = pytest.mark.parametrize("kind", ["period", "session"])


def rewritten(value: Any, text: str, *, named: bool = False) -> Any:
    """The same with another text wherever a stranger may have written one."""
    if isinstance(value, dict):
        return {name: rewritten(part, text, named=name in TEXTS) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rewritten(part, text, named=named) for part in value]
    return text if named and isinstance(value, str) else value


@BOTH
def test_a_page_is_well_formed_and_has_every_section(kind: str) -> None:
    draw, asked = drawn(kind)
    page = Page(draw(asked))
    sections = PERIOD if kind == "period" else SESSION
    assert page.titles() == sections
    assert len(page.ids) == len(set(page.ids))
    assert set(sections) <= set(page.ids)


@BOTH
def test_a_page_asks_for_nothing_and_runs_nothing(kind: str) -> None:
    draw, asked = drawn(kind)
    written = draw(asked)
    page = Page(written)
    assert {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "form",
        "base",
        "image",
    } == set()
    assert [found for found in page.attributes if found[1].startswith("on") or found[1] == "style"] == []
    assert {value[0] for _, name, value in page.attributes if name in {"href", "src", "xlink:href"}} == {"#"}
    assert OUTSIDE.search(written) is None
    policy = next(value for _, name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


@BOTH
def test_every_picture_says_what_it_shows_and_every_table_names_its_cells(kind: str) -> None:
    draw, asked = drawn(kind)
    page = Page(draw(asked))
    for tag, names in page.tags:
        assert tag != "svg" or {"role", "aria-label"} <= set(names) or "aria-hidden" in names
        assert tag != "th" or "scope" in names
        assert tag != "section" or "aria-labelledby" in names
    assert [tag for tag, _ in page.tags].count("table") == [tag for tag, _ in page.tags].count("caption")
    assert {"header", "nav", "main", "footer", "h1"} <= {tag for tag, _ in page.tags}


@BOTH
@given(text=st.text(min_size=1).filter(str.strip))
@example(text="</style><script>alert(1)</script>")
@example(text='" onload="alert(1)')
@example(text="' onmouseover='alert(1)")
@example(text="<!--")
@example(text="]]><svg/onload=alert(1)>")
@example(text="&lt;&#x26;&")
@example(text="\u202egnp.exe\x00\ud800")
@example(text="{0} %s $x {{")
@settings(max_examples=30)
def test_no_text_becomes_markup(kind: str, text: str) -> None:
    draw, asked = drawn(kind)
    harmless = Page(draw(rewritten(asked, "x")))
    page = Page(draw(rewritten(asked, text)))
    assert page.tags == harmless.tags


@BOTH
def test_what_nobody_can_read_is_replaced(kind: str) -> None:
    draw, asked = drawn(kind)
    written = draw(rewritten(asked, "a\x00\x1b[2J\u202eb\ud800c"))
    assert "a\ufffd\ufffd[2J\ufffdb\ufffdc" in written
    written.encode()


def test_a_period_without_anything_says_so_and_what_to_do() -> None:
    page = Page(period_page(survey([])))
    assert "Nothing recorded" in page.text
    assert "delegation-telemetry import" in page.text
    assert page.titles() == []


@pytest.mark.parametrize("days", [3, 357], ids=["drawn by days", "drawn by weeks"])
def test_the_title_names_the_first_and_the_last_day(days: int) -> None:
    ends = [a_span(span_id=f"d{number}", started_at=at(number * 86_400)) for number in (-days, 0)]
    first = at(-days * 86_400)
    title = f"{first.day} {first:%b %Y} to 20 Nov 2026"
    assert title in Page(period_page(survey(ends))).text
    assert title in Page(period_page(survey(ends, until="2026-11-21", since=first.isoformat()))).text


def test_what_is_not_known_is_never_drawn_as_0() -> None:
    one = a_span(span_id="one", ended_at=None, duration_ms=None)
    period, session = Page(period_page(survey([one]))), Page(session_page(survey([one], session_id="session-1")))
    for page in (period, session):
        assert not re.search(r"\$0|\b0 ms|\b0 s\b", page.text)
    assert "not enough data" in period.text
    assert "What a day cost is not known." in period.text
    assert "How long anything took is not known." in session.text


def test_a_rate_needs_five_judged() -> None:
    recorded = [a_span(span_id=f"d{number}") for number in range(8)]
    few = survey(recorded, [a_reward(span_id=f"d{number}") for number in range(4)])
    more = survey(recorded, [a_reward(span_id=f"d{number}") for number in range(5)])
    assert "90 %:" not in Page(period_page(few)).text
    assert "90 %:" in Page(period_page(more)).text


@pytest.mark.parametrize(
    ("span_id", "command"),
    [
        pytest.param("0190d9e8-10d3", "delegation-telemetry reward 0190d9e8-10d3 VALUE", id="harmless"),
        pytest.param("x 1; touch /tmp/it; #", "delegation-telemetry reward 'x 1; touch /tmp/it; #' VALUE", id="two"),
        pytest.param("--help", "delegation-telemetry reward -- --help VALUE", id="an option"),
        pytest.param("$(it)`it`'\"&", None, id="quotes"),
    ],
)
def test_a_verdict_is_asked_for_with_a_command_that_may_be_copied(span_id: str, command: str | None) -> None:
    said = Page(period_page(survey([a_span(span_id=span_id)]))).said
    (found,) = [one for one in said if one.startswith("delegation-telemetry reward")]
    assert found == (command or found)
    assert [one for one in shlex.split(found) if one != "--"] == ["delegation-telemetry", "reward", span_id, "VALUE"]


@pytest.mark.parametrize("span_id", ["a\nrm it", "a\x1b[31m", "a\u202eb", "a\rb", "\\'\\';it;#"])
def test_no_command_is_shown_for_an_id_that_cannot_be_copied_safely(span_id: str) -> None:
    page = Page(period_page(survey([a_span(span_id=span_id)])))
    assert "verdicts" in page.titles()
    assert "delegation-telemetry reward" not in page.text
    assert "cannot be copied" in page.text


@pytest.mark.parametrize("n", [19, 20])
def test_one_in_twenty_is_told_of_twenty(n: int) -> None:
    page = Page(period_page(survey([a_span(span_id=f"d{number}", ended_at=at(1)) for number in range(n)])))
    assert ("95 % within" in page.text) == (n == 20)


def test_what_to_change_is_shown_where_somebody_says_it() -> None:
    assert "advice" not in Page(period_page(survey([a_span()]))).titles()
    page = Page(period_page(survey([a_span()], review=nothing_found)))
    assert "advice" in page.titles()
    assert "Nothing stands out" in page.text
    page = Page(period_page(survey([a_span()], review=findings)))
    for sentence in (
        INSIGHT["text"],
        INSIGHT["change"],
        "$3.50 · 1 min · 2 failed",
        "from 40 delegations; see",
        "and others",
    ):
        assert sentence in page.text
    assert "2 smaller findings left out" in page.text
    assert "only the newest were looked at" in page.text


def test_a_review_is_of_the_period_that_is_shown() -> None:
    asked: list[dict[str, Any]] = []

    async def review(**question: Any) -> dict[str, Any]:
        asked.append(question)
        return await findings()

    survey([a_span()], review=review, until="2027-01-01", agent_match="Explore")
    survey([a_span()], review=review, project="/home")
    ((question),) = asked
    assert (question["since"], question["until"], question["agent_match"]) == ("2026-11-20", "2027-01-01", "Explore")


def test_what_a_huge_session_leaves_out_is_said() -> None:
    main = a_span(span_id="main", kind=SpanKind.SESSION, agent_type="main", ended_at=at(9000), cost_usd=1.0)
    many = [
        a_span(
            parent_span_id="main",
            status=Status.ERROR if number % 20 == 0 else Status.OK,
            error="boom" if number % 20 == 0 else None,
            task="Change it. " * 500,
            output="Changed. " * 500,
            started_at=at(2 * number),
            ended_at=at(2 * number + 5),
            cost_usd=0.01,
        )
        for number in range(700)
    ]
    asked = survey([main, *many], session_id="session-1")
    written = session_page(asked)
    page = Page(written)
    assert len(written.encode()) < LARGEST_BYTES
    assert "Shown are 300 of 701 runs" in page.text
    assert "+401" in page.text
    assert "401 more runs left out, $4.01" in page.text
    assert {run["span_id"] for run in asked["runs"]} >= {span.span_id for span in many if span.error}


def test_what_a_long_period_of_many_agents_leaves_out_is_said() -> None:
    many = [
        a_span(agent_type=f"agent-{number}", model=f"model-{number % 9}", started_at=NOON - timedelta(days=number))
        for number in range(0, 1500, 3)
    ]
    asked = survey(many)
    written = period_page(asked)
    page = Page(written)
    assert len(written.encode()) < LARGEST_BYTES
    assert asked["step"] == "week"
    assert "rarer pairs of agent and model left out" in page.text
    assert "earlier delegations left out" in page.text


def test_only_the_agents_that_match_are_drawn() -> None:
    recorded, rewards = a_history()
    asked = survey(recorded, rewards, session_id="session-1", agent_match="^worker$")
    assert {run["agent_type"] for run in asked["runs"]} == {"worker"}
    period = survey(recorded, rewards, agent_match="^worker$")
    assert {one["agent_type"] for one in period["dearest"]} == {"worker"}
    assert period["totals"]["n"] == 7


@given(recorded=st.lists(spans(session_id="session-1"), min_size=1, max_size=6), data=st.data())
@settings(max_examples=12)
def test_any_history_gives_whole_pages(recorded: list[Span], data: st.DataObject) -> None:
    rewards = data.draw(st.lists(rewards_of([span.span_id for span in recorded], ["session-1"]), max_size=3))
    _whole_pages(recorded, rewards)


@given(forests())
@settings(max_examples=12)
def test_any_tree_gives_whole_pages(recorded: list[Span]) -> None:
    _whole_pages(recorded, [])


def _whole_pages(recorded: list[Span], rewards: list[Reward]) -> None:
    asked = survey(recorded, rewards, session_id=recorded[0].session_id)
    for written in (session_page(asked), period_page(survey(recorded, rewards))):
        page = Page(written)
        assert all(-0.01 <= share <= 100.01 for share in _shares(page))


def _shares(page: Page) -> list[float]:
    """Every place and length along a picture, in per cent of its width."""
    return [
        float(value[:-1])
        for _, name, value in page.attributes
        if name in {"x", "x1", "x2", "cx", "width"} and value.endswith("%")
    ]
