"""Hands over to the command line."""

from mcp_server.cli.main import main

if __name__ == "__main__":
    main()
