"""The only path a tool call takes, one file a stage."""
