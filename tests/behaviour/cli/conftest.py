"""The fixtures of the command line's tests."""

from fixtures.cli import command, server, signed_in

__all__ = ["command", "server", "signed_in"]
