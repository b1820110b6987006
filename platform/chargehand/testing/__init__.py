"""What authors import to test agents, policies and connectors."""
