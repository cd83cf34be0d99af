"""`route`: who should do a task."""

from typing import Any

import click

from mcp_server.cli.app import App, database_option, json_option, run
from mcp_server.cli.rendering import print_json
from mcp_server.cli.routing_report import print_advice
from storage.vocabulary import Level

_LEVEL = click.Choice([level.value for level in Level])


@click.command()
@click.argument("task")
@click.option("--task-type", metavar="TYPE", help="Kind of task, such as search or debug. Default: guessed from words.")
@click.option("--complexity", type=_LEVEL, help="As you judge it before anybody has tried; matters most.")
@click.option("--criticality", type=_LEVEL, help="High: it deploys, deletes, pays, authenticates or migrates data.")
@click.option("--uncertainty", type=_LEVEL, help="Of what is wanted.")
@click.option(
    "--candidate",
    "candidates",
    metavar="AGENT[@MODEL]",
    multiple=True,
    help="Arm to choose from; may be repeated. Default: all that were seen, and the agents that are defined.",
)
@click.option(
    "--prefer",
    type=click.Choice(["quality", "balanced", "cost", "speed"]),
    default="balanced",
    show_default=True,
    help="What matters.",
)
@click.option("--max-cost-usd", type=click.FloatRange(min=0), help="At most this expected cost, in US dollars.")
@click.option("--max-duration-s", type=click.FloatRange(min=0), help="At most this expected duration, in seconds.")
@click.option("--project", metavar="PATH", help="Project whose agents are meant beside your own.")
@json_option
@database_option
def command(db: str | None, task: str, *, candidates: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Suggest who should do TASK, from the history of judged delegations, and say how sure that is."""
    levels = {name: Level(given.pop(name)) for name in ("complexity", "criticality", "uncertainty") if given[name]}

    async def asking(app: App) -> dict[str, Any]:
        from mcp_server.service.advice_asked import Asked  # noqa: PLC0415 - `--help` does not need it

        arms = [_arm(one) for one in candidates] or None
        await app.advising.learning.caught_up()
        return await app.advising.suggest(Asked(task=task, candidates=arms, **{**given, **levels}))

    answer = run(db, asking)
    if as_json:
        print_json(answer)
    else:
        print_advice(answer)


def _arm(text: str) -> tuple[str, str | None]:
    agent_type, _, model = text.partition("@")
    if not agent_type:
        raise click.UsageError(f"--candidate {text!r} names no agent; write AGENT or AGENT@MODEL")
    return agent_type, model or None
