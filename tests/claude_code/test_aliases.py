"""An alias stands for what recent delegations that asked by it ran on."""

import pytest

from mcp_server.ingest.claude_code.aliases import aliases
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind
from tests.claude_code import captured
from tests.factories import a_span, at

OLD, NEW = "claude-sonnet-4-5", "claude-sonnet-5-5"


def asking(alias: object, model: str | None, *, when: float = 0, **attributes: object) -> Span:
    return a_span(
        model=model, started_at=at(when), ended_at=at(when), attributes={"requested_model": alias, **attributes}
    )


def test_the_newest_delegation_tells() -> None:
    assert aliases([asking("sonnet", NEW, when=9), asking("sonnet", OLD, when=1)]) == {NEW: "sonnet"}


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(a_span(model=NEW), id="it asked for nothing"),
        pytest.param(asking("sonnet", None), id="nobody knows what it ran on"),
        pytest.param(asking(NEW, NEW), id="it asked by a full id"),
        pytest.param(asking("inherit", NEW), id="it asked for its parent's"),
        pytest.param(asking(["sonnet"], NEW), id="it asked in no words"),
        pytest.param(asking("sonnet", NEW, models=[OLD, NEW]), id="it went on with another model"),
    ],
)
def test_what_does_not_tell_is_left_out(span: Span) -> None:
    assert aliases([span]) == {}


def test_two_aliases_of_one_model_give_one() -> None:
    assert aliases([asking("opus", NEW), asking("fable", NEW)]) == {NEW: "opus"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        pytest.param("custom_agent", {"claude-opus-5-5": "opus", "claude-sonnet-5-5": "sonnet"}, id="calls that ask"),
        pytest.param("success", {}, id="a call that does not"),
    ],
)
async def test_captured_sessions_tell(scenario: str, expected: dict[str, str], store: Store) -> None:
    await captured.importing(store).paths([captured.projects(scenario)])
    spans = (await captured.every_span(store)).values()
    assert aliases(span for span in spans if span.kind is SpanKind.DELEGATION) == expected
