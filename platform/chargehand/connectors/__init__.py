"""Connectors: declare tools, register and pin them, speak MCP. Only `gateway` opens a connector session."""
