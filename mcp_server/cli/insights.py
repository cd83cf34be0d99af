"""`insights`: what to change."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import click

from mcp_server.analysis.plurals import counted, numbered
from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.options import limit_option
from mcp_server.cli.rendering import duration, left_out, moment, money, print_json, say
from mcp_server.service.shapes import InsightKind

_EVIDENCE_SHOWN: Final = 3


@click.command()
@click.option("--kind", type=click.Choice(get_args(InsightKind)), help="Only such findings.")
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d. Default: 30d.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option("--agent-match", metavar="REGEX", help="Regular expression searched in the agent type.")
@click.option("--watch", is_flag=True, help="Also drifts that are far from sure: of ten arms one is, by chance.")
@limit_option(20)
@json_option
@database_option
def command(db: str | None, *, as_json: bool, **question: Any) -> None:
    """Say what to change: savings, bottlenecks, waste, anomalies, drift, patterns, budgets, verdicts wanted."""

    async def asking(app: App) -> dict[str, Any]:
        return await app.reviewing.insights(**question, max_chars=None)

    answer = run(db, asking)
    if as_json:
        print_json(answer)
    else:
        _print(answer)
        left_out(answer, "findings")


def _print(answer: Mapping[str, Any]) -> None:
    looked_at = answer["looked_at"]
    say(
        f"{moment(looked_at['since'])} to {moment(looked_at['until'])}:"
        f" {counted(looked_at['delegations'], 'delegation')}, {looked_at['verified']} of them verified"
    )
    for sentence in answer["left_out"]:
        say(f"note: {sentence}")
    if "note" in answer:
        say(answer["note"])
    for place, insight in enumerate(answer["insights"], start=1):
        shown = insight["span_ids"][:_EVIDENCE_SHOWN]
        click.echo()
        say(f"{place}. {insight['kind']}{_size(insight['size'])}")
        say(f"   {insight['text']}")
        say(f"   -> {insight['change']}")
        if shown:
            say(f"   see {', '.join(shown)}{' and others' if len(insight['span_ids']) > len(shown) else ''}")


def _size(size: Mapping[str, float]) -> str:
    parts = [
        *([money(size["usd"])] if "usd" in size else []),
        *([duration(size["ms"])] if "ms" in size else []),
        *([numbered(f"{size['failures']:,.1f}".removesuffix(".0"), "failure")] if "failures" in size else []),
    ]
    return f" ({', '.join(parts)})" if parts else ""
