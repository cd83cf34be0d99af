"""Delegation telemetry: what each delegation did, cost and delivered, answered over MCP."""

__version__ = "0.1.0"
