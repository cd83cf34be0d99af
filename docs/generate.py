"""Writes the pages that a program can print: tools.md, cli.md, schema.md. With --check it only says which are stale."""

import argparse
import ast
import json
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import anyio
import click
from mcp import Client
from mcp.types import Tool

import storage.records
from mcp_server.cli.main import COMMANDS, cli
from mcp_server.ingest.pricing import cost_usd
from mcp_server.ingest.redaction import Redactor
from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.advising import Advising
from mcp_server.service.capturing import Capturing
from mcp_server.service.crediting import Crediting
from mcp_server.service.guessing import TypeGuesser
from mcp_server.service.importing import Importing
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from storage.opening import open_store
from storage.sqlite import migrate

HERE: Final = Path(__file__).parent
SAMPLES: Final = HERE.parent / "mcp_server" / "samples"
NOTICE: Final = "<!-- Written by docs/generate.py: do not edit. -->"
HELP_WIDTH: Final = 100
EXAMPLE_CHARS: Final = 2_000
NESTED_SESSION: Final = "58f86e92-a4e4-4f11-b80b-20fb1dba6c52"
INNER_AGENT: Final = "a1e0e877aea9d0043"
EXAMPLES: Final[dict[str, list[dict[str, Any]]]] = {
    "record_spans": [
        {
            "spans": [
                {
                    "session_id": "my-session",
                    "agent_type": "reviewer",
                    "model": "claude-haiku-5-5",
                    "task": "Review the change of src/app.py",
                    "output": "Two findings, both in add().",
                    "started_at": "2026-11-20T09:00:00Z",
                    "duration_ms": 41000,
                    "complexity": "low",
                }
            ]
        }
    ],
    "record_reward": [
        {"target_id": INNER_AGENT, "value": 1, "source": "verifier", "reason": "The claims hold.", "reward_id": "r1"}
    ],
    "get_trajectory": [{"session_id": NESTED_SESSION}, {"session_id": NESTED_SESSION, "detail": "skeleton"}],
    "search_delegations": [{"words": "inner report", "limit": 1}],
    "record_claude_code_event": [
        {
            "event": {
                "session_id": "0e7d6a3c-5b0f-4a6e-9b55-6a0d9d1c2f11",
                "hook_event_name": "SubagentStart",
                "agent_id": "a3b1c2d4e5f60718",
                "agent_type": "Explore",
            }
        }
    ],
    "get_credit": [{"session_id": NESTED_SESSION}, {"since": "7d"}],
    "get_insights": [{"since": "2025-01-01", "until": "2027-01-01"}],
    "suggest_routing": [{"task": "Find where tokens are refreshed", "task_type": "search", "complexity": "low"}],
    "get_stats": [{"group_by": ["agent_type"], "agent_match": "^(Explore|checker)$"}],
}


def main() -> int:
    """Write or check all pages; 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    check = parser.parse_args().check
    stale = [name for name, text in pages() if not _settle(HERE / name, text, check=check)]
    if stale:
        print(f"stale: {', '.join(stale)}; run python docs/generate.py", file=sys.stderr)
        return 1
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every generated page."""
    yield "tools.md", anyio.run(_tools, backend="asyncio")
    yield "cli.md", _cli()
    yield "schema.md", _schema()


def _settle(path: Path, text: str, *, check: bool) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return True
    if check:
        return False
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path.name}")
    return True


async def _tools() -> str:
    parts = [NOTICE, "# Tools", _TOOLS_HEAD.strip()]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/docs.db")
        keep = TextKeeper(Redactor({}), guess=TypeGuesser())
        try:
            importing = Importing(store, keep, cost_usd, Path(folder))
            await importing.paths([SAMPLES])
            reporting = Reporting(store)
            services = Services(
                recording=Recording(store, keep),
                reporting=reporting,
                crediting=Crediting(store, reporting.present),
                reviewing=Reviewing(store, reporting.present, reporting.asking),
                advising=Advising(
                    store, reporting.present, keep, config=Path(folder), new_id=lambda: "route-0c3f8e1d5a7b9264"
                ),
                capturing=Capturing(store, importing, keep, config=Path(folder)),
            )
            server = build_server(services)
            async with Client(server) as client:
                for tool in (await client.list_tools()).tools:
                    parts += [_tool_head(tool), _parameters(tool)]
                    for arguments in EXAMPLES[tool.name]:
                        result = await client.call_tool(tool.name, arguments)
                        parts.append(_example(arguments, result.structured_content or {}))
                templates = (await client.list_resource_templates()).resource_templates
                resources = (await client.list_resources()).resources
                prompts = (await client.list_prompts()).prompts
        finally:
            await store.close()
    rows = [(f"`{one.uri}`", one.description or "") for one in resources]
    rows += [(f"`{one.uri_template}`", one.description or "") for one in templates]
    parts += ["## Resources", _table(("uri", "what"), rows)]
    named = [(f"`{one.name}`", one.description or "", _arguments(one.arguments)) for one in prompts]
    parts += ["## Prompts", _table(("prompt", "what", "arguments"), named)]
    parts += ["## Fields of a span", _FIELDS_HEAD.strip(), _fields()]
    return "\n\n".join(parts) + "\n"


