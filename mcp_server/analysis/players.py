"""A session as credit sees it: its delegations in the order in which their words came to exist.

Credit is given to delegations only; calls of models and tools are evidence for the delegation they were made in. Texts
that must be loaded: task and output of the session span and of all delegations, `error` and `attributes` of the
delegations, and output and error of the tool calls that `last_results` names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from mcp_server.analysis.agent_runs import homes
from mcp_server.analysis.trees import Placed, place
from mcp_server.analysis.words import words
from storage.records import Span
from storage.vocabulary import RewardSource, SpanKind, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """One delegation."""

    span_id: str
    agent_type: str
    model: str | None = None
    task: str = ""
    output: str = ""
    observation: str = ""
    """What came back from the world last: its error, else the last tool result below it."""
    status: Status = Status.OK
    reward: float | None = None
    """In [0, 1], of the judgement that holds; None where nobody judged it, or only a keyword did."""
    depends_on: tuple[int, ...] = ()
    """Places of earlier players whose result it was given, where that is known without reading."""
    commissioner: int | None = None
    """The place of the delegation that started it; None where the main agent did."""
    is_worker: bool = True
    """False for one that did nothing but delegate on."""
    cost_usd: float | None = None
    tokens: int | None = None
    tool_call_count: int = 0


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What credit needs to know about one session."""

    players: Sequence[Player]
    """By end, then start, then id: a nested one thus precedes the one that started it."""
    root_task: str = ""
    """The user's request; its wording belongs to nobody."""
    final_output: str = ""
    problems: Sequence[str] = ()
    """What the spans state about dependencies that cannot be."""

    @cached_property
    def task_words(self) -> list[list[str]]:
        """The words of each player's task."""
        return [words(player.task) for player in self.players]

    @cached_property
    def output_words(self) -> list[list[str]]:
        """The words of each player's output."""
        return [words(player.output) for player in self.players]


def trajectory(spans: Iterable[Span]) -> Trajectory:
    """A session as credit sees it; the same for every order of the spans."""
    placed = place(spans)
    own_homes = homes(placed.spans, placed.parents)
    delegations = sorted(
        (span for span in placed.spans.values() if span.kind is SpanKind.DELEGATION), key=_when_its_words_exist
    )
    places = {span.span_id: number for number, span in enumerate(delegations)}
    evidence = _Evidence(placed, own_homes)
    problems: list[str] = []
    depends_on = _dependencies(delegations, places, problems)
    players = [
        Player(
            span_id=span.span_id,
            agent_type=span.agent_type,
            model=span.model,
            task=span.task or "",
            output=span.output or "",
            observation=span.error or evidence.last_result(span.span_id),
            status=span.status,
            reward=None if span.reward_source is RewardSource.KEYWORD else span.reward,
            depends_on=depends_on[span.span_id],
            commissioner=places.get(own_homes[span.span_id] or ""),
            is_worker=evidence.did_work(span),
            cost_usd=span.cost_usd,
            tokens=span.total_tokens,
            tool_call_count=evidence.tool_calls(span),
        )
        for span in delegations
    ]
    session = next((span for span in placed.spans.values() if span.kind is SpanKind.SESSION), None)
    last = players[-1].output if players else ""
    return Trajectory(
        players=players,
        root_task=(session.task if session else None) or "",
        final_output=(session.output if session else None) or last,
        problems=problems,
    )


def last_results(spans: Iterable[Span]) -> list[str]:
    """Ids of the tool calls whose output and error `trajectory` looks at: the last one of each delegation."""
    placed = place(spans)
    return sorted(span.span_id for span in _last_calls(placed, homes(placed.spans, placed.parents)).values())


def _when_its_words_exist(span: Span) -> tuple[datetime, datetime, str]:
    return (span.ended_at or span.observed_at or span.started_at, span.started_at, span.span_id)


class _Evidence:
    """What the calls below delegations say about them."""

    def __init__(self, placed: Placed, own_homes: Mapping[str, str | None]) -> None:
        self._last = _last_calls(placed, own_homes)
        self._below: dict[str, int] = {}
        self._tools: dict[str, int] = {}
        for span in placed.spans.values():
            home = own_homes[span.span_id]
            if home is not None and span.kind is SpanKind.DELEGATION:
                self._below[home] = self._below.get(home, 0) + 1
            if home is not None and span.kind is SpanKind.TOOL_CALL:
                self._tools[home] = self._tools.get(home, 0) + 1

    def last_result(self, span_id: str) -> str:
        """What the last tool of a delegation answered."""
        last = self._last.get(span_id)
        return "" if last is None else last.error or last.output or ""

    def tool_calls(self, span: Span) -> int:
        """How many calls of tools are known."""
        return max(span.tool_call_count or 0, self._tools.get(span.span_id, 0))

    def did_work(self, span: Span) -> bool:
        """Whether it did more than start other delegations."""
        started = self._below.get(span.span_id, 0)
        return started == 0 or self.tool_calls(span) > started


def _last_calls(placed: Placed, own_homes: Mapping[str, str | None]) -> dict[str, Span]:
    last: dict[str, Span] = {}
    for span in placed.spans.values():
        home = own_homes[span.span_id]
        if span.kind is not SpanKind.TOOL_CALL or home is None or placed.spans[home].kind is not SpanKind.DELEGATION:
            continue
        if home not in last or _when_its_words_exist(last[home]) < _when_its_words_exist(span):
            last[home] = span
    return last


def _dependencies(
    delegations: Sequence[Span], places: Mapping[str, int], problems: list[str]
) -> dict[str, tuple[int, ...]]:
    """Stated dependencies, and that of a resumed agent on its earlier run."""
    found: dict[str, tuple[int, ...]] = {}
    runs: dict[str, int] = {}
    for place_, span in enumerate(delegations):
        stated = span.attributes.get("depends_on")
        names = stated if isinstance(stated, list) else [] if stated is None else [stated]
        earlier = {places[str(name)] for name in names if places.get(str(name), place_) < place_}
        problems += [
            f"{span.span_id} states that it depends on {str(name)[:80]}, which is no earlier delegation of the session"
            for name in names
            if places.get(str(name), place_) >= place_
        ]
        if span.agent_id is not None:
            if span.agent_id in runs:
                earlier.add(runs[span.agent_id])
            runs[span.agent_id] = place_
        found[span.span_id] = tuple(sorted(earlier))
    return found
