"""Delegations that match, the newest first, or those whose tasks resemble a text, the most similar first."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from mcp_server.service import cursors, similar
from mcp_server.service.agent_match import agents_meant
from mcp_server.service.asking import Asking
from mcp_server.service.errors import BadArgument
from mcp_server.service.fitting import DEFAULT_CHARS, fitted
from mcp_server.service.moments import bounds
from mcp_server.service.present import Present
from mcp_server.service.shapes import span_object
from storage.errors import BadCursor
from storage.fields import plain_type
from storage.queries import Dimension, Page, PageRequest, SpanFilter
from storage.records import Span
from storage.store import Store
from storage.vocabulary import Outcome, Status

_Asked = tuple[object, ...]
"""The arguments of a question, as they were given: its cursors are of no other."""

_SIMILARITY_DIGITS: Final = 3


class Searching:
    """Finds delegations in a store."""

    def __init__(self, store: Store, present: Present, asking: Asking, clock: Callable[[], datetime]) -> None:
        """Search a store.

        Args:
            store: where.
            present: brings the store up to date before each answer.
            asking: knows on which delegations a verdict is wanted.
            clock: the present time.
        """
        self._store = store
        self._present = present
        self._asking = asking
        self._clock = clock

    async def search(
        self,
        words: str | None = None,
        *,
        similar_to: str | None = None,
        agent_type: str | None = None,
        agent_match: str | None = None,
        model: str | None = None,
        task_type: str | None = None,
        outcome: Outcome | None = None,
        status: Status | None = None,
        project: str | None = None,
        since: str | None = None,
        until: str | None = None,
        min_cost_usd: float | None = None,
        cursor: str | None = None,
        limit: int = 20,
        max_chars: int | None = DEFAULT_CHARS,
    ) -> dict[str, Any]:
        """Delegations that match all that is given, newest first, and on which of them a verdict is wanted.

        With `similar_to`, only those whose tasks resemble that text, at most 200, most similar first.

        Raises:
            BadArgument: a value that cannot be used.
        """
        await self._present.fresh()
        begin, end = bounds(since, until, self._clock())
        agents = frozenset({agent_type}) if agent_type is not None else None
        if agent_match is not None:
            known = await self._store.distinct(Dimension.AGENT_TYPE) if agents is None else agents
            agents = agents_meant(agent_match, known)
        question = SpanFilter(
            agent_types=agents,
            model=model,
            task_type=task_type and plain_type(task_type),
            outcome=outcome,
            status=status,
            project=project,
            since=begin,
            until=end,
            min_cost_usd=min_cost_usd,
            words=words,
        )
        asked = (
            "search", words, similar_to, agent_type, agent_match, model, task_type, outcome, status, project, since,
            until, min_cost_usd,
        )  # fmt: skip
        if similar_to is None:
            alike: dict[str, float] = {}
            page = await self._newest(question, limit, cursor, asked)
        else:
            found = await similar.delegations(self._store, similar_to, question)
            alike = dict(found)
            page = await self._most_similar(list(alike), limit, cursor, asked)
        answer: dict[str, Any] = {
            "delegations": [_found_object(span, alike.get(span.span_id)) for span in page.items],
            "returned": len(page.items),
            "total": page.total,
            "next_cursor": page.next,
            "verdicts_wanted": await self._asking.about(page.items),
        }
        items, kept = fitted(answer, "delegations", max_chars)
        if kept < len(page.items):
            # What was left out for its size begins the next page.
            if similar_to is None:
                answer["next_cursor"] = (await self._newest(question, kept, cursor, asked)).next
            else:
                answer["next_cursor"] = cursors.encode(page.items[kept - 1].span_id, *asked)
        shown = {item["span_id"] for item in items}
        wanted = [one for one in answer["verdicts_wanted"] if one["span_id"] in shown]
        return {**answer, "delegations": items, "returned": kept, "verdicts_wanted": wanted}

    async def _newest(self, question: SpanFilter, limit: int, cursor: str | None, asked: _Asked) -> Page[Span]:
        after = None if cursor is None else cursors.decode(cursor, *asked)
        try:
            page = await self._store.find(question, PageRequest(limit=limit, after=after))
        except BadCursor as error:
            raise BadArgument("cursor", cursor, "pass next_cursor exactly as it was returned") from error
        return replace(page, next=None if page.next is None else cursors.encode(page.next, *asked))

    async def _most_similar(self, span_ids: Sequence[str], limit: int, cursor: str | None, asked: _Asked) -> Page[Span]:
        start = cursors.place_after(span_ids, cursor, asked)
        chosen = span_ids[start : start + limit]
        # Pruning may have taken some of them meanwhile.
        whole = await self._store.spans(chosen)
        return Page(
            items=[whole[span_id] for span_id in chosen if span_id in whole],
            total=len(span_ids),
            next=cursors.encode(chosen[-1], *asked) if start + limit < len(span_ids) else None,
        )


def _found_object(span: Span, similarity: float | None) -> dict[str, Any]:
    found = {"session_id": span.session_id, "project": span.project, **span_object(span, "summary")}
    return found if similarity is None else {"similarity": round(similarity, _SIMILARITY_DIGITS), **found}
