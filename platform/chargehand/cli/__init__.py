"""The command line. Wiring only."""
