"""MCP connector servers, one folder a system. Each also runs alone: `python -m chargehand_connectors.<system>`."""
