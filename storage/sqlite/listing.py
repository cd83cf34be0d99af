"""Spans that match a question, newest first, a page at a time."""

import json
import sqlite3
from typing import Final

from storage.fields import clip
from storage.queries import Dimension, Measure, Page, PageRequest, SpanFilter
from storage.records import Span
from storage.sqlite import conditions, cursors, groups, rows, search

_HEAD_BYTES: Final = 256
_COMMON: Final = 2_000
"""Words in more delegations than this are common."""
_FEW: Final = 200
"""So many are found at once: where that is all, nothing has to be counted."""
_TOTAL: Final = "select count(*) from {table} where "
_FOUND: Final = "select id, started_us from {table} where "
_PAGE: Final = _FOUND.format(table="span")
_COUNTED: Final = """
    with found as materialized ({found})
    select id, started_us, (select count(*) from found) as total from found where true
"""
_NEWEST_FIRST: Final = " order by started_us desc, id desc limit :limit"
_AFTER: Final = " and (started_us, id) < (:after_us, :after_id)"
_WHOLE: Final = """
    select * from span join span_text using (id)
    where id in (select value from json_each(:ids)) order by started_us desc, id desc
"""
_OUTLINES: Final = """
    select span.*, task, null as output, null as error, tool_sequence, null as attributes
    from span join span_text using (id)
    where id in (select value from json_each(:ids)) order by started_us desc, id desc
"""
_NARROW: Final = """
    select * from span where id in (select value from json_each(:ids)) order by started_us desc, id desc
"""
_SCAN: Final = "select * from span join span_text using (id) where id > :after_id and "
_OLDEST_NUMBER_FIRST: Final = " order by id limit :limit"
_LARGEST: Final = {
    measure: f"and {measure} is not null order by {measure} desc, started_us desc, id desc limit :limit"
    for measure in Measure
}
_DISTINCT: Final = {
    dimension: f"""
        select {expression} as value, count(*) as n from span where kind = 'delegation'
        group by value having value is not null order by n desc, value
    """
    for dimension, expression in groups.EXPRESSIONS.items()
}


def find(connection: sqlite3.Connection, question: SpanFilter, request: PageRequest) -> Page[Span]:
    """One page of the spans that match, with their texts."""
    common_words = question.words is not None and search.more_hold(connection, question.words, _COMMON)
    table = _table(question, common_words=common_words)
    condition, parameters = conditions.where(question, common_words=common_words)
    statement = _FOUND.format(table=table) + condition
    by_words_alone = question.words is not None and question == SpanFilter(words=question.words)
    # To look common words up takes longer than all else: once for what is found and for how many these are.
    counted = common_words and not by_words_alone
    if counted:
        statement = _COUNTED.format(found=statement)
    limits = {"limit": max(_FEW, request.limit + 1)}
    if request.after is not None:
        us, number = cursors.decode(request.after, int)
        statement += _AFTER
        limits |= {"after_us": us, "after_id": number}
    found = connection.execute(statement + _NEWEST_FIRST, parameters | limits).fetchall()
    if request.after is None and len(found) < limits["limit"]:
        total = len(found)
    elif counted and found:
        total = found[0]["total"]
    elif question.words is not None and by_words_alone:
        total = search.how_many_hold(connection, question.words)
    else:
        total = connection.execute(_TOTAL.format(table=table) + condition, parameters).fetchone()[0]
    more, found = len(found) > request.limit, found[: request.limit]
    following = cursors.encode(found[-1]["started_us"], found[-1]["id"]) if more else None
    whole = connection.execute(_WHOLE, {"ids": json.dumps([row["id"] for row in found])})
    return Page(items=[rows.span_of(row, texts=True) for row in whole], total=total, next=following)


def _table(question: SpanFilter, *, common_words: bool) -> str:
    """From where rows are best read: SQLite knows nothing of how many there are of which kind."""
    if question.kinds != SpanFilter().kinds or question.session_id is not None:
        return "span"
    if question.words is not None and not common_words:
        return "span"  # by the few rows that hold them
    return f"span indexed by {'delegation_by_time' if question.agent_types is None else 'delegation_by_filter'}"


def newest(connection: sqlite3.Connection, question: SpanFilter, limit: int, *, texts: bool) -> list[Span]:
    """The newest spans that match; with texts, these are the heads of their tasks and their tool sequences."""
    condition, parameters = conditions.where(question)
    found = connection.execute(_PAGE + condition + _NEWEST_FIRST, parameters | {"limit": limit}).fetchall()
    ids = {"ids": json.dumps([row["id"] for row in found])}
    if not texts:
        return [rows.span_of(row, texts=False) for row in connection.execute(_NARROW, ids)]
    return [_with_head(rows.span_of(row, texts=True)) for row in connection.execute(_OUTLINES, ids)]


def scan(connection: sqlite3.Connection, question: SpanFilter, request: PageRequest) -> Page[Span]:
    """One part of the spans that match, in the order of their numbers, with their texts."""
    condition, parameters = conditions.where(question)
    start = 0 if request.after is None else cursors.decode(request.after, int)[1]
    found = connection.execute(
        _SCAN + condition + _OLDEST_NUMBER_FIRST, parameters | {"after_id": start, "limit": request.limit + 1}
    ).fetchall()
    more, found = len(found) > request.limit, found[: request.limit]
    following = cursors.encode(0, found[-1]["id"]) if more else None
    return Page(items=[rows.span_of(row, texts=True) for row in found], total=len(found), next=following)


def largest(connection: sqlite3.Connection, question: SpanFilter, measure: Measure, limit: int) -> list[Span]:
    """So many of the spans that match, by what is largest of them, with their texts."""
    condition, parameters = conditions.where(question)
    found = connection.execute(f"{_PAGE}{condition} {_LARGEST[measure]}", parameters | {"limit": limit}).fetchall()
    ids = [row["id"] for row in found]
    whole = {row["id"]: row for row in connection.execute(_WHOLE, {"ids": json.dumps(ids)})}
    return [rows.span_of(whole[number], texts=True) for number in ids]


def distinct(connection: sqlite3.Connection, dimension: Dimension) -> list[str]:
    """The known values of a dimension of delegations, most frequent first."""
    return [row["value"] for row in connection.execute(_DISTINCT[dimension])]


def _with_head(span: Span) -> Span:
    """Of a span that was just read and nobody else has."""
    if span.task is not None:
        span.__dict__["task"] = clip(span.task, _HEAD_BYTES)
    return span
