"""Delegations summed up by what they have in common, beside the same sums of the window before."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from mcp_server.analysis.agent_runs import MatchMode, selected
from mcp_server.service import cursors
from mcp_server.service.agent_match import AgentMode, agents_meant
from mcp_server.service.bridging import bridged_over
from mcp_server.service.errors import BadArgument
from mcp_server.service.figures import cost_share, figures, trend
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.grouping import essence_of_all, summed, total
from mcp_server.service.moments import bounds
from mcp_server.service.present import Present
from mcp_server.service.shapes import time_text
from storage.queries import AGENT_RUNS, Dimension, Essence, Group, PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import SpanKind

PAGE: Final = 50
_MAIN: Final = "main"
_SCAN_PAGE: Final = 500
_MARK_CHARS: Final = 20
_TIMES: Final = frozenset({Dimension.DAY, Dimension.WEEK})


def _now() -> datetime:
    return datetime.now(UTC)


class Statistics:
    """Says how sure it is of what it sums up."""

    def __init__(self, store: Store, present: Present, clock: Callable[[], datetime] = _now) -> None:
        """Sum up what a store holds.

        Args:
            store: where from.
            present: brings the store up to date.
            clock: the present time.
        """
        self._store = store
        self._present = present
        self._clock = clock

    async def stats(
        self,
        group_by: Sequence[Dimension] = (Dimension.AGENT_TYPE, Dimension.MODEL),
        *,
        agent_match: str | None = None,
        agent_mode: AgentMode = "nearest",
        project: str | None = None,
        since: str | None = None,
        until: str | None = None,
        cursor: str | None = None,
        limit: int = PAGE,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Delegations summed up by what they have in common, most frequent group first; days and weeks newest first.

        In the mode `ancestor`, all sessions are read in which an agent matches: that takes longer than one sum.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._present.fresh()
        now = self._clock()
        begin, end = bounds(since, until, now)
        agents = None
        if agent_match is not None:
            known = await self._store.distinct(Dimension.AGENT_TYPE)
            # The main agent is no delegation, but others may be below it.
            agents = agents_meant(agent_match, known if agent_mode == "nearest" else {*known, _MAIN})
        question = SpanFilter(agent_types=agents, project=project, since=begin, until=end)
        earlier = _window_before(question, now)
        by = list(dict.fromkeys(group_by))
        if agents is not None and agent_mode == "ancestor":
            groups, before = await self._below(agents, question, earlier, by)
        elif earlier is None:
            groups, before = await self._store.group(question, by), []
        else:
            groups, before = await self._store.compare(question, earlier, by)
        groups = _by_time(groups, by)
        compared = _Comparison(groups, before, by)
        asked = ("stats", by, agent_match, agent_mode, project, since, until)
        start = 0 if cursor is None else _start(groups, cursor, asked)
        page = groups[start : start + limit]
        answer: dict[str, Any] = {
            "groups": [compared.group(group) for group in page],
            "totals": compared.totals(),
            "compared_with": _window_object(earlier) if before else None,
            "returned": len(page),
            "total": len(groups),
        }
        items, kept = fitted(answer, "groups", max_chars)
        more = start + kept < len(groups)
        following = cursors.encode(_mark(page[kept - 1]), *asked) if more and kept else None
        return {**answer, "groups": items, "returned": kept, "next_cursor": following}

    async def _below(
        self, agents: frozenset[str], question: SpanFilter, earlier: SpanFilter | None, by: Sequence[Dimension]
    ) -> tuple[list[Group], list[Essence]]:
        both = question if earlier is None else replace(question, since=earlier.since)
        below = await self._delegations_below(agents, both)
        before = [] if earlier is None else summed((span for span in below if _meets(span, earlier)), by)
        groups = summed((span for span in below if _meets(span, question)), by)
        return groups, [group.essence for group in before]

    async def _delegations_below(self, agents: frozenset[str], question: SpanFilter) -> list[Span]:
        """Delegations to some agents and all below such agents' runs, as far as they meet the rest of a question."""
        session_ids: dict[str, None] = {}
        cursor: str | None = None
        while True:
            matching = SpanFilter(kinds=AGENT_RUNS, agent_types=agents)
            page = await self._store.scan(matching, PageRequest(limit=_SCAN_PAGE, after=cursor))
            session_ids |= dict.fromkeys(span.session_id for span in page.items)
            cursor = page.next
            if cursor is None:
                break
        found: list[Span] = []
        for session_id in session_ids:
            if await self._was_over(session_id, question.since):
                continue
            runs = await bridged_over(self._store, await self._store.trajectory(session_id, AGENT_RUNS))
            meant = selected(runs, agents, MatchMode.ANCESTOR)
            found += [span for span in runs if span.span_id in meant and _meets(span, question)]
        return found

    async def _was_over(self, session_id: str, time: datetime | None) -> bool:
        """Whether nothing happened in a session from that time on."""
        session = None if time is None else await self._store.session(session_id)
        return time is not None and session is not None and session.last_activity_at < time


