"""The HTTP process: FastAPI wiring, server-sent events, the console's static files, the MCP endpoint."""
