"""The report of a session."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.dashboard.credit import causes, credit
from mcp_server.dashboard.figures import NOTHING, compact, count, duration, minute, money, one_line, plural
from mcp_server.dashboard.marks import badge, outcome_bar, outcome_words
from mcp_server.dashboard.markup import Content, Markup, joined, tag
from mcp_server.dashboard.page import Section, page, tile, tiles
from mcp_server.dashboard.timeline import timeline
from mcp_server.dashboard.tree import tree

_ERRORS_LIMIT: Final = 30
_TITLE_CHARS: Final = 110
_REWARD_SUCCESS: Final = 0.75
_REWARD_FAILURE: Final = 0.25


def session_page(survey: Mapping[str, Any]) -> str:
    """The report of a session as one HTML document.

    Args:
        survey: from `Surveying.session`.
    """
    session = survey["session"]
    return page(
        title=one_line(session.get("task"), _TITLE_CHARS) or f"Session {survey['session_id']}",
        kind="Session report",
        about=_about(survey),
        head=_figures(survey),
        sections=list(_sections(survey)),
        made_at=minute(survey["made_at"]),
    )


def _about(survey: Mapping[str, Any]) -> list[Content]:
    session = survey["session"]
    lines: list[Content] = [
        joined(
            f"{minute(survey['started_at'])} UTC, session ",
            tag("code", survey["session_id"]),
            [joined(f", {name} ", tag("code", session[name])) for name in ("project", "branch") if session.get(name)],
        )
    ]
    if survey.get("agent_match"):
        lines.append(joined("Only agents that match ", tag("code", survey["agent_match"])))
    return lines


def _sections(survey: Mapping[str, Any]) -> Sequence[Section]:
    answer = survey["credit"]
    sections = [
        Section(
            "tree",
            "Who delegated to whom",
            tree(survey),
            "Each row opens to its task, its output and more."
            + (
                f" Shown are {len(survey['runs'])} of {plural(survey['runs_total'], 'run')}: failures, what the session"
                " waited for, and what cost most; +3 says that three more are below."
                if survey["left_out"]
                else ""
            ),
        ),
        Section("timeline", "When what ran", timeline(survey)),
        Section("credit", "Credit and blame", credit(answer), _credit_note(answer)),
    ]
    if answer["top_blame"]:
        sections.append(
            Section(
                "causes",
                "Likeliest causes",
                causes(answer),
                "Where to look first for a mistake: computed from the evidence of the session, not proved.",
            )
        )
    errors = [run for run in survey["runs"] if run.get("error")]
    if errors:
        sections.append(Section("errors", "Errors", _errors(errors)))
    if survey["repairs"]:
        sections.append(
            Section(
                "repairs",
                "Repairs",
                _repairs(survey),
                "Where the record contradicts itself or leaves something out, and what was done about it.",
            )
        )
    return sections


def _figures(survey: Mapping[str, Any]) -> Markup:
    totals, answer = survey["totals"], survey["credit"]
    outcome, outcomes = answer["outcome"], totals["outcomes"]
    n = totals["delegations"]
    statuses = ", ".join(f"{count(number)} {name}" for name, number in totals["statuses"].items())
    most = max((number for _, number in survey["at_once"]), default=0)
    unpriced = totals["unpriced"]
    bottleneck = answer["bottleneck"]
    return tiles(
        _outcome(outcome),
        tile("Delegations", count(n), statuses or None, outcome_bar(outcomes), outcome_words(outcomes) or None),
        tile(
            "Cost",
            money(totals["cost_usd"]),
            f"{plural(unpriced, 'run')} of unknown price left out" if unpriced else None,
        ),
        tile("Tokens", compact(totals["total_tokens"])),
        tile(
            "Time",
            duration(survey["length_ms"] or None),
            f"at most {plural(most, 'delegation')} at once" if most else None,
        ),
        tile("Bottleneck", tag("span", bottleneck["agent_type"], class_="name"), tag("code", bottleneck["span_id"]))
        if bottleneck
        else Markup(""),
    )


def _outcome(outcome: Mapping[str, Any]) -> Markup:
    value = outcome["value"]
    if value is None:
        return tile("Outcome", tag("span", "unknown", class_="missing"), "nothing has judged this session")
    word = "success" if value >= _REWARD_SUCCESS else "failure" if value <= _REWARD_FAILURE else "partial"
    return tile("Outcome", joined(badge(word), f"{value:.2f}"), f"{word}, by {outcome['source']}")


def _credit_note(answer: Mapping[str, Any]) -> str:
    if answer["outcome"]["value"] is None:
        return (
            "The outcome is unknown, so each share has two sides: how much of the credit if the session succeeded, how"
            " much of the blame if it failed."
        )
    return "What each delegation did for the outcome: to the right it helped, to the left it harmed."


def _errors(runs: Sequence[Mapping[str, Any]]) -> Markup:
    rest = len(runs) - _ERRORS_LIMIT
    items = [
        tag(
            "li",
            badge(run["outcome"], run["status"]),
            tag("span", run["agent_type"], class_="agent"),
            tag("code", run["span_id"], class_="id"),
            tag("pre", run["error"], class_="error"),
        )
        for run in runs[:_ERRORS_LIMIT]
    ]
    return joined(
        tag("ul", *items, class_="errors"),
        tag("p", f"{plural(rest, 'more error')} left out.", class_="left-out") if rest > 0 else None,
    )


def _repairs(survey: Mapping[str, Any]) -> Markup:
    found: Sequence[Mapping[str, Any]] = survey["repairs"]
    rest = survey["totals"]["repairs"] - len(found)
    items = [tag("li", tag("code", one["span_id"], class_="id"), f" {one['reason'] or NOTHING}") for one in found]
    return joined(
        tag("ul", *items, class_="repairs"),
        tag("p", f"{plural(rest, 'more repair')} left out.", class_="left-out") if rest > 0 else None,
    )
