"""What a store must hold after a play: what the script says, and what the model's endpoint charged for."""

from collections.abc import Iterable, Mapping

import pytest

from mcp_server.ingest.claude_code.identity import delegation_span_id, session_span_id
from mcp_server.ingest.usage import Usage
from storage.records import Span
from storage.vocabulary import SpanKind
from tests.claude_code.live.charges import charged
from tests.claude_code.live.endpoint import Request
from tests.claude_code.live.playing import Run
from tests.claude_code.live.script import Expected

_OK = 200


def delegations_of(run: Run, spans: Mapping[str, Span]) -> dict[str, Span]:
    """The recorded delegations, by the script that the prompt of each names.

    Raises:
        AssertionError: others were recorded than the scenario expects.
    """
    expected = run.scenario.expected(run.version) or ()
    found = [span for span in spans.values() if span.kind is SpanKind.DELEGATION]
    by_script = {
        one.script: span for one in expected for span in found if f"[[script:{one.script}]]" in (span.task or "")
    }
    told = [(span.agent_type, span.agent_id, span.task) for span in found]
    assert by_script.keys() == {one.script for one in expected}, told
    assert len(found) == len(expected), told
    return by_script


def check(run: Run, spans: Mapping[str, Span]) -> None:
    """Compare all that was recorded of a play with what really happened in it.

    Args:
        run: the play.
        spans: all spans of the store, by id.
    """
    recorded = delegations_of(run, spans)
    expected = run.scenario.expected(run.version) or ()
    for one in expected:
        span = recorded[one.script]
        assert _said(span) == _to_be_said(run, one, recorded)
        check_tokens_and_cost(span, run.asked(one.script, *one.continued_by))
    check_main_thread(run, spans, expected)


def _said(span: Span) -> dict[str, object]:
    return {
        "agent_type": span.agent_type,
        "session": span.session_id,
        "parent": span.parent_span_id,
        "model": span.model,
        "end": (span.status, (span.error or "").partition(":")[0] or None),
        "report": span.output,
        "tools": span.tool_sequence,
        "tool_errors": span.tool_error_count,
        "background": span.attributes.get("background", False),
        "agent_id": span.agent_id,
    }


def _to_be_said(run: Run, one: Expected, recorded: Mapping[str, Span]) -> dict[str, object]:
    span = recorded[one.script]
    requests = run.asked(one.script, *one.continued_by)
    session_id = run.exits[0].session_id
    parent = None if one.parent is None else recorded[one.parent].agent_id
    # Clients before 2.1.139 do not tell their endpoint which agent asks.
    told = {request.agent_id for request in requests} - {None}
    end = _said(span)["end"]
    assert one.model in requests[-1].model
    return {
        "agent_type": one.agent_type,
        "session": session_id,
        "parent": session_span_id(session_id) if parent is None else delegation_span_id(session_id, parent),
        "model": _last_that_answered(requests),
        "end": end if end == one.or_else else (one.status, one.error),
        "report": one.report,
        "tools": one.tools,
        "tool_errors": span.tool_error_count if one.tool_errors is None else one.tool_errors,
        "background": one.background,
        "agent_id": told.pop() if len(told) == 1 else span.agent_id,
    }


def _last_that_answered(requests: Iterable[Request]) -> str | None:
    models = [request.model for request in requests if request.status == _OK]
    return models[-1] if models else None


def check_tokens_and_cost(span: Span, requests: Iterable[Request]) -> None:
    """Compare a span's tokens, by class, and its cost with what the endpoint charged for these requests."""
    tokens, usd = charged(requests)
    assert tuple(getattr(span, name) for name in Usage._fields) == tokens
    assert (span.cost_usd or 0) == pytest.approx(usd, abs=1e-12)


def check_main_thread(run: Run, spans: Mapping[str, Span], expected: Iterable[Expected]) -> None:
    """Compare tokens and cost of the main thread with those requests that no agent made."""
    of_agents = {script for one in expected for script in (one.script, *one.continued_by)}
    own = [request for request in run.requests if request.script not in (None, *of_agents)]
    (main,) = [span for span in spans.values() if span.kind is SpanKind.SESSION]
    check_tokens_and_cost(main, own)
