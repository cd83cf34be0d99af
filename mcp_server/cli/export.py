"""`export`: spans, rows to train on, sessions for a judge, or routing decisions, as JSON lines."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Literal

import click

from mcp_server.analysis.plurals import counted
from mcp_server.cli.app import App, database_option, run
from mcp_server.cli.options import agent_mode_option
from mcp_server.cli.targets import FilePerAgent, OneFile, Target
from mcp_server.service.agent_match import AgentMode

Format = Literal["spans", "triplets", "trajectories"]

_NEEDS: Final = {
    "kinds": ("spans",),
    "agent_match": ("spans", "triplets", "trajectories"),
    "reward_agent_match": ("triplets", "trajectories"),
    "reward_policy": ("triplets", "trajectories"),
    "split_by": ("spans", "triplets", "trajectories"),
}
"""Option -> formats that know it. The judge's format and decisions are none of them."""
_FLAGS: Final = {"judge": "--llm-judge-format", "decisions": "--decisions"}
_WRITTEN: Final = {"judge": "session", "spans": "span", "decisions": "decision"}
_OPTIONS: Final = {"kinds": "--kind"}
"""Options that are not called as their parameter is."""


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["spans", "triplets", "trajectories"]),
    help="Spans, which `import` reads back unchanged (default); or rows to train on: one for each answer of a model,"
    " or one for each agent run.",
)
@click.option(
    "--llm-judge-format",
    "for_judge",
    is_flag=True,
    help="Instead: each session that did not wholly succeed, with its three likeliest culprits in full.",
)
@click.option(
    "--decisions",
    "of_decisions",
    is_flag=True,
    help="Instead: routing suggestions as spans, with what was on offer and which delegation followed.",
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), help="New file, or folder with --split-by; default: stdout."
)
@click.option("--split-by", type=click.Choice(["agent_type"]), help="One file for each agent, into a folder.")
@click.option("--session", "session_id", help="Only this session.")
@click.option("--since", metavar="TIME", help="Started since: ISO 8601, or a span back such as 7d or 24h.")
@click.option("--until", metavar="TIME", help="Started before.")
@click.option("--agent-match", metavar="REGEX", help="Regular expression searched in the agent type.")
@agent_mode_option
@click.option("--reward-agent-match", metavar="REGEX", help="Only rewards of agents in whose type this is found.")
@click.option(
    "--reward-policy",
    type=click.Choice(["last", "every", "session"]),
    help="Which answers get a reward: the last one that of its agent run (default), every one that of its run, or every"
    " one that of the whole session. An answer's own reward comes first.",
)
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(["session", "delegation", "llm_call", "tool_call"]),
    multiple=True,
    help="Only spans of these kinds; may be repeated. Default: all.",
)
@database_option
def command(
    db: str | None,
    form: Format | None,
    output: Path | None,
    split_by: str | None,
    *,
    for_judge: bool,
    of_decisions: bool,
    **options: Any,
) -> None:
    """Write what is recorded as JSON, one object on a line. Nothing that is there already is overwritten."""
    if for_judge and form is not None:
        raise click.UsageError("--llm-judge-format is a format of its own: leave out --format")
    if of_decisions and (for_judge or form is not None):
        raise click.UsageError("--decisions is a format of its own: leave out --format and --llm-judge-format")
    chosen = "decisions" if of_decisions else "judge" if for_judge else form or "spans"
    _refuse_what_does_not_apply(chosen, {**options, "split_by": split_by})
    target = _target(output, split_by)

    async def exporting(app: App) -> int:
        written = 0
        with target:
            async for row in _rows(app, chosen, **options):
                target.write(row)
                written += 1
        return written

    written = run(db, exporting)
    click.echo(f"{counted(written, _WRITTEN.get(chosen, 'row'))} written", err=True)


def _rows(
    app: App,
    chosen: str,
    *,
    kinds: tuple[str, ...],
    reward_agent_match: str | None,
    reward_policy: Literal["last", "every", "session"] | None,
    agent_mode: AgentMode,
    **limits: str | None,
) -> AsyncIterator[dict[str, Any]]:
    from mcp_server.service.exporting import Scope  # noqa: PLC0415 - `--help` does not need it

    scope = Scope(agent_mode=agent_mode, **limits)
    if chosen == "spans":
        return app.exporting.spans(scope, kinds)
    if chosen == "decisions":
        return app.exporting.decisions(scope)
    if chosen == "judge":
        return app.exporting.cases(scope)
    return app.exporting.triplets(
        scope, reward_agent_match=reward_agent_match, policy=reward_policy or "last", merged=chosen == "trajectories"
    )


def _refuse_what_does_not_apply(chosen: str, options: dict[str, Any]) -> None:
    for name, formats in _NEEDS.items():
        if options[name] and chosen not in formats:
            option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
            given = _FLAGS.get(chosen, f"--format {chosen}")
            raise click.UsageError(f"{option} does not go with {given}; it goes with --format {', '.join(formats)}")


def _target(output: Path | None, split_by: str | None) -> Target:
    if split_by is None:
        if output is not None and output.is_dir():
            raise click.UsageError(f"--output {output} is a folder: name a new file in it, or add --split-by")
        return OneFile(output)
    if output is None or output.is_file():
        raise click.UsageError("--split-by writes several files: name a folder with --output")
    return FilePerAgent(output)