class _Comparison:
    """Groups beside their whole, and beside those of the window before."""

    def __init__(self, groups: Sequence[Group], before: Sequence[Essence], by: Sequence[Dimension]) -> None:
        self._whole = total(groups)
        self._whole_before = essence_of_all(before)
        # A day is in one window only.
        is_timely = bool(_TIMES & set(by))
        self._before = None if not before or is_timely else {tuple(group.key.values()): group for group in before}

    def group(self, group: Group) -> dict[str, Any]:
        """One group."""
        return {
            "key": group.key,
            **figures(group),
            **({"guessed_type_n": group.guessed_n} if Dimension.TASK_TYPE in group.key else {}),
            "cost_share": None if self._whole is None else cost_share(group, self._whole),
            "trend": None
            if self._before is None
            else trend(group.essence, self._before.get(tuple(group.key.values()))),
        }

    def totals(self) -> dict[str, Any]:
        """All of them together."""
        if self._whole is None:
            return {"n": 0}
        changed = None if self._whole_before is None else trend(self._whole.essence, self._whole_before)
        return {**figures(self._whole), "trend": changed}


def _by_time(groups: list[Group], by: Sequence[Dimension]) -> list[Group]:
    """Newest first where there are days or weeks, otherwise as they are."""
    times = [one.value for one in by if one in _TIMES]
    return sorted(groups, key=lambda group: [group.key[time] or "" for time in times], reverse=True)


def _window_before(question: SpanFilter, now: datetime) -> SpanFilter | None:
    """The same question of a window as long, just before; None where the window has no beginning, or no length."""
    if question.since is None:
        return None
    end = now if question.until is None else min(question.until, now)
    try:
        since = question.since - (end - question.since)
    except OverflowError:
        return None
    return None if since >= question.since else replace(question, since=since, until=question.since)


def _window_object(question: SpanFilter | None) -> dict[str, Any] | None:
    if question is None or question.since is None or question.until is None:
        return None
    return {"since": time_text(question.since), "until": time_text(question.until)}


def _meets(span: Span, question: SpanFilter) -> bool:
    """Whether a span is a delegation of the project and the time that a question names."""
    return (
        span.kind is SpanKind.DELEGATION
        and question.project in {None, span.project}
        and (question.since is None or span.started_at >= question.since)
        and (question.until is None or span.started_at < question.until)
    )


def _start(groups: Sequence[Group], cursor: str, asked: tuple[object, ...]) -> int:
    """Where to go on after the group at which a cursor stands."""
    mark = cursors.decode(cursor, *asked)
    for place, group in enumerate(groups):
        if _mark(group) == mark:
            return place + 1
    raise BadArgument("cursor", cursor, "the group it stood at is gone; begin again without a cursor")


def _mark(group: Group) -> str:
    # Short, whatever its names: a cursor has a limit.
    return hashlib.sha256(json.dumps(group.key, sort_keys=True).encode()).hexdigest()[:_MARK_CHARS]
