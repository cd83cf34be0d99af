"""The manifests by which registries and clients install the server tell what the package is."""

import json
import os
import re
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mcp_server import __version__
from mcp_server.settings import PREFIX, Settings
from tests.npm import install

ROOT = Path(__file__).parents[2]
SERVER = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
SNAPSHOTS = ROOT / "tests" / "tools" / "snapshots"
BUNDLE_FOLDER = ROOT / "packaging" / "mcpb"
BUNDLE = json.loads((BUNDLE_FOLDER / "manifest.json").read_text(encoding="utf-8"))


def test_every_manifest_has_the_packages_version() -> None:
    versions = {SERVER["version"], SERVER["packages"][0]["version"], BUNDLE["version"]}
    assert versions == {__version__}


def test_the_registrys_manifest_keeps_the_registrys_limits() -> None:
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert 3 <= len(SERVER["name"]) <= 200
    assert 1 <= len(SERVER["title"]) <= 100
    assert 1 <= len(SERVER["description"]) <= 100
    (package,) = SERVER["packages"]
    assert package["transport"] == {"type": "stdio"}
    assert "registryBaseUrl" not in package


def test_the_readme_claims_the_name_in_the_registry() -> None:
    """The registry looks for these words in the published package."""
    assert f"mcp-name: {SERVER['name']}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_manifests_let_people_set_are_settings() -> None:
    asked = [variable["name"] for variable in SERVER["packages"][0]["environmentVariables"]]
    asked += BUNDLE["server"]["mcp_config"]["env"]
    assert {name.removeprefix(PREFIX).lower() for name in asked} <= set(Settings.model_fields)


@pytest.mark.parametrize("manifest", [SERVER, BUNDLE], ids=["server.json", "manifest.json"])
def test_a_manifest_names_no_registrys_address(manifest: dict[str, Any]) -> None:
    addresses = re.findall(r"https?://[^\"]+", json.dumps(manifest))
    assert [address for address in addresses if "modelcontextprotocol.io/schemas" not in address] == []


def test_the_bundle_lists_tools_that_are_there() -> None:
    assert {tool["name"] for tool in BUNDLE["tools"]} <= {path.stem for path in SNAPSHOTS.glob("*.json")}


@pytest.mark.node
def test_the_bundle_is_valid_and_holds_all_that_is_needed(tmp_path: Path) -> None:
    folder = Path(tempfile.gettempdir()) / f"delegation-telemetry-npm-{os.getuid()}" / "mcpb"
    commands = install(folder, ["@anthropic-ai/mcpb@2.1.2"]) / ".bin"
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    validated = ["mcpb", "validate", str(BUNDLE_FOLDER / "manifest.json")]
    done = subprocess.run(validated, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    packed = [str(BUNDLE_FOLDER / "build"), str(tmp_path / "ours.mcpb")]
    done = subprocess.run(packed, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / "ours.mcpb") as bundle:
        names = set(bundle.namelist())
    schema = next(path.relative_to(ROOT) for path in (ROOT / "storage").rglob("*.sql"))
    assert {"manifest.json", "pyproject.toml", "README.md", BUNDLE["server"]["entry_point"], str(schema)} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/")) or "__pycache__" in name]
