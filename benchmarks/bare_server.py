"""The least server of the SDK that ours is built on: what starting it and one call cost in any case."""

from typing import Any

from mcp.server.mcpserver import MCPServer

server: MCPServer[Any] = MCPServer("bare", log_level="WARNING")


@server.tool()
async def echo(text: str) -> dict[str, Any]:
    """Return what it is given."""
    return {"text": text}


if __name__ == "__main__":
    server.run("stdio")
