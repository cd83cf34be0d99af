"""Delegations summed up by what they have in common, one by one from the spans."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from storage.outcomes import SAYS_NOTHING, SUCCESS_FROM
from storage.queries import Dimension, SpanFilter
from storage.sketch import Sketch
from storage.sqlite import conditions
from storage.sqlite.rollups import MICRO, NANO, SUMS, TOKENS
from storage.sqlite.totals import FEW, Totals
from storage.vocabulary import VERIFIED, Outcome, RewardSource, Status, Tier

# Rounded down, also before 1970.
_SECONDS: Final = "(started_us - 999999 * (started_us < 0)) / 1000000"
EXPRESSIONS: Final = {
    Dimension.AGENT_TYPE: "agent_type",
    Dimension.MODEL: "model",
    Dimension.TASK_TYPE: conditions.TYPE_OF_TASK,
    Dimension.PROJECT: "project",
    Dimension.AGENT_VERSION: "agent_version",
    Dimension.COMPLEXITY: "complexity",
    Dimension.DAY: f"strftime('%Y-%m-%d', {_SECONDS}, 'unixepoch')",
    # The Monday of the week. SQLite before 3.46 knows no ISO week.
    Dimension.WEEK: f"strftime('%Y-%m-%d', {_SECONDS}, 'unixepoch', '-6 days', 'weekday 1')",
}
_KNOWING: Final = ", ".join(f"'{source}'" for source in sorted(VERIFIED))
_VERIFIED: Final = f"reward_source in ({_KNOWING})"
_MUTE: Final = ", ".join(f"'{status}'" for status in sorted(SAYS_NOTHING))
_TIERS: Final = {
    Tier.VERIFIED: _VERIFIED,
    Tier.MODEL: f"reward_source = '{RewardSource.MODEL}'",
    Tier.BEHAVIOUR: f"reward_source = '{RewardSource.BEHAVIOUR}'",
    Tier.STRUCTURE: f"reward_source = '{RewardSource.STRUCTURE}' and status not in ({_MUTE})",
}
# `total` as `sum`, which gives up where a stranger's numbers exceed 64 bits; exact up to 2^53.
_EXPRESSIONS: Final = {
    "n": "count(*)",
    **{f"status_{status}": f"count(*) filter (where status = '{status}')" for status in Status},
    **{f"outcome_{outcome}": f"count(*) filter (where outcome = '{outcome}')" for outcome in Outcome},
    "verified_success_n": f"count(*) filter (where {_VERIFIED} and reward >= {SUCCESS_FROM})",
    **{f"{tier}_n": f"count(*) filter (where {where})" for tier, where in _TIERS.items()},
    **{f"{tier}_reward": f"total(round(reward * {MICRO})) filter (where {where})" for tier, where in _TIERS.items()},
    **{
        f"{tier}_reward_squared": f"total(round(reward * reward * {MICRO})) filter (where {where})"
        for tier, where in _TIERS.items()
    },
    "cost_n": "count(cost_usd)",
    "cost_nano_usd": f"total(round(cost_usd * {NANO}))",
    **{f"{name}_n": f"count({name}_tokens)" for name in TOKENS},
    **{f"{name}_tokens": f"total({name}_tokens)" for name in TOKENS},
    "tool_calls_n": "count(tool_call_count)",
    "tool_calls": "total(tool_call_count)",
    "tool_errors_n": "count(tool_error_count)",
    "tool_errors": "total(tool_error_count)",
    "guessed_n": "count(*) filter (where span.task_type is null and guessed_type is not null)",
}
ALL: Final = ", ".join(_EXPRESSIONS[name] for name in SUMS)
"""What `rollups.SUMS` name, of spans."""
# A sketch is made faster here than by an aggregate of ours, which would be called for each value.
_WITH_DURATIONS: Final = f"{ALL}, json_group_array(duration_ms) filter (where duration_ms is not null)"
_ESSENCE: Final = ", ".join([*(_EXPRESSIONS[name] if name in FEW else "0.0" for name in SUMS), "'[]'"])


def totals(
    connection: sqlite3.Connection, question: SpanFilter, by: Sequence[Dimension], *, brief: bool = False
) -> Totals:
    """What the delegations that match add up to, by the dimensions; what makes an `Essence` alone comes faster."""
    condition, parameters = conditions.where(question)
    keys = "".join(f"{EXPRESSIONS[one]}, " for one in by)
    sums, key = _ESSENCE if brief else _WITH_DURATIONS, len(by)
    places = ", ".join(str(1 + place) for place in range(key)) or "null"
    plain = connection.cursor()
    plain.row_factory = None
    found = Totals()
    for row in plain.execute(f"select {keys}{sums} from span where {condition} group by {places}", parameters):
        found.add(row[:key], row[key:-1], Sketch.of(json.loads(row[-1])).counts)
    return found
