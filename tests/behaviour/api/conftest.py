"""The fixtures of the API's tests."""

from fixtures.api import app, connect, db, root, seeded

__all__ = ["app", "connect", "db", "root", "seeded"]
