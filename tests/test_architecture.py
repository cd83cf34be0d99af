"""Who may import whom. Imports only go down, from the top floor to the ground."""

import ast
import functools
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDS = (
    "storage.vocabulary",
    "storage.fields",
    "storage.records",
    "storage.outcomes",
    "storage.sketch",
    "storage.lessons",
    "storage.words",
)
CONTRACT = (*RECORDS, "storage.versions", "storage.subtrees", "storage.errors", "storage.queries", "storage.store")

# Prefix of a module -> prefixes of our own modules that it may import. The longest prefix that fits decides.
MAY_IMPORT = {
    "storage": CONTRACT,
    "storage.vocabulary": (),
    "storage.fields": (),
    "storage.sketch": (),
    "storage.records": ("storage.fields", "storage.vocabulary"),
    "storage.sqlite": (*CONTRACT, "storage.sqlite"),
    "storage.opening": (*CONTRACT, "storage.sqlite"),
    "mcp_server.settings": (),
    "mcp_server.analysis": (*RECORDS, "mcp_server.analysis"),
    "mcp_server.ingest": (*RECORDS, "storage.versions", "storage.queries", "mcp_server.ingest"),
    "mcp_server.service": (
        *CONTRACT, "mcp_server.settings", "mcp_server.analysis", "mcp_server.ingest", "mcp_server.service",
    ),
    "mcp_server.tools": (*RECORDS, "storage.errors", "storage.queries", "mcp_server.service", "mcp_server.tools"),
    "mcp_server.dashboard": (
        *RECORDS, "mcp_server", "mcp_server.analysis", "mcp_server.service", "mcp_server.dashboard",
    ),
    "mcp_server.server": ("mcp_server", "mcp_server.service", "mcp_server.tools"),
    "mcp_server.cli": (
        *CONTRACT, "storage.opening", "mcp_server", "mcp_server.settings", "mcp_server.ingest", "mcp_server.service",
        "mcp_server.server", "mcp_server.dashboard", "mcp_server.cli", "mcp_server.analysis.plurals",
        "mcp_server.analysis.amounts",
    ),
    "mcp_server.__main__": ("mcp_server.cli.main",),
    "mcp_server": (),
}  # fmt: skip

# Floor -> outside packages that it may import besides the standard library.
OUTSIDE = {
    "storage": {"pydantic"},
    "storage.sqlite": {"aiosqlite", "anyio"},
    "mcp_server.settings": {"pydantic", "platformdirs"},
    "mcp_server.analysis": set(),
    "mcp_server.ingest": {"pydantic", "pydantic_core", "genai_prices"},
    "mcp_server.service": {"pydantic", "anyio", "regex"},
    "mcp_server.tools": {"pydantic", "mcp"},
    "mcp_server.dashboard": set(),
    "mcp_server.server": {"mcp"},
    "mcp_server.cli": {"click", "anyio", "rich", "mcp"},
    "mcp_server": set(),
}
PURE = {"time", "random", "os", "pathlib", "logging", "socket", "subprocess", "secrets", "io"}


@functools.cache
def modules() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for top in ("storage", "mcp_server"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


@functools.cache
def imports(path: Path) -> list[str]:
    found: list[str] = []
    known = {name for name, _ in modules()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if name in known else node.module for name in names]
    return found


def floor(module: str, floors: dict[str, object]) -> str:
    return max((prefix for prefix in floors if module == prefix or module.startswith(f"{prefix}.")), key=len)


def is_below(module: str, prefix: str) -> bool:
    return module == prefix or (prefix not in {"mcp_server", "storage"} and module.startswith(f"{prefix}."))


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=found[0]) for found in modules()])
def test_imports_only_go_down(module: str, path: Path) -> None:
    allowed = MAY_IMPORT[floor(module, dict(MAY_IMPORT))]
    ours = {name for name in imports(path) if name.partition(".")[0] in {"storage", "mcp_server"}}
    assert {name for name in ours if not any(is_below(name, prefix) for prefix in allowed)} == set()


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=found[0]) for found in modules()])
def test_each_floor_keeps_to_its_own_libraries(module: str, path: Path) -> None:
    outside = {name.partition(".")[0] for name in imports(path)} - {"storage", "mcp_server"} - sys.stdlib_module_names
    assert outside <= OUTSIDE[floor(module, dict(OUTSIDE))] | {"__future__"}


@pytest.mark.parametrize(
    ("module", "path"),
    [pytest.param(*found, id=found[0]) for found in modules() if found[0].startswith("mcp_server.analysis")],
)
def test_analysis_has_no_clock_no_files_and_no_randomness_of_its_own(module: str, path: Path) -> None:
    assert {name.partition(".")[0] for name in imports(path)} & PURE == set()


def test_every_module_says_what_it_is() -> None:
    silent = [
        module for module, path in modules() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_folder_is_deeper_than_two_and_none_is_a_drawer_for_everything() -> None:
    names = {part for module, _ in modules() for part in module.split(".")}
    assert names & {"utils", "util", "helpers", "common", "manager", "misc"} == set()
    assert max(module.count(".") for module, _ in modules()) <= 3
