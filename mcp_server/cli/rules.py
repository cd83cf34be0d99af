"""`rules`: what was learned, as a block in a file or as models of agents, with consent and a way back."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mcp_server.cli.app import App, database_option, run
from mcp_server.cli.differences import print_edits, refusal, unified
from mcp_server.cli.rendering import print_json, say
from mcp_server.service.shell_words import argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp_server.service.rule_texts import Learned
    from mcp_server.service.user_files import Edit

_AGENTS: Final = Path(".claude") / "agents"


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--agents",
    "folder",
    is_flag=False,
    flag_value=str(_AGENTS),
    type=click.Path(path_type=Path),
    metavar="[FOLDER]",
    help=f"Propose `model:` lines for the agents defined here; without a FOLDER in {_AGENTS}.",
)
@click.option("--undo", is_flag=True, help="Take back what was last written into FILE, or into the FOLDER's agents.")
@click.option(
    "--prefer",
    type=click.Choice(["quality", "balanced", "cost", "speed"]),
    default="balanced",
    show_default=True,
    help="What the rules weigh.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the rules, and each change with its diff.")
@database_option
def command(
    db: str | None, files: tuple[Path, ...], folder: Path | None, *, undo: bool, prefer: str, yes: bool, as_json: bool
) -> None:
    """Write learned routing rules with their evidence into FILE, such as .claude/rules/delegation.md.

    Shows the difference first and asks. Only a block of its own is ever written: all around it stays byte for byte.
    Without FILE and --agents the rules are only printed. Where there is not enough data, nothing is written.
    """
    if undo and not files and folder is None:
        raise click.UsageError("say what to undo: FILE, or --agents FOLDER")
    if not undo and len(files) > 1:
        raise click.UsageError("the rules go into one FILE")

    proposed = run(db, partial(_propose, files=files, folder=folder, undo=undo, prefer=prefer))
    for note in proposed.left_alone:
        say(f"left alone: {note}", err=True)
    if not as_json:
        _print(proposed)
    edits = proposed.edits
    question = f"Change {len(edits)} files?" if len(edits) > 1 else "Change this file?"
    refused = refusal(question, is_given=yes) if edits else None
    is_written = bool(edits) and refused is None
    if is_written:
        run(db, partial(_write, edits=edits, undo=undo))
    if as_json:
        _print_object(proposed, is_written=is_written)
    if refused is not None:
        raise click.ClickException(refused)


@dataclass(frozen=True)
class _Proposed:
    learned: "Learned | None"
    edits: "Sequence[Edit]"
    left_alone: "Sequence[str]"
    is_only_shown: bool
    """Nothing was named in which anything could change."""


async def _propose(app: App, *, files: tuple[Path, ...], folder: Path | None, undo: bool, prefer: str) -> _Proposed:
    if undo:
        edits = [app.ruling.undone(path) for path in dict.fromkeys(files)]
        edits += app.ruling.undone_below(folder) if folder else []
        return _Proposed(None, edits, (), is_only_shown=False)
    learned = await app.ruling.learned(prefer)
    found = [edit for path in files for edit in [app.ruling.for_file(path, learned)] if edit]
    more, left_alone = app.ruling.for_agents(folder, learned) if folder else ([], [])
    return _Proposed(learned, found + more, left_alone, is_only_shown=not files and folder is None)


async def _write(app: App, *, edits: "Sequence[Edit]", undo: bool) -> None:
    for edit in edits:
        (app.user_files.take_back if undo else app.user_files.write)(edit)
        # Each at once: if the next one fails, it must be known what has changed already.
        did = "removed" if edit.after is None else "taken back" if undo else "written"
        way_back = f"delegation-telemetry rules --undo {argument(str(edit.path)) or 'FILE'}"
        say(f"{edit.path}: {did}{'' if undo else f'; `{way_back}` takes it back'}", err=True)


def _print(proposed: _Proposed) -> None:
    learned = proposed.learned
    if learned is not None and (left_out := learned.left_out()):
        say(f"note: {left_out}", err=True)
    if learned is not None and not learned.lines():
        say(f"no rules: {learned.why_nothing()}", err=True)
    elif learned is not None and proposed.is_only_shown:
        for line in learned.lines():
            say(line)
    elif not proposed.edits:
        click.echo("nothing to change", err=True)
    print_edits(proposed.edits)


def _print_object(proposed: _Proposed, *, is_written: bool) -> None:
    changes = [
        {"path": str(edit.path), "diff": "\n".join(unified(edit)), "notes": list(edit.notes), "written": is_written}
        for edit in proposed.edits
    ]
    print_json({"rules": proposed.learned.as_object() if proposed.learned else None, "changes": changes})
