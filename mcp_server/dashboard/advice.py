"""What to change, with the evidence for each."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_server.analysis.amounts import duration, money
from mcp_server.dashboard.figures import count, plural
from mcp_server.dashboard.markup import Markup, joined, tag
from mcp_server.dashboard.page import nothing

_TITLES: Final = {
    "saving": "Saving", "realised": "Saving followed", "bottleneck": "Bottleneck", "waste": "Waste",
    "anomaly": "Anomaly", "session": "Session", "drift": "Drift", "pattern": "Pattern", "loop": "Loop",
    "failing_call": "Failing call", "inline": "Could be inline", "version": "Agent version",
    "verdicts": "Verdicts", "budget": "Budget",
}  # fmt: skip
_IDS_SHOWN: Final = 3


def advice(survey: Mapping[str, Any]) -> Markup:
    """Findings as cards, the largest first.

    Args:
        survey: of a period, with `insights`.
    """
    insights: Sequence[Mapping[str, Any]] = survey["insights"]
    rest = survey["insights_total"] - len(insights)
    return joined(
        tag("ul", *map(_card, insights), class_="cards")
        if insights
        else nothing("Nothing stands out that there is enough evidence for."),
        tag("p", f"{plural(rest, 'smaller finding')} left out.", class_="left-out") if rest > 0 else None,
        [tag("p", sentence, class_="caution") for sentence in survey["insights_left_out"]],
    )


def _card(insight: Mapping[str, Any]) -> Markup:
    kind = str(insight["kind"])
    ids: Sequence[str] = insight.get("span_ids") or ()
    return tag(
        "li",
        tag(
            "p",
            tag(
                "span",
                _TITLES.get(kind, kind.replace("_", " ")),
                class_=f"kind-of k-{'saving' if kind in {'saving', 'realised', 'inline'} else 'other'}",
            ),
            tag("b", _size(insight.get("size") or {}), class_="size"),
            class_="card-head",
        ),
        tag("p", insight["text"]),
        tag("p", insight["change"], class_="change") if insight.get("change") else None,
        tag(
            "p",
            f"from {plural(insight['n'], 'delegation')}{'; see' if ids else ''}",
            [tag("code", span_id, class_="id") for span_id in ids[:_IDS_SHOWN]],
            "and others" if len(ids) > _IDS_SHOWN else None,
            class_="evidence",
        ),
        class_="card",
    )


def _size(size: Mapping[str, Any]) -> str:
    parts = []
    if size.get("usd"):
        parts.append(money(size["usd"]))
    if size.get("ms"):
        parts.append(duration(size["ms"]))
    if size.get("failures"):
        parts.append(f"{count(round(size['failures']))} failed" if size["failures"] >= 1 else "under 1 failed")
    return " · ".join(parts)
