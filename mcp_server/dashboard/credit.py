"""What each delegation did for the outcome of its session, and which one likely broke it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.dashboard.figures import NOTHING, plural, share, signed
from mcp_server.dashboard.marks import HEIGHT, amount_bar, box, legend, picture
from mcp_server.dashboard.markup import Markup, joined, tag
from mcp_server.dashboard.page import nothing, table

ROWS_LIMIT: Final = 40
_MIDDLE: Final = 0.5


def credit(answer: Mapping[str, Any]) -> Markup:
    """Shares as bars to the right of a middle line for credit, to its left for blame."""
    shares: Sequence[Mapping[str, Any]] = answer["shares"]
    if not shares:
        return nothing("Nothing was delegated, so there is nothing to share out.")
    known = answer["outcome"]["value"] is not None
    shown = shares[:ROWS_LIMIT]
    largest = max((max(map(abs, _sides(one, known=known))) for one in shown), default=0.0) or 1.0
    rows = [
        (
            joined(
                tag("span", one["agent_type"], class_="agent"),
                tag("span", one.get("model") or "", class_="model"),
                tag("code", one["span_id"], class_="id"),
            ),
            _bar(one, largest, known=known),
            _figure(one, known=known),
            _reasons(one["reasons"]),
        )
        for one in shown
    ]
    column = "credit" if known else "if it failed, if it succeeded"
    names = (
        {"blame": "blame", "credit": "credit"}
        if known
        else {"maybe-blame": "share of blame, if it failed", "maybe-credit": "share of credit, if it succeeded"}
    )
    rest = len(shares) - len(shown)
    return joined(
        table("Credit and blame", ("agent", "share", column, "why"), rows, class_="figures credit"),
        legend(names),
        tag("p", f"{plural(rest, 'smaller share')} left out.", class_="left-out") if rest else None,
        [tag("p", caution, class_="caution") for caution in answer["cautions"]],
    )


def causes(answer: Mapping[str, Any]) -> Markup:
    """Where a mistake is likeliest, the likeliest first."""
    rows = [
        (
            joined(
                tag("span", one["agent_type"], class_="agent"),
                tag("span", one.get("model") or "", class_="model"),
                tag("code", one["span_id"], class_="id"),
            ),
            joined(
                tag("span", share(one["probability"]), class_="amount"),
                amount_bar(one["probability"], 1.0, what=f"{share(one['probability'])} likely", class_="blame"),
            ),
            _reasons(one["reasons"]),
        )
        for one in answer["top_blame"]
    ]
    return table("Likeliest causes", ("agent", "how likely", "why"), rows, class_="figures causes")


def _sides(one: Mapping[str, Any], *, known: bool) -> tuple[float, float]:
    """How far a bar goes to the left and to the right."""
    if known:
        net = one["net"] or 0.0
        return (max(0.0, -net), max(0.0, net))
    return (one["failure_share"] or 0.0, one["success_share"] or 0.0)


def _bar(one: Mapping[str, Any], largest: float, *, known: bool) -> Markup:
    left, right = _sides(one, known=known)
    classes = ("blame", "credit") if known else ("maybe-blame", "maybe-credit")
    words = _words(one, known=known)
    shapes = [tag("title", words), tag("line", x1="50%", x2="50%", y1=0, y2=HEIGHT, class_="zero")]
    if left:
        shapes.append(box(_MIDDLE - left / largest / 2, _MIDDLE, classes[0], y=3, height=HEIGHT - 6))
    if right:
        shapes.append(box(_MIDDLE, _MIDDLE + right / largest / 2, classes[1], y=3, height=HEIGHT - 6))
    return picture(words, *shapes)


def _figure(one: Mapping[str, Any], *, known: bool) -> str:
    return signed(one["net"]) if known else f"{share(one['failure_share'])}, {share(one['success_share'])}"


def _words(one: Mapping[str, Any], *, known: bool) -> str:
    if known:
        return f"{one['agent_type']}: net credit {signed(one['net'])}"
    return (
        f"{one['agent_type']}: {share(one['success_share'])} of the credit if the session succeeded,"
        f" {share(one['failure_share'])} of the blame if it failed"
    )


def _reasons(reasons: Sequence[str]) -> Markup | str:
    return tag("ul", *map(_reason, reasons), class_="reasons") if reasons else NOTHING


def _reason(reason: str) -> Markup:
    """In words; the name of the rule is told to who points at it."""
    rule, _, words = reason.partition(": ")
    return tag("li", words, title=rule) if words and rule.isidentifier() else tag("li", reason)