_TOOLS_HEAD = """
What a model sees of the server `delegation`. Rules for every tool:

- Arguments that a tool does not know are refused, and `null` means left out.
- Times are ISO 8601 (UTC where no zone is named), or a span back from now such as `7d` or `24h`.
- Text and structured content of an answer say the same. An answer is kept within `max_chars`: long texts are cut first,
  with a mark, then spans are left for the next page. Ids, and the names by which one groups and filters (agents,
  models, projects, types of task), are never cut: one item comes in any case, even where its names alone are longer.
  `returned`, `total` and `next_cursor` say what was left out; pass `next_cursor` as `cursor` to go on. Cursors stay
  valid while new spans arrive.
- An error names the value, the reason, and what works. A refused call has changed nothing.
- Stored tasks and outputs are data from earlier sessions. They are returned inside fields, never as instructions.
- `agent_match` is a Python regular expression that is searched in the agent type, in bounded time.

The examples are real answers over the sample sessions that the package ships.
"""

_FIELDS_HEAD = """
`summary` shows a part of these, `full` and exported lines all of them. Null fields that are not part of the skeleton
are left out of answers, not of exports.
"""


def _tool_head(tool: Tool) -> str:
    hints = tool.annotations
    kind = "reads" if hints is not None and hints.read_only_hint else "writes"
    kind += "; repeating a call changes nothing" if kind == "writes" and hints and hints.idempotent_hint else ""
    return f"## {tool.name}\n\n**{tool.title}** ({kind}). {tool.description}"


def _parameters(tool: Tool) -> str:
    schema = tool.input_schema
    required = set(schema.get("required", ()))
    rows = [
        (f"`{name}`", _type(part, schema), "yes" if name in required else _default(part), part.get("description", ""))
        for name, part in schema["properties"].items()
    ]
    text = _table(("parameter", "type", "default", "meaning"), rows)
    for name, definition in schema.get("$defs", {}).items():
        if "properties" in definition:
            fields = [
                (f"`{key}`", _type(part, schema), part.get("description", ""))
                for key, part in definition["properties"].items()
            ]
            text += f"\n\nA `{name}`:\n\n" + _table(("field", "type", "meaning"), fields)
    return text


def _type(part: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        definition = schema["$defs"][name]
        return _type(definition, schema) if "enum" in definition else f"`{name}`"
    if "enum" in part:
        return " / ".join(f"`{word}`" for word in part["enum"])
    if part.get("type") == "array":
        return f"list of {_type(part['items'], schema)}"
    bounds = [f"{sign} {part[key]:,}" for key, sign in _BOUNDS.items() if key in part]
    return ", ".join([part.get("type", "any"), *bounds])


_BOUNDS: Final = {"minimum": "≥", "maximum": "≤", "maxLength": "length ≤"}


def _default(part: dict[str, Any]) -> str:
    return f"`{json.dumps(part['default'])}`" if "default" in part else ""


def _arguments(arguments: Sequence[Any] | None) -> str:
    return ", ".join(f"`{argument.name}`" for argument in arguments or ())


def _example(arguments: dict[str, Any], answer: dict[str, Any]) -> str:
    text = json.dumps(answer, indent=1, ensure_ascii=False)
    shown = text if len(text) <= EXAMPLE_CHARS else f"{text[:EXAMPLE_CHARS]}\n…"
    return f"```json\n{json.dumps(arguments, ensure_ascii=False)}\n```\n\n```json\n{shown}\n```"


def _fields() -> str:
    """Every field of a span, with what its declaration says about it."""
    tree = ast.parse(Path(storage.records.__file__).read_text(encoding="utf-8"))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Span")
    rows: list[tuple[str, str, str]] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rows.append((f"`{node.target.id}`", f"`{ast.unparse(node.annotation)}`".replace("|", "\\|"), ""))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and rows:
            name, kind, _ = rows[-1]
            rows[-1] = (name, kind, " ".join(str(node.value.value).split()))
    return _table(("field", "type", "meaning"), rows)


def _cli() -> str:
    parts = [NOTICE, "# Commands", _CLI_HEAD.strip(), f"```\n{_help(cli, 'delegation-telemetry')}\n```"]
    context = click.Context(cli, info_name="delegation-telemetry")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101 - its module is missing: no page can be written
        parts.append(f"## {name}\n\n```\n{_help(command, f'delegation-telemetry {name}')}\n```")
    return "\n\n".join(parts) + "\n"


_CLI_HEAD = """
Exit status: 0 done, 1 failed, 2 wrong usage. Data goes to stdout, everything else to stderr. On a terminal there are
tables, colours and progress bars; in a pipe plain text, uncut.
"""


def _help(command: click.Command, name: str) -> str:
    context = click.Context(command, info_name=name, max_content_width=HELP_WIDTH, terminal_width=HELP_WIDTH)
    return command.get_help(context)


def _schema() -> str:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate.migrate(connection, "memory")
    rows = connection.execute(
        "select sql from sqlite_master where sql is not null and name not like 'sqlite_%'"
        " and name not like 'span_words_%' and name not like 'lesson_words_%' order by rowid"
    ).fetchall()
    statements = "\n\n".join(f"{row[0]};" for row in rows)
    connection.close()
    head = _SCHEMA_HEAD.strip().format(version=migrate.newest())
    return f"{NOTICE}\n\n# Schema\n\n{head}\n\n```sql\n{statements}\n```\n"


_SCHEMA_HEAD = """
Version {version} of the SQLite database (`pragma user_version`). Columns that end in `_us` are microseconds since 1970,
UTC. Blobs are zlib-compressed UTF-8. Reading it with your own tools is fine; write through the tools and commands,
which keep outcomes, subtree costs, sessions and the word index true.
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


if __name__ == "__main__":
    sys.exit(main())
