"""Programs from npm that tests run, installed once into a folder that outlives the tests."""

import fcntl
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def install(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages into a folder of their own, unless that was done before; several test processes may ask at once.

    Args:
        folder: where to; made if it is not there.
        packages: as npm names them, with a version each.

    Returns:
        The folder's `node_modules`. The test is skipped where npm or a package cannot be had.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            (folder / "package.json").write_text("{}")
            command = [npm, "install", "--no-audit", "--no-fund", *packages]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm cannot install {', '.join(packages)}: {done.stderr[-200:]}")
            (folder / "done").touch()
    return folder / "node_modules"
