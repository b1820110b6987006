"""The worker processes: agents and gateway. Wiring only."""
