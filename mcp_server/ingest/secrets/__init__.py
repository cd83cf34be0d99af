"""What secrets look like, and where they stand. The only door is `mcp_server.ingest.redaction`."""
