"""Whatever the payload of a hook holds, it is refused by its name or understood as far as it goes."""

from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.ingest.claude_code.endings import Life
from mcp_server.ingest.claude_code.hook_events import BadEvent, event_of
from mcp_server.ingest.claude_code.ledger import Ledger, ledger_of
from storage.records import HookEvent, Span
from tests.claude_code import captured, telling
from tests.claude_code.telling import Event

TOLD: Final = [event for scenario in ("nested", "taskstop", "workflow") for event in telling.told(scenario)]
NESTED: Final = telling.told("nested")
PATHS: Final = sorted(
    {(name,) for event in TOLD for name in event.payload}
    | {
        (name, inner)
        for event in TOLD
        for name, value in event.payload.items()
        if isinstance(value, dict)
        for inner in value
    }
)
ANYTHING: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _changed(payload: dict[str, Any], changes: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """A payload with other values at some places, as far as it has them."""
    found = dict(payload)
    for (name, *inner), value in changes.items():
        if not inner:
            found |= {name: value} if name in found else {}
        elif isinstance(found.get(name), dict):
            found[name] = {**found[name], inner[0]: value}
    return found


def _understood(events: list[Event]) -> list[HookEvent]:
    found: list[HookEvent] = []
    refusals: list[str] = []
    for event in events:
        try:
            found.append(event_of(event.payload, captured.VERBATIM, event.at))
        except BadEvent as refusal:
            refusals.append(str(refusal))
    assert all("is missing" in refusal for refusal in refusals)
    return found


def _spans(ledger: Ledger, life: Life) -> list[Span]:
    return ledger.assembled(life, lambda *_: None).spans


@settings(max_examples=30)
@given(
    changes=st.dictionaries(st.sampled_from(PATHS), ANYTHING, min_size=1, max_size=4),
    life=st.sampled_from(Life),
    scenario=st.sampled_from(["nested", "taskstop", "workflow"]),
)
def test_any_value_anywhere_does_no_harm(changes: dict[tuple[str, ...], Any], life: Life, scenario: str) -> None:
    events = _understood([Event(event.at, _changed(event.payload, changes)) for event in telling.told(scenario)])
    for span in _spans(ledger_of("session", events), life):
        assert span.input_tokens is None


@settings(max_examples=40)
@given(order=st.permutations(range(len(NESTED))), kept=st.integers(0, len(NESTED)))
def test_events_are_folded_by_their_time_and_not_by_their_order(order: list[int], kept: int) -> None:
    some = [NESTED[place] for place in order[:kept]]
    events = _understood(some)
    in_order = sorted(events, key=lambda event: event.at)
    folded, expected = (_spans(ledger_of("session", those), Life.GOES_ON) for those in (events, in_order))
    assert folded == expected


@settings(max_examples=40)
@given(there=st.sets(st.sampled_from(range(len(NESTED)))))
def test_whatever_event_is_missing_no_delegation_is_invented(there: set[int]) -> None:
    events = _understood([NESTED[place] for place in sorted(there)])
    known = {one["agent_id"] for one in captured.expected("nested")["sessions"][0]["delegations"]}
    assert {span.agent_id for span in _spans(ledger_of("session", events), Life.CLOSED)} <= {*known, None}
