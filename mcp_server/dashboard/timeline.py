"""When each agent ran, what the whole session waited for, and how many ran at once."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.dashboard.figures import duration, plural
from mcp_server.dashboard.marks import HEIGHT, badge, box, legend, outcome_box, picture
from mcp_server.dashboard.markup import Markup, joined, per_cent, tag
from mcp_server.dashboard.page import nothing
from mcp_server.dashboard.scale import Scale, scale

ROWS_LIMIT: Final = 150
_STRIP_HEIGHT: Final = 44
_BINS: Final = 160
_NEAR: Final = 0.002  # of the width: steps nearer than that are drawn as one
_UNSURE: Final = frozenset({"running", "lost"})


def timeline(survey: Mapping[str, Any]) -> Markup:
    """One row for each agent run, in the order of the tree."""
    runs: Sequence[Mapping[str, Any]] = survey["runs"]
    if not runs:
        return nothing("No agent ran.")
    if not survey["length_ms"]:
        return nothing("How long anything took is not known.")
    along = scale(survey["length_ms"], survey["at_once"])
    critical = _critical(survey["critical_path"], along)
    rows = [
        tag(
            "li",
            tag(
                "span",
                badge(run["outcome"], run["status"]),
                tag("span", run["agent_type"], class_="agent"),
                class_=f"who d{min(12, run['depth'])}",
            ),
            _bar(run, along, critical.get(run["span_id"], ())),
            tag("span", duration(run["duration_ms"]), class_="amount"),
        )
        for run in runs[:ROWS_LIMIT]
    ]
    rest = survey["runs_total"] - len(rows)
    return joined(
        tag("ol", _axis(along), _strip(survey["at_once"], along), *rows, class_="timeline"),
        legend(
            {
                "o-success": "success",
                "o-failure+t-failure": "failure",
                "o-partial+t-partial": "partial",
                "o-unknown": "not judged",
                "main": "main agent",
                "critical": "what the whole session waited for",
                "idle": "nothing delegated, drawn short",
            }
        ),
        tag("p", f"{plural(rest, 'run')} left out.", class_="left-out") if rest > 0 else None,
    )


def _bar(run: Mapping[str, Any], along: Scale, critical: Sequence[tuple[float, float]]) -> Markup:
    start, end = along.at(run["from_ms"]), along.at(run["to_ms"])
    waited = run.get("critical_ms")
    words = (
        f"{run['agent_type']}: {run['status']}, began at {duration(run['from_ms'])}, took"
        f" {duration(run['duration_ms']) if run['duration_ms'] is not None else 'an unknown time'}"
        + (f"; the session waited {duration(waited)} for it" if waited else "")
    )
    drawn = (
        box(start, end, "main", y=5, height=7)
        if run["kind"] == "session"
        else outcome_box(run["outcome"], start, end, y=3, height=10)
    )
    open_end = tag("line", x1=per_cent(end), x2="100%", y1=8, y2=8, class_="open") if run["status"] in _UNSURE else None
    shapes = [tag("title", words), *_background(along), drawn, *([open_end] if open_end else ())]
    shapes += [box(begin, until, "critical", y=14, height=3) for begin, until in critical]
    return picture(words, *shapes, class_="mark lane")


def _critical(steps: Sequence[Mapping[str, Any]], along: Scale) -> dict[str, list[tuple[float, float]]]:
    """Of each run the places where all waited for it."""
    found: dict[str, list[tuple[float, float]]] = {}
    for step in steps:
        if step["span_id"] is None:
            continue
        start, end = along.at(step["from_ms"]), along.at(step["to_ms"])
        places = found.setdefault(step["span_id"], [])
        if places and start - places[-1][1] < _NEAR:
            places[-1] = (places[-1][0], end)
        else:
            places.append((start, end))
    return found


def _background(along: Scale, height: float = HEIGHT) -> list[Markup]:
    ticks = [along.at(ms) for ms in along.ticks()]
    return [
        *(box(one.start, one.end, "idle", height=height) for one in along.stretches if one.short),
        *(tag("line", x1=per_cent(at), x2=per_cent(at), y1=0, y2=height, class_="grid") for at in ticks),
    ]


def _axis(along: Scale) -> Markup:
    texts: list[Markup] = []
    for ms in along.ticks():
        at = along.at(ms)
        anchor = "start" if at < 0.04 else "end" if at > 0.96 else "middle"  # noqa: PLR2004 - at the edges
        texts.append(tag("text", duration(ms) if ms else "0", x=per_cent(at), y=13, class_="tick", text_anchor=anchor))
    svg = tag("svg", *texts, class_="mark lane", width="100%", height=HEIGHT, aria_hidden="true")
    return tag(
        "li", tag("span", "since it began", class_="who quiet"), svg, tag("span", class_="amount"), class_="axis-row"
    )


def _strip(at_once: Sequence[tuple[int, int]], along: Scale) -> Markup | None:
    """How many delegations ran at once, as an area."""
    most = max((n for _, n in at_once), default=0)
    if not most:
        return None
    bins = [0] * _BINS
    for place, (begin, n) in enumerate(at_once):
        end = at_once[place + 1][0] if place + 1 < len(at_once) else begin
        first, last = int(along.at(begin) * _BINS), int(along.at(end) * _BINS - 1e-9)
        for at in range(min(first, _BINS - 1), min(max(first, last), _BINS - 1) + 1):
            bins[at] = max(bins[at], n)
    shapes = _background(along, _STRIP_HEIGHT)
    start = 0
    for at in range(1, _BINS + 1):
        if at == _BINS or bins[at] != bins[start]:
            height = (_STRIP_HEIGHT - 4) * bins[start] / most
            if height:
                shapes.append(
                    box(
                        start / _BINS,
                        at / _BINS,
                        "area",
                        y=_STRIP_HEIGHT - height,
                        height=height,
                        title=f"{bins[start]} at once",
                    )
                )
            start = at
    words = f"At most {plural(most, 'delegation')} at once"
    return tag(
        "li",
        tag("span", "at once", class_="who quiet"),
        picture(words, *shapes, height=_STRIP_HEIGHT, class_="mark lane"),
        tag("span", f"max {most}", class_="amount"),
        class_="strip",
    )
