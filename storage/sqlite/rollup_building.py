"""Roll-ups made anew from all spans: by SQLite itself, in less than half the time that change after change would take.

Others cannot write meanwhile. The days of the fine cells come from the spans, those of the coarse cells from these, and
weeks from days.
"""

import sqlite3
from typing import Final

from storage.queries import Dimension
from storage.sqlite import groups
from storage.sqlite.functions import SKETCH_OF, SUM_OF_SKETCHES
from storage.sqlite.rollups import A_MONDAY, COARSE, COARSE_KEY, DAY, DAY_US, FINE, KEY, SUMS, WEEK, is_built

_COLUMNS: Final = f"cell_id, days, day, {', '.join(SUMS)}, durations"
_SUMS_OF_SUMS: Final = f"{', '.join(f'sum(rollup_period.{name})' for name in SUMS)}, {SUM_OF_SKETCHES}(durations)"
_KEY_OF_SPAN: Final = ", ".join(groups.EXPRESSIONS[Dimension(name)] for name in KEY)
_IS_CELL_OF_SPAN: Final = " and ".join(
    f"cell.{name} is span.{name}"
    if name != Dimension.TASK_TYPE
    else f"cell.{name} is coalesce(span.task_type, span.guessed_type)"
    for name in KEY
)
_IS_COARSER: Final = " and ".join(f"coarse.{name} is fine.{name}" for name in KEY[:COARSE_KEY])
# Rounded down, also before 1970.
_DAY_OF_SPAN: Final = f"(started_us - {DAY_US - 1} * (started_us < 0)) / {DAY_US}"
_WEEK_OF_DAY: Final = f"day - ((day - {A_MONDAY}) % {WEEK} + {WEEK}) % {WEEK}"
_STATEMENTS: Final = (
    "delete from rollup_period",
    "delete from rollup_cell",
    f"""
    insert into rollup_cell (level, {", ".join(KEY)})
    select distinct {FINE}, {_KEY_OF_SPAN} from span where kind = 'delegation'
    """,
    f"""
    insert into rollup_cell (level, {", ".join(KEY[:COARSE_KEY])})
    select distinct {COARSE}, {", ".join(KEY[:COARSE_KEY])} from rollup_cell where level = {FINE}
    """,
    f"""
    insert into rollup_period ({_COLUMNS})
    select cell.id, {DAY}, {_DAY_OF_SPAN} as of_day, {groups.ALL}, {SKETCH_OF}(duration_ms)
    from span cross join rollup_cell as cell on {_IS_CELL_OF_SPAN} and cell.level = {FINE}
    where kind = 'delegation' group by cell.id, of_day
    """,
    f"""
    insert into rollup_period ({_COLUMNS})
    select coarse.id, {DAY}, day, {_SUMS_OF_SUMS}
    from rollup_period join rollup_cell as fine on fine.id = cell_id
    cross join rollup_cell as coarse on {_IS_COARSER} and coarse.level = {COARSE}
    where fine.level = {FINE} group by coarse.id, day
    """,
    f"""
    insert into rollup_period ({_COLUMNS})
    select cell_id, {WEEK}, {_WEEK_OF_DAY} as of_week, {_SUMS_OF_SUMS}
    from rollup_period join rollup_cell on rollup_cell.id = cell_id
    where level = {COARSE} group by cell_id, of_week
    """,
    "update rollup_state set built = 1",
)


def build(connection: sqlite3.Connection) -> None:
    """Sum up what has not been summed up as it is now, unless that was done; inside a transaction."""
    if not is_built(connection):
        rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make all roll-ups anew from the spans; inside a transaction."""
    for statement in _STATEMENTS:
        connection.execute(statement)
