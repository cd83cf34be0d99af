"""The server on loopback HTTP, for conformance checkers that speak nothing else: `over_http.py DATABASE PORT`."""

import sys

import anyio

from mcp_server.ingest.texts import TextKeeper
from mcp_server.server import Services, build_server
from mcp_server.service.crediting import Crediting
from mcp_server.service.recording import Recording
from mcp_server.service.reporting import Reporting
from mcp_server.service.reviewing import Reviewing
from storage.opening import open_store


async def serve(database: str, port: int) -> None:
    store = open_store(database)
    keep = TextKeeper(lambda text: text)
    reporting = Reporting(store)
    crediting = Crediting(store, reporting.present)
    reviewing = Reviewing(store, reporting.present, reporting.asking)
    recording = Recording(store, keep)
    services = Services(recording=recording, reporting=reporting, crediting=crediting, reviewing=reviewing)
    server = build_server(services)
    await server.run_streamable_http_async(host="127.0.0.1", port=port)


if __name__ == "__main__":
    anyio.run(serve, sys.argv[1], int(sys.argv[2]), backend="asyncio")
