"""Versions of the client from npm, installed into a cache that outlives the tests."""

import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Final

import platformdirs
import pytest

from tests.npm import install

NEWEST: Final = "2.1.329"
VERSIONS: Final = (NEWEST, "2.1.240", "2.1.100")
FOLDER_VARIABLE: Final = "DELEGATION_TELEMETRY_TEST_CLIENTS"
"""Names the folder of the clients; without it they lie in the user's cache."""
_MACHINES: Final = {"x86_64": "x64", "aarch64": "arm64"}


def command(version: str) -> list[str]:
    """How a version of the client is started. The test is skipped where it cannot be installed."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        pytest.skip("the client's isolation needs Linux, on a machine for which the client is built")
    modules = install(_folder() / version, [f"@anthropic-ai/claude-code@{version}"]) / "@anthropic-ai"
    # npm need not run the package's own installer, which would put the native program in its place.
    native = modules / f"claude-code-linux-{_MACHINES[platform.machine()]}" / "claude"
    if native.exists():
        return [str(native)]
    node = shutil.which("node")
    if node is None:
        pytest.skip(f"claude-code {version} needs Node.js")
    return [node, str(modules / "claude-code" / "cli.js")]


def _folder() -> Path:
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("delegation-telemetry-test-clients")
