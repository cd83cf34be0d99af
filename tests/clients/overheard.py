"""A model's endpoint that refuses every request, and keeps what it was asked: so a client tells what it offers.

It is run as `python overheard.py LOG COMMAND...`, in a network namespace of its own, so that its port is always free.
It answers while the command runs, and leaves the bodies of the requests in LOG, one JSON text in each line.
"""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

PORT: Final = 8765
URL: Final = f"http://127.0.0.1:{PORT}"
_REFUSAL: Final = b'{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "scripted refusal"}}'


class Refusing(BaseHTTPRequestHandler):
    """Refuses, in a way after which nobody tries again."""

    log: Path

    def do_POST(self) -> None:
        """Keep what was asked."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        with self.log.open("ab") as log:
            log.write(body.replace(b"\n", b" ") + b"\n")
        self.do_GET()

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(_REFUSAL)))
        self.end_headers()
        self.wfile.write(_REFUSAL)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


def main() -> int:
    """Answer while the command runs; its exit status."""
    Refusing.log = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
