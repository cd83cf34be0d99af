"""Small pictures that stand in tables and lists.

Places along a picture are shares of its width, so that it fits every screen without distorting anything.
"""

from collections.abc import Mapping
from typing import Any, Final

from mcp_server.dashboard.figures import NOT_ENOUGH, OUTCOMES, between, count, share
from mcp_server.dashboard.markup import Content, Markup, joined, per_cent, tag

HEIGHT: Final = 18
_MIDDLE: Final = HEIGHT / 2
_DOT: Final = 4.5


def picture(what: str, *shapes: Content, height: float = HEIGHT, class_: str = "mark") -> Markup:
    """An inline picture with words for those who do not see it."""
    return tag("svg", *shapes, class_=class_, width="100%", height=height, role="img", aria_label=what)


def box(
    start: float, end: float, class_: str, *, y: float = 0, height: float = HEIGHT, title: str | None = None
) -> Markup:
    """A bar from one share of the width to another."""
    said = None if title is None else tag("title", title)
    shape = tag(
        "rect", x=per_cent(start), y=y, width=per_cent(max(0.0, end - start)), height=height, class_=class_, rx=1.5
    )
    return shape if said is None else tag("g", said, shape)


def whisker(success: Mapping[str, Any] | None, *, what: str) -> Markup:
    """A success rate as a dot on a line from 0 to 100 %, with its interval; a ring where it is shrunken."""
    if success is None:
        axis = tag("line", x1="0%", x2="100%", y1=_MIDDLE, y2=_MIDDLE, class_="axis missing")
        return picture(f"{what}: {NOT_ENOUGH}", axis, class_="mark whisker")
    rate, low, high = success["rate"], success["low"], success["high"]
    words = f"{what}: {share(rate)}, 90 % interval {between(low, high)}"
    return picture(
        words,
        tag("title", words),
        tag("line", x1="0%", x2="100%", y1=_MIDDLE, y2=_MIDDLE, class_="axis"),
        [
            tag("line", x1=at, x2=at, y1=_MIDDLE - 3, y2=_MIDDLE + 3, class_="axis")
            for at in ("0%", "25%", "50%", "75%", "100%")
        ],
        tag("line", x1=per_cent(low), x2=per_cent(high), y1=_MIDDLE, y2=_MIDDLE, class_="interval"),
        tag("circle", cx=per_cent(rate), cy=_MIDDLE, r=_DOT, class_="dot ring" if success.get("shrunken") else "dot"),
        class_="mark whisker",
    )


def outcome_parts(outcomes: Mapping[str, int]) -> list[tuple[str, int]]:
    """The outcomes that occur, in the order in which they are drawn."""
    return [(name, outcomes[name]) for name in OUTCOMES if outcomes.get(name)]


def outcome_words(outcomes: Mapping[str, int]) -> str:
    """The outcomes that occur, in words."""
    return ", ".join(f"{count(n)} {name}" for name, n in outcome_parts(outcomes))


def outcome_bar(outcomes: Mapping[str, int], *, of: int | None = None, what: str = "Outcomes") -> Markup:
    """How many delegations had which outcome, as parts of a bar.

    Args:
        outcomes: how many of each.
        of: how many a bar of full width holds; without it, all of these.
        what: whose outcomes.
    """
    whole = of or sum(outcomes.values()) or 1
    words = f"{what}: {outcome_words(outcomes) or 'none'}"
    shapes: list[Markup] = [tag("title", words)]
    start = 0.0
    for name, n in outcome_parts(outcomes):
        shapes.append(outcome_box(name, start, start + n / whole, y=2, height=HEIGHT - 4))
        start += n / whole
    return picture(words, *shapes)


def outcome_box(name: str, start: float, end: float, *, y: float, height: float) -> Markup:
    """A bar in the colour and the texture of an outcome."""
    shapes = [box(start, end, f"o-{name}", y=y, height=height)]
    if name in {"failure", "partial"}:
        shapes.append(box(start, end, f"t-{name}", y=y, height=height))
    return joined(shapes)


def amount_bar(value: float | None, largest: float | None, *, what: str, class_: str = "own") -> Markup:
    """A value as a bar, as long as its share of the largest one."""
    shapes = [] if not value or not largest else [box(0, value / largest, class_, y=5, height=HEIGHT - 10)]
    return picture(what, *shapes)


def legend(names: Mapping[str, str]) -> Markup:
    """What the colours and textures of a picture mean.

    Args:
        names: class of a shape -> what it stands for.
    """
    items = []
    for class_, meaning in names.items():
        shapes = [box(0, 1, part, height=10) for part in class_.split("+")]
        swatch = tag("svg", *shapes, width=16, height=10, aria_hidden="true")
        items.append(tag("li", swatch, meaning))
    return tag("ul", *items, class_="legend")


def outcome_legend() -> Markup:
    """The colours of outcomes."""
    classes = {"failure": "o-failure+t-failure", "partial": "o-partial+t-partial"}
    return legend({classes.get(name, f"o-{name}"): f"{sign} {name}" for name, sign in OUTCOMES.items()})


def badge(outcome: str, status: str | None = None) -> Markup:
    """An outcome as a sign in a coloured dot, with its words for those who do not see it."""
    words = outcome if status in {None, "ok"} else f"{outcome}, {status}"
    return tag(
        "span", OUTCOMES.get(outcome, "?"), class_=f"badge b-{outcome}", title=words, role="img", aria_label=words
    )
