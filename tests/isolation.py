"""Running strangers' programs where they can reach nothing but loopback.

As a program, `python -m tests.isolation COMMAND...`, it makes sure of that, and becomes the command.
"""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
SYSTEM_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SET_FLAGS: Final = 0x8914  # SIOCSIFFLAGS
_UP: Final = 0x1


def isolated(*command: str) -> list[str]:
    """The command, so that it runs in a network namespace of its own. The test is skipped where there is none."""
    unshare = _unshare()
    if unshare is None:
        pytest.skip("strangers' programs only run where `unshare` can cut them off from the network")
    # By its path: the command runs in a folder and an environment of its own.
    return [*unshare, sys.executable, str(Path(__file__)), *command]


@cache
def _unshare() -> tuple[str, ...] | None:
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    command = (unshare, "--net") if os.getuid() == 0 else (unshare, "--net", "--map-root-user")
    works = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else None


def close_off() -> None:
    """Make sure that nothing but loopback can be reached, and that loopback can.

    Raises:
        SystemExit: there is another network interface.
    """
    interfaces = [name for _, name in socket.if_nameindex()]
    if interfaces != ["lo"]:
        sys.exit(f"not in a network namespace of its own: {interfaces}")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))


if __name__ == "__main__":
    close_off()
    os.execvp(sys.argv[1], sys.argv[1:])
