"""`reward`: a person's judgement."""

import math
from typing import Any

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import print_json, say
from storage.outcomes import OVERALL
from storage.vocabulary import RewardSource


def _a_number(_context: click.Context, _parameter: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is no number from 0 to 1.")
    return value


def _a_name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("a dimension has a name; leave the option out for the whole.")
    return value


@click.command()
@click.argument("target_id")
@click.argument("value", type=click.FloatRange(0, 1), callback=_a_number)
@click.option(
    "--source",
    type=click.Choice([one.value for one in RewardSource]),
    default="human",
    show_default=True,
    help="Who judged.",
)
@click.option("--name", default=OVERALL, show_default=True, callback=_a_name, help="Dimension that is judged.")
@click.option("--reason", help="Why, in a sentence.")
@json_option
@database_option
def command(db: str | None, target_id: str, value: float, source: str, *, as_json: bool, **said: Any) -> None:
    """Judge a span, an agent, a tool use or a session: VALUE from 0 (failed) to 1 (succeeded).

    Nothing is overwritten: the strongest source holds, and the newest among equals.
    """

    async def judging(app: App) -> dict[str, Any]:
        judged = await app.recording.reward(target_id, value, RewardSource(source), **said)
        return judged.model_dump()

    answer = run(db, judging)
    if as_json:
        print_json(answer)
        return
    target = answer["span_id"] or f"session {answer['session_id']}"
    say(
        f"{target}: {answer['outcome']}, {answer['name']} {answer['value']:g} by {answer['source']}"
        f" ({counted(answer['rewards'], 'judgement')})"
    )
