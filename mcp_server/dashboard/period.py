"""The report of a period."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from mcp_server.analysis.intervals import LEAST_EVIDENCE
from mcp_server.dashboard.advice import advice
from mcp_server.dashboard.calendar import calendar
from mcp_server.dashboard.figures import (
    NOT_ENOUGH,
    NOTHING,
    between,
    compact,
    count,
    day,
    duration,
    minute,
    money,
    plural,
    share,
    time_of,
    tokens_of,
)
from mcp_server.dashboard.lists import largest, task_types, verdicts_wanted
from mcp_server.dashboard.marks import outcome_bar, outcome_words, whisker
from mcp_server.dashboard.markup import Content, Markup, joined, tag
from mcp_server.dashboard.matrix import matrix
from mcp_server.dashboard.page import Section, page, tile, tiles

_TWENTY: Final = 20


def period_page(survey: Mapping[str, Any]) -> str:
    """The report of a period as one HTML document.

    Args:
        survey: from `Surveying.period`; with `insights`, what to change is shown as well.
    """
    totals = survey["totals"]
    return page(
        title=_title(survey),
        kind="Delegation report",
        about=_about(survey),
        head=_figures(totals) if totals["n"] else _empty(),
        sections=list(_sections(survey)) if totals["n"] else [],
        made_at=minute(survey["made_at"]),
    )


def _sections(survey: Mapping[str, Any]) -> Sequence[Section]:
    step = survey["step"]
    sections = [
        Section(
            "agents",
            "Agents and models",
            matrix(survey["arms"], survey["arms_total"]),
            "How often each pair succeeded among its judged delegations: the dot is the rate, the line its 90 %"
            f" interval. Below {LEAST_EVIDENCE:.0f} judged there is not enough data; a ring is drawn to the middle, for"
            " little is known. Pairs that were given harder work look worse than they are.",
        ),
        Section(
            "time",
            f"By {step}",
            calendar(survey["steps"], step),
            f"What each {step} cost, and how its delegations ended (UTC).",
        ),
        Section("tasks", "Kinds of tasks", task_types(survey["task_types"])),
    ]
    if survey.get("insights") is not None:
        sections.insert(1, Section("advice", "What to change", advice(survey), "The largest first."))
    sections += [
        Section("dearest", "Dearest delegations", largest(survey["dearest"], "cost_usd")),
        Section("longest", "Longest delegations", largest(survey["longest"], "duration_ms")),
    ]
    if survey["verdicts_wanted"]:
        sections.append(
            Section(
                "verdicts",
                "Your verdict is wanted",
                verdicts_wanted(survey["verdicts_wanted"]),
                "Rates rest on judged delegations. VALUE is from 0 (failed) to 1 (done).",
            )
        )
    return sections


def _title(survey: Mapping[str, Any]) -> str:
    first = survey["since"] or survey["first_day"]
    last = _last_moment(first, survey["until"]) or survey["last_day"]
    if first is None and last is None:
        return "Nothing recorded"
    if first is None or last is None:
        return f"Since {day(first, year=True)}" if last is None else f"Until {day(last, year=True)}"
    return day(last, year=True) if first[:10] == last[:10] else f"{day(first, year=True)} to {day(last, year=True)}"


def _last_moment(first: str | None, until: str | None) -> str | None:
    """The last one of a period: one until midnight ends on the day before."""
    begin, end = time_of(first), time_of(until)
    if begin is None or end is None or end <= begin:
        return until
    return (end - timedelta(microseconds=1)).isoformat()


def _about(survey: Mapping[str, Any]) -> list[Content]:
    lines: list[Content] = []
    if survey.get("agent_match"):
        lines.append(joined("Agents that match ", tag("code", survey["agent_match"])))
    if survey.get("project"):
        lines.append(joined("Project ", tag("code", survey["project"])))
    return lines


def _figures(totals: Mapping[str, Any]) -> Markup:
    success = totals.get("success")
    judged, n = totals.get("verified_n", 0), totals["n"]
    times = totals.get("duration_ms") or {}
    unpriced = n - totals.get("priced_n", n)
    outcomes = totals.get("outcomes") or {}
    tokens = totals.get("tokens") or {}
    cached = tokens.get("cache_read_tokens")
    rate = (
        tile("Success", tag("span", NOT_ENOUGH, class_="missing"), _judged(judged), whisker(None, what="Success"))
        if success is None
        else tile(
            "Success",
            share(success["rate"]),
            f"90 %: {between(success['low'], success['high'])}",
            whisker(success, what="Success"),
        )
    )
    return tiles(
        tile("Delegations", count(n), outcome_words(outcomes), outcome_bar(outcomes), _change(totals)),
        tile("Judged", count(judged), f"{share(judged / n)} of all, by people, tests or verifiers"),
        rate,
        tile(
            "Cost",
            money(totals.get("cost_usd")),
            _per_success(totals),
            f"{plural(unpriced, 'delegation')} of unknown price left out" if unpriced else None,
        ),
        tile(
            "Tokens",
            compact(tokens_of(totals)),
            None if cached is None else f"{compact(cached)} of them read from the cache",
        ),
        tile("Time of one", duration(times.get("median")), _spread(totals)),
    )


def _spread(totals: Mapping[str, Any]) -> str:
    """Beside the median, where one in twenty of those that ended is a delegation at all."""
    statuses: Mapping[str, int] = totals.get("statuses") or {}
    ended = sum(n for status, n in statuses.items() if status not in {"running", "lost"})
    if ended < _TWENTY:
        return "median"
    return f"median; 95 % within {duration(totals['duration_ms']['p95'])}"


def _change(totals: Mapping[str, Any]) -> str | None:
    """Against the window before, as long as this one."""
    before = (totals.get("trend") or {}).get("n_before")
    return None if before is None else f"{count(before)} in as long a time before"


def _per_success(totals: Mapping[str, Any]) -> str | None:
    each = totals.get("cost_per_success_usd")
    return None if each is None else f"{money(each)} a success"


def _judged(judged: int) -> str:
    return f"{judged} judged; a rate needs {LEAST_EVIDENCE:.0f}" if judged else "nothing was judged yet"


def _empty() -> Markup:
    return tag(
        "div",
        tag("p", NOTHING, class_="value", aria_hidden="true"),
        tag("h2", "No delegations in this period"),
        tag(
            "p",
            "Read Claude Code's history with ",
            tag("code", "delegation-telemetry import"),
            ", install the plugin to record as you work, or ask for another time with ",
            tag("code", "--since"),
            ".",
        ),
        class_="empty",
    )
