"""Days or weeks side by side: what each cost, and how its delegations ended."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mcp_server.dashboard.figures import compact, day, money, plural, time_of
from mcp_server.dashboard.marks import box, outcome_box, outcome_legend, outcome_parts, outcome_words, picture
from mcp_server.dashboard.markup import Markup, joined, per_cent, tag
from mcp_server.dashboard.page import nothing

SLOTS_LIMIT: Final = 160
_WIDEST: Final = 0.16
_SIDE_BY_SIDE: Final = 45  # so many slots are wide enough in half a page
_HEIGHT: Final = 130
_TOP: Final = 16  # room for the label of the highest value
_LABELS: Final = 5
_LABEL_HEIGHT: Final = 20


def calendar(groups: Sequence[Mapping[str, Any]], step: str) -> Markup:
    """Cost and outcomes of each day or week from the first to the last, also those without any.

    Args:
        groups: sums by day or week, in order.
        step: `day` or `week`.
    """
    days = timedelta(days=7 if step == "week" else 1)
    sums: dict[datetime, Mapping[str, Any]] = {}
    for group in groups:
        begin = time_of(group["key"][step])
        if begin is not None:
            sums[begin] = group
    if not sums:
        return nothing("Nothing was delegated.")
    last, first = max(sums), min(sums)
    n = (last - first) // days + 1
    left_out = max(0, n - SLOTS_LIMIT)
    slots = [first + days * place for place in range(left_out, n)]
    earlier = sum(group["n"] for begin, group in sums.items() if begin < slots[0])
    return joined(
        tag(
            "div",
            _costs(slots, sums, step),
            _counts(slots, sums, step),
            class_="calendar" if n > _SIDE_BY_SIDE else "calendar beside",
        ),
        outcome_legend(),
        tag("p", f"{plural(earlier, 'earlier delegation')} left out.", class_="left-out") if earlier else None,
    )


def _width(slots: Sequence[datetime]) -> float:
    return min(_WIDEST, 1 / len(slots))


def _costs(slots: Sequence[datetime], sums: Mapping[datetime, Mapping[str, Any]], step: str) -> Markup:
    known = {slot: sums[slot]["cost_usd"] for slot in slots if slot in sums and sums[slot].get("cost_usd") is not None}
    largest = max(known.values(), default=0.0)
    if not known:
        return tag("p", f"What a {step} cost is not known.", class_="nothing")
    width, room = _width(slots), _HEIGHT - _TOP
    shapes = _grid(f"{money(largest)} a {step} at most")
    for place, slot in enumerate(slots):
        start, end = (place + 0.12) * width, (place + 0.88) * width
        if slot in known:
            height = room * known[slot] / largest if largest else 0.0
            unpriced = sums[slot]["n"] - sums[slot].get("priced_n", sums[slot]["n"])
            said = f"{day(slot, year=True)}: {money(known[slot])}" + (f", {unpriced} unpriced" if unpriced else "")
            shapes.append(box(start, end, "own", y=_HEIGHT - height, height=height, title=said))
        elif slot in sums:
            middle = per_cent((start + end) / 2)
            shapes.append(tag("text", "?", x=middle, y=_HEIGHT - 4, class_="tick", text_anchor="middle"))
    words = f"Cost by {step}: {money(sum(known.values()))} in all, at most {money(largest)} a {step}"
    return _figure("Cost", words, shapes, slots)


def _counts(slots: Sequence[datetime], sums: Mapping[datetime, Mapping[str, Any]], step: str) -> Markup:
    largest = max(sums[slot]["n"] for slot in slots if slot in sums)
    width, room = _width(slots), _HEIGHT - _TOP
    shapes = _grid(f"{plural(largest, 'delegation')} a {step} at most")
    whole: dict[str, int] = {}
    for place, slot in enumerate(slots):
        if slot not in sums:
            continue
        outcomes = sums[slot].get("outcomes") or {}
        parts: list[Markup] = [tag("title", f"{day(slot, year=True)}: {outcome_words(outcomes)}")]
        y = float(_HEIGHT)
        for name, n in outcome_parts(outcomes):
            height = room * n / largest
            y -= height
            parts.append(outcome_box(name, (place + 0.12) * width, (place + 0.88) * width, y=y, height=height))
            whole[name] = whole.get(name, 0) + n
        shapes.append(tag("g", *parts))
    words = f"Outcomes by {step}: {outcome_words(whole)}; at most {compact(largest)} a {step}"
    return _figure("Outcomes", words, shapes, slots)


def _figure(title: str, words: str, shapes: Sequence[Markup], slots: Sequence[datetime]) -> Markup:
    chart = picture(words, shapes, height=_HEIGHT, class_="chart")
    return tag("figure", tag("figcaption", title), chart, _labels(slots))


def _grid(largest: str) -> list[Markup]:
    """Lines at nothing, half and the highest value, whose label stands above its line."""
    lines = [
        tag("line", x1="0%", x2="100%", y1=y, y2=y, class_="grid") for y in (_TOP, (_HEIGHT + _TOP) / 2, _HEIGHT - 0.5)
    ]
    return [*lines, tag("text", largest, x="100%", y=_TOP - 5, class_="tick", text_anchor="end")]


def _labels(slots: Sequence[datetime]) -> Markup:
    width = _width(slots)
    every = max(1, -(-len(slots) // _LABELS))
    places = range(0, len(slots), every)
    texts = [
        tag(
            "text",
            day(slots[place], year=place == 0 and len(places) > 1 and slots[0].year != slots[-1].year),
            x=per_cent((place + 0.12) * width),
            y=14,
            class_="tick",
        )
        for place in places
    ]
    return tag("svg", *texts, class_="chart", width="100%", height=_LABEL_HEIGHT, aria_hidden="true")
