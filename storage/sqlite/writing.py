"""Adding a batch: records first, then everything that is computed from them, in the same transaction."""

import sqlite3

from storage.queries import Added, Batch, Change
from storage.sqlite import costs, events, lessons, positions, rewards, sessions, spans, twins
from storage.sqlite.rollups import Deltas


def add(connection: sqlite3.Connection, batch: Batch) -> Added:
    """Keep a batch, and leave outcomes, subtree costs, roll-ups, lessons and sessions true."""
    united = twins.unite(connection, batch)
    batch = united.batch
    gone = [version.span for versions in united.absorbed.values() for version in versions]
    withdrawn = rewards.reconsider(connection, batch.reconsidered, batch.rewards)
    judging = rewards.add(connection, batch.rewards)
    joined = spans.add(connection, batch.spans, united.absorbed)
    lost_a_child = {span.parent_span_id for span in gone if span.parent_span_id is not None}
    costs.settle(connection, joined.steps, united.holders | lost_a_child)
    changed = {
        span.span_id for span, change in zip(batch.spans, joined.changes, strict=True) if change is not Change.UNCHANGED
    }
    touched = rewards.judged_by(connection, [*withdrawn, *judging.changed])
    judged = rewards.settle(connection, changed | united.holders | touched)
    deltas = Deltas()
    for span in gone:
        deltas.change(span, None)
    for step in (*joined.steps, *judged):
        deltas.change(step.before, step.after)
    deltas.write(connection)
    lessons.settle(connection, deltas.judged)
    sessions.follow(connection, joined.steps, {span.session_id for span in gone})
    positions.put(connection, batch.positions)
    events.add(connection, batch.events)
    positions.reopen(connection, batch.reopened)
    return Added(spans=joined.changes, rewards=judging.new)
